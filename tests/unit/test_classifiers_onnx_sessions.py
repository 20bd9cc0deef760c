import numpy as np
import pytest

from litellm_cascade.classifiers.onnx_sessions import open_session

onnx = pytest.importorskip("onnx")


@pytest.mark.parametrize("factors", [(255, 127), (255, -128), (200, 100), (3, 5)])
def test_products_of_int8_do_not_overflow_on_any_processor(tmp_path, factors):
    """The largest that there are, as ONNX Runtime multiplies where weights are signed and activations are not."""
    left, right = factors
    path = tmp_path / "product.onnx"
    path.write_bytes(product_with(np.full((64, 8), right, np.int8)))
    found = open_session(path, threads=1).run(None, {"given": np.full((1, 64), left, np.uint8)})[0]
    assert found.tolist() == [[64 * left * right] * 8]


def product_with(weights):
    helper, kinds = onnx.helper, onnx.TensorProto
    given = helper.make_tensor_value_info("given", kinds.UINT8, [1, weights.shape[0]])
    sums = helper.make_tensor_value_info("sums", kinds.INT32, [1, weights.shape[1]])
    kept = onnx.numpy_helper.from_array(weights, "weights")
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["given", "weights"], ["sums"])], "product", [given], [sums], [kept])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
