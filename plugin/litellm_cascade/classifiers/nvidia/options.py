"""What an operator may write about the classifier ``nvidia``. docs/classifiers.md says what each is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from litellm_cascade.classifiers import base
from litellm_cascade.classifiers.devices import Device
from litellm_cascade.classifiers.nvidia.tokenising import LongPrompts

EngineName = Literal["torch", "onnx", "onnx-int8"]
DtypeName = Literal["auto", "bf16", "fp16", "fp32"]


class Options(base.Options):
    """Which weights, and how they are computed."""

    checkpoint: str | None = None
    """A folder, relative to LiteLLM's configuration file; or ``owner/name`` on the hub. Without it the classifier does not start."""
    revision: str | None = None
    """The commit, 40 hex digits, of what is fetched from the hub."""
    device: Device = "auto"
    engine: EngineName = "torch"
    dtype: DtypeName = "auto"
    """Of the engine ``torch``."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """Of one call on the CPU; without it as many as torch or ONNX Runtime thinks best."""
    most_prompts: Annotated[int, Field(ge=1)] | None = None
    """In a batch; without it 256 on a GPU and 1 on a CPU, where batches of unlike lengths take longer than their prompts one by one."""
    most_tokens: Annotated[int, Field(ge=1)] = 16_384
    """In a batch, padding included."""
    outstanding: Annotated[int, Field(ge=1)] = 1_024
    """Prompts that may wait or be computed; one more is refused as ``classifier_busy``."""
    long_prompts: LongPrompts = "head"
    """What is read of a prompt with more than 512 tokens: its beginning, or three ``windows`` (beginning, end, both ends)."""
    cache: Path | None = None
    """The folder that keeps ONNX graphs; without it litellm-cascade in the user's cache folder."""
