"""The model repository for Triton: a config.pbtxt that Triton's own schema takes, and a client that speaks to such a model."""

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from onnx import TensorProto, helper
from typer.testing import CliRunner

from litellm_cascade.classifiers.embedded import MODEL, SHIPPED
from litellm_cascade.classifiers.open_inference import LENGTHS, Tensor, ask_ids, read_model
from litellm_cascade.errors import ClassifierError
from litellm_cascade.offline.cli import app
from litellm_cascade.service.triton import Batching, write_repository

FIELD = descriptor_pb2.FieldDescriptorProto
# The part of triton-inference-server/common, protobuf/model_config.proto, that is written: message -> (field, number, type, repeated).
SCHEMA = {
    "Queue": [("max_queue_size", 4, "uint32", 0)],
    "Dynamic": [("max_queue_delay_microseconds", 2, "uint64", 0), ("default_queue_policy", 6, "Queue", 0)],
    "Latest": [("num_versions", 1, "uint32", 0)],
    "Version": [("latest", 1, "Latest", 0)],
    "Group": [("count", 2, "int32", 0), ("kind", 4, "Kind", 0)],
    "Input": [("name", 1, "string", 0), ("data_type", 2, "DataType", 0), ("dims", 4, "int64", 1)],
    "Output": [("name", 1, "string", 0), ("data_type", 2, "DataType", 0), ("dims", 3, "int64", 1)],
    "WarmInput": [("data_type", 1, "DataType", 0), ("dims", 2, "int64", 1), ("zero_data", 3, "bool", 0)],
    "Entry": [("key", 1, "string", 0), ("value", 2, "WarmInput", 0)],
    "WarmUp": [("name", 1, "string", 0), ("batch_size", 2, "uint32", 0), ("inputs", 3, "Entry", 1)],
    "ModelConfig": [
        ("name", 1, "string", 0),
        ("version_policy", 3, "Version", 0),
        ("max_batch_size", 4, "int32", 0),
        ("input", 5, "Input", 1),
        ("output", 6, "Output", 1),
        ("instance_group", 7, "Group", 1),
        ("dynamic_batching", 11, "Dynamic", 0),
        ("model_warmup", 16, "WarmUp", 1),
        ("backend", 17, "string", 0),
    ],
}
ENUMS = {
    "Kind": {"KIND_AUTO": 0, "KIND_GPU": 1, "KIND_CPU": 2},
    "DataType": {"TYPE_INVALID": 0, "TYPE_INT32": 8, "TYPE_INT64": 9, "TYPE_FP32": 11},
}


def model_config():
    file = descriptor_pb2.FileDescriptorProto(name="triton.proto", package="t", syntax="proto3")
    for name, values in ENUMS.items():
        enum = file.enum_type.add(name=name)
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            made = message.field.add(name=field, number=number, label=FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL)
            if kind in ENUMS or kind in SCHEMA:
                made.type, made.type_name = (FIELD.TYPE_ENUM if kind in ENUMS else FIELD.TYPE_MESSAGE), f".t.{kind}"
            else:
                made.type = getattr(FIELD, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.ModelConfig"))()


def write_onnx(path, *, inputs=("input_ids", "attention_mask"), columns=32, kind=TensorProto.INT64):
    """[prompts, tokens] -> the number of tokens that count, times 0 to 31."""
    given = [helper.make_tensor_value_info(name, kind, ["prompts", "tokens"]) for name in inputs]
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [1, columns], np.arange(columns, dtype=np.float32))
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Cast", [inputs[-1]], ["counted"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["counted", "axes"], ["total"], keepdims=1),
        helper.make_node("MatMul", ["total", "weights"], ["logits"]),
    ]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["prompts", columns])
    graph = helper.make_graph(nodes, "tiny", given, [output], [weights, axes])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_the_configuration_says_what_triton_needs(tmp_path):
    file = write_onnx(tmp_path / "tiny.onnx", inputs=("input_ids", "token_type_ids", "attention_mask"))
    batching = Batching(most_prompts=16, queue_delay_us=200, most_queued=99, instances=2, gpu=False)
    config, model = write_repository(file, tmp_path / "models", "prompts", batching)
    assert [path.relative_to(tmp_path).as_posix() for path in (config, model)] == [
        "models/prompts/config.pbtxt",
        "models/prompts/1/model.onnx",
    ]
    read = text_format.Parse(config.read_text(), model_config())
    assert (read.name, read.backend, read.max_batch_size) == ("prompts", "onnxruntime", 16)
    ids = ENUMS["DataType"]["TYPE_INT64"]
    assert [(one.name, one.data_type, list(one.dims)) for one in read.input] == [
        (name, ids, [-1]) for name in ("input_ids", "token_type_ids", "attention_mask")
    ]
    assert [(one.name, list(one.dims)) for one in read.output] == [("logits", [32])]
    assert read.dynamic_batching.max_queue_delay_microseconds == 200
    assert read.dynamic_batching.default_queue_policy.max_queue_size == 99
    assert [(group.count, group.kind) for group in read.instance_group] == [(2, ENUMS["Kind"]["KIND_CPU"])]
    assert [list(warm.inputs[0].value.dims) for warm in read.model_warmup] == [[length] for length in LENGTHS]
    assert all(entry.value.zero_data and entry.value.data_type == ids for warm in read.model_warmup for entry in warm.inputs)


