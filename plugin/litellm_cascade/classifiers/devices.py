"""Where torch computes, and what is fast there."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from litellm_cascade.errors import ClassifierError

Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
"""What an operator writes."""


def device_of(wanted: Device, option: str) -> str:
    """``cpu`` or ``cuda:N``; ``auto`` is the first GPU where torch sees one. Raises ClassifierError, which names the ``option``."""
    import torch  # noqa: PLC0415 - of the extra

    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and not there):
        return "cpu"
    number = int(wanted.partition(":")[2] or 0)
    if number >= there:
        raise ClassifierError(
            f"{option} is {wanted!r}, and torch {torch.__version__} sees {there} GPUs here; mend the driver, install a torch with CUDA, or "
            "write auto"
        )
    return f"cuda:{number}"


def has_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16, or nearly. Where it does not, torch takes some fifty times as long as in float32."""
    import torch  # noqa: PLC0415 - of the extra

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - torch's own question, which has no public name
