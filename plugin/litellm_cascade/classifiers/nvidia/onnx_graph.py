"""The same network as an ONNX graph, written node by node: no exporter stands between the weights and what ONNX Runtime computes.

Inputs ``input_ids`` and ``attention_mask``, int64 [prompts, tokens]; output ``logits``, float32 [prompts, 32]. Inference servers that speak
ONNX (Triton, OpenVINO, ONNX Runtime) take it as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from litellm_cascade.classifiers.nvidia.network import Layer, Network, Tensor

OPSET: Final = 20  # has Gelu
IR_VERSION: Final = 9
HEADS_NODE: Final = "heads"
_LENGTH: Final = "length"  # [1]: tokens of the longest prompt
_PREPARED: Final = {"onnx.quant.pre_process": "onnxruntime.quant"}
"""Says to ONNX Runtime's quantisation that there is nothing to fold or to simplify before; without it, it warns on the root logger."""
_FAR: Final = -1e9  # added to the score of a key that is padding


def write_graph(network: Network, path: Path) -> None:
    """Write the graph of a network that is in float32 on the CPU."""
    import onnx  # noqa: PLC0415 - of the extra

    ids, mask = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["prompts", "tokens"]) for name in ("input_ids", "attention_mask")
    )
    logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["prompts", network.heads[1].shape[0]])
    empty = onnx.helper.make_graph([], "nvidia", [ids, mask], [logits])
    model = onnx.helper.make_model(empty, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.helper.set_model_props(model, _PREPARED)
    Graph(network, model.graph).write()
    onnx.save(model, str(path))


class Graph:
    """Writes nodes and constants into an ``onnx.GraphProto``, in the order they are computed. A method's result is a value's name."""

    def __init__(self, network: Network, graph: Any) -> None:
        self._graph = graph
        self._network = network
        self._shape = network.dimensions

    def write(self) -> None:
        """All of it; formulas and shapes are those of ``network.logits``."""
        hidden = self._norm(self.node("Gather", self.constant(self._network.words), "input_ids"), self._network.norm)
        real = self.node("Cast", "attention_mask", to=1)  # float32 [B, L]
        missing = self.node("Sub", self.constant(1.0), real)
        keys = self.node("Unsqueeze", self.node("Mul", missing, self.constant(_FAR)), self.integers(1, 2))
        self._lengths()
        for layer in self._network.layers:
            hidden = self._layer(layer, hidden, keys)
        kept = self.node("Mul", hidden, self.node("Unsqueeze", real, self.integers(2)))
        total = self.node("ReduceSum", kept, self.integers(1), keepdims=0)
        pooled = self.node("Div", total, self.node("ReduceSum", real, self.integers(1), keepdims=1))
        self._linear(pooled, self._network.heads, name=HEADS_NODE, output="logits")

    def node(self, kind: str, *inputs: str, outputs: int = 1, output: str = "", name: str = "", **attributes: Any) -> str:
        """Add a node. With several outputs their names are the result with .0, .1, ... after it."""
        import onnx  # noqa: PLC0415 - of the extra

        result = output or f"{kind}_{len(self._graph.node)}"
        results = [result] if outputs == 1 else [f"{result}.{index}" for index in range(outputs)]
        self._graph.node.append(onnx.helper.make_node(kind, list(inputs), results, name=name or f"node_{result}", **attributes))
        return result

    def constant(self, value: Tensor | float) -> str:
        """A float32 constant."""
        return self._stored(np.asarray(value, np.float32))

    def integers(self, *values: int) -> str:
        """An int64 constant, [len(values)]."""
        return self._stored(np.asarray(values, np.int64))

    def _stored(self, array: Any) -> str:
        from onnx import TensorProto  # noqa: PLC0415 - of the extra

        name = f"constant_{len(self._graph.initializer)}"
        kind = TensorProto.INT64 if array.dtype == np.int64 else TensorProto.FLOAT
        self._graph.initializer.add(name=name, dims=array.shape, data_type=kind, raw_data=array.tobytes())  # in place: it is large
        return name

    def _lengths(self) -> None:
        """What every layer needs of the length L: where slices begin and end."""
        one, middle = self.integers(1), self.integers(self._shape.most_tokens)
        self.node("Shape", "input_ids", start=1, end=2, output=_LENGTH)
        self.node("Sub", middle, _LENGTH, output="first")
        self.node("Add", middle, _LENGTH, output="last")
        self.node("Sub", self.node("Add", _LENGTH, _LENGTH), one, output="line")  # 2L - 1
        self.node("Sub", _LENGTH, one, output="skip")  # L - 1
        self.node("Add", "skip", self.node("Mul", _LENGTH, "line"), output="stop")
        self.node("Concat", self.integers(0, 0), _LENGTH, "line", axis=0, output="rows")  # 0: as it was

    def _layer(self, layer: Layer, hidden: str, keys: str) -> str:
        seen = self._linear(self._attended(layer, hidden, keys), layer.output)
        hidden = self._norm(self.node("Add", seen, hidden), layer.output_norm)
        wide = self.node("Gelu", self._linear(hidden, layer.widen))
        return self._norm(self.node("Add", self._linear(wide, layer.narrow), hidden), layer.norm)

    def _attended(self, layer: Layer, hidden: str, keys: str) -> str:
        sizes = self.integers(0, 0, 3 * self._shape.heads, self._shape.head_size)
        parts = self.node("Transpose", self.node("Reshape", self._linear(hidden, layer.projection), sizes), perm=[0, 2, 1, 3])
        split = self.node("Split", parts, axis=1, outputs=3, num_outputs=3)
        query, key, value = (f"{split}.{index}" for index in range(3))  # each [B, H, L, d]
        scores = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self.node("Add", scores, self._by_position(query, layer.position_keys))
        from_keys = self._by_position(key, layer.position_queries)
        scores = self.node("Add", scores, self.node("Transpose", from_keys, perm=[0, 1, 3, 2]))
        odds = self.node("Softmax", self.node("Add", scores, keys), axis=-1)
        seen = self.node("Transpose", self.node("MatMul", odds, value), perm=[0, 2, 1, 3])
        return self.node("Reshape", seen, self.integers(0, 0, self._shape.hidden))

    def _by_position(self, rows: str, table: Tensor) -> str:
        used = self.node("Slice", self.constant(table), "first", "last", self.integers(2))  # [H, d, 2L]
        line = self.node("Reshape", self.node("MatMul", rows, used), self.integers(0, 0, -1))
        line = self.node("Slice", line, "skip", "stop", self.integers(2))
        return self.node("Slice", self.node("Reshape", line, "rows"), self.integers(0), _LENGTH, self.integers(3))

    def _linear(self, hidden: str, weights: tuple[Tensor, Tensor], *, name: str = "", output: str = "") -> str:
        product = self.node("MatMul", hidden, self.constant(weights[0].T), name=name)
        return self.node("Add", product, self.constant(weights[1]), output=output)

    def _norm(self, hidden: str, weights: tuple[Tensor, Tensor]) -> str:
        scale, bias = (self.constant(part) for part in weights)
        return self.node("LayerNormalization", hidden, scale, bias, axis=-1, epsilon=self._shape.epsilon)
