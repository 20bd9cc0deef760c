"""ONNX Runtime on the CPU, as all classifiers here use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def open_session(model: Path, *, threads: int) -> Any:
    """An ``InferenceSession``. ``threads``: of one call; 0: as many as ONNX Runtime thinks best. Raises its own errors.

    Given the file and not its bytes, ONNX Runtime keeps 22 MB less.
    """
    import onnxruntime  # noqa: PLC0415 -- heavy, and only for who chooses a classifier that needs it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it would say comes as an exception
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a waiting thread is no busy core
    # Processors without VNNI add products of int8 up in 16 bits, where they overflow unnoticed. So it takes a tenth longer and they do not.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
