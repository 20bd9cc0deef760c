"""Checkpoints in the layout of nvidia/prompt-task-and-complexity-classifier, with random numbers: for tests and for measuring speed.

What they say about a prompt means nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from litellm_cascade.classifiers.eight_heads import NVIDIA, SIZES
from litellm_cascade.classifiers.nvidia.checkpoint import Dimensions, expected
from litellm_cascade.classifiers.nvidia.files import CONFIG, TOKENIZER, WEIGHTS
from litellm_cascade.classifiers.nvidia.tokenising import SPECIAL

TINY: Final = Dimensions(vocabulary=400, hidden=64, layers=2, feed_forward=128, buckets=16, heads=2)
FULL: Final = Dimensions(vocabulary=128_100, hidden=768, layers=12, feed_forward=3_072, buckets=256, heads=12)
"""183,856,160 parameters in 214 tensors, as published."""
WORDS: Final = ("write", "list", "explain", "a", "the", "of", "python", "code", "what", "is", "in", "and", "story", "text", "this", "for")


def write_checkpoint(
    folder: Path, dimensions: Dimensions = TINY, *, seed: int = 0, spread: float = 0.1, tensors: Mapping[str, Any] | None = None
) -> Path:
    """Write config.json, model.safetensors and tokenizer.json. ``spread``: standard deviation of the weights. Returns the folder."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - of the extra

    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors if tensors is not None else random_tensors(dimensions, seed, spread)), folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(config_of(dimensions)), "utf-8")
    tokenizer().save(str(folder / TOKENIZER))
    return folder


def config_of(dimensions: Dimensions = TINY) -> dict[str, Any]:
    """The published config.json; with ``backbone_config`` where the dimensions are others."""
    config = {
        "base_model": "microsoft/DeBERTa-v3-base",
        "target_sizes": dict(SIZES),
        "targets": list(SIZES),
        "task_type_map": {str(index): name for index, name in enumerate(NVIDIA.task_names)},
        "weights_map": {head: list(weights) for head, weights in NVIDIA.weights.items()},
        "divisor_map": {head: NVIDIA.divisors.get(head, 1) for head in NVIDIA.weights},
    }
    own = {"num_attention_heads": dimensions.heads, "position_buckets": dimensions.buckets}
    return config if dimensions == FULL else {**config, "backbone_config": own}


def random_tensors(dimensions: Dimensions = TINY, seed: int = 0, spread: float = 0.1) -> dict[str, Any]:
    """float32, by published name. Layer norms are near one and zero, as trained ones are."""
    draw = np.random.default_rng(seed)
    shapes = expected(dimensions)
    tensors = {name: draw.standard_normal(shape, np.float32) * np.float32(spread) for name, shape in shapes.items()}
    return {name: values + ("LayerNorm.weight" in name) for name, values in tensors.items()}


def tokenizer() -> Any:
    """A tokenizer of the published kind (pieces with their word's beginning marked) with few pieces. Its text is case-sensitive."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415 - when one is written

    characters = [chr(code) for code in range(33, 127)]
    pieces = ["▁", *characters, *(f"▁{word}" for word in WORDS)]
    vocabulary = [*((token, 0.0) for token in SPECIAL), *((piece, -1.0 - 2.0 * (len(piece) == 1)) for piece in pieces)]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL["[UNK]"], byte_fallback=False))
    made.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFKC()])
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(token, SPECIAL[token]) for token in ("[CLS]", "[SEP]")]
    )
    made.add_special_tokens(list(SPECIAL))
    return made