@pytest.mark.parametrize(("asked", "written"), [(None, 1), (8, 8)])
def test_a_model_whose_activations_are_quantised_together_is_given_one_prompt_at_a_time(tmp_path, asked, written):
    """Else what a prompt is taken for depends on the prompts that happen to come with it."""
    config, _ = write_repository(SHIPPED / MODEL, tmp_path / "models", "prompts", Batching(most_prompts=asked))
    assert text_format.Parse(config.read_text(), model_config()).max_batch_size == written


def test_any_other_model_is_given_64_prompts_at_a_time(tmp_path):
    config, _ = write_repository(write_onnx(tmp_path / "tiny.onnx"), tmp_path / "models", "prompts", Batching())
    assert text_format.Parse(config.read_text(), model_config()).max_batch_size == 64


@pytest.mark.parametrize("command", [["export-triton", "models"], ["serve-classifier", "--classifier", "none"]])  # which would end at once
@pytest.mark.parametrize("name", ["../out", "a/b", 'a"b', "", ".", "a b"])
def test_a_name_that_no_client_can_ask_for_is_refused(tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*command, "--model", name])
    assert (done.exit_code, "letters, digits, _, . and -" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_outcomes_behind_the_heads_keeps_them(tmp_path):
    config, _ = write_repository(write_onnx(tmp_path / "tiny.onnx", columns=35), tmp_path / "models", "prompts", Batching())
    assert [list(one.dims) for one in text_format.Parse(config.read_text(), model_config()).output] == [[35]]


def test_the_model_in_the_repository_answers_what_our_client_asks(tmp_path):
    import json

    _, path = write_repository(write_onnx(tmp_path / "tiny.onnx"), tmp_path, "prompts", Batching())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    # What Triton says of a model with max_batch_size > 0: the batch stands before the dims.
    inputs = [{"name": one.name, "datatype": "INT64", "shape": [-1, -1]} for one in session.get_inputs()]
    model = read_model({"inputs": inputs, "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, 32]}]}, "here")
    assert model.ids == tuple(Tensor(name=name, datatype="INT64", rank=2) for name in ("input_ids", "attention_mask"))
    asked = json.loads(ask_ids(model, [1, 5, 6, 2]))
    feed = {one["name"]: np.asarray(one["data"], np.int64).reshape(one["shape"]) for one in asked["inputs"]}
    (logits,) = session.run([one["name"] for one in asked["outputs"]], feed)
    assert logits.tolist() == [[4.0 * number for number in range(32)]]


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ({"inputs": ("image", "attention_mask")}, "its inputs must be input_ids and attention_mask .*, and are: image"),
        ({"kind": TensorProto.FLOAT}, r"and are: input_ids tensor\(float\)"),
        ({"columns": 3}, r"one output must be float \[prompts, 32 or more\], and 0 are"),
    ],
    ids=["image", "floats", "3 columns"],
)
def test_a_model_that_does_not_fit_is_told_in_a_sentence(tmp_path, made, sentence):
    with pytest.raises(ClassifierError, match=sentence):
        write_repository(write_onnx(tmp_path / "tiny.onnx", **made), tmp_path, "prompts", Batching())


def test_what_is_no_onnx_and_what_cannot_be_written_are_told(tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(b"no")
    with pytest.raises(ClassifierError, match="cannot be read as ONNX"):
        write_repository(tmp_path / "tiny.onnx", tmp_path, "prompts", Batching())
    (tmp_path / "taken").write_text("")
    with pytest.raises(ClassifierError, match="cannot be written"):
        write_repository(write_onnx(tmp_path / "tiny.onnx"), tmp_path / "taken", "prompts", Batching())


def test_weights_beside_the_onnx_file_go_with_it(tmp_path):
    file = write_onnx(tmp_path / "tiny.onnx")
    (tmp_path / "tiny.onnx.data").write_bytes(b"weights")
    written = write_repository(file, tmp_path / "models", "prompts", Batching())
    assert written[-1].name == "tiny.onnx.data"


@pytest.mark.parametrize(("arguments", "code"), [(["--classifier", "linear"], 1), (["--device", "tpu"], 2)], ids=["no onnx", "no device"])
def test_the_command_says_what_is_wrong(tmp_path, arguments, code):
    assert CliRunner().invoke(app, ["export-triton", str(tmp_path), *arguments]).exit_code == code


def test_a_classifier_without_an_onnx_file_is_told(tmp_path):
    done = CliRunner().invoke(app, ["export-triton", str(tmp_path), "--classifier", "litellm_cascade.testing.logits:fake"])
    assert (done.exit_code, "it has no ONNX file here; name one with --onnx" in done.stderr) == (1, True)
