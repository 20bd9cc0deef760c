"""What the embedded classifier is trained, tuned and tested on: prompts of the project's own, and public ones that may ship weights.

Every source labels only what it knows; the rest is masked. Nothing of ``data/internal`` is read here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import yaml

from litellm_cascade.offline.constructed_prompts import part_of
from litellm_cascade.offline.prompts.making import make
from litellm_cascade.vocabulary import TASK_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litellm_cascade.offline.prompts.making import Made

EACH: Final = 1_800
"""Constructed prompts of each task type."""
PASSAGES: Final = 600
SHOWN: Final = {"task_type": 3, "self_instruct": 4}
"""How often a prompt that somebody wrote is shown, while a constructed one is shown once."""
OUTCOMES: Final = 6_000
"""Exam questions that are trained on, at most."""
HARDNESS: Final = {"easy": 0.15, "medium": 0.4, "hard": 0.65, "extra": 0.85, "simple": 0.25, "moderate": 0.5, "challenging": 0.8}
"""Benchmarks name hardness; these places on 0..1 are ours."""
OPINION: Final = 0.3
"""Weight of our own opinion of a constructed prompt beside a measured outcome."""
_LABELS: Final = Path(__file__).with_name("self_instruct_labels.yaml")
_CONSTRAINED: Final = (0.0, 0.45, 0.7, 0.85, 0.95, 1.0)
"""What none to five constraints are worth. Ours."""
_DOMAIN_CLASSES: Final = (3, 1, 2, 0)
"""Class of ``domain_knowledge`` by level, as the published weights 3, 1, 2, 0 have it."""
_SCHOOL: Final = ("high_school", "elementary", "miscellaneous", "global_facts", "nutrition", "geography", "us_history")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A prompt with what is known of it. ``heads`` holds probabilities by head; NaN-free: what is not there is not known."""

    prompt: str
    source: str
    key: str  # near-duplicates and prompts of one wording share it
    part: str
    lang: str = "en"
    task: str | None = None
    heads: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    complexity: float | None = None
    small: float | None = None  # share of the small models that were right
    strong: float | None = None
    task_weight: float = 1.0
    outcome_weight: float = 1.0


def read_examples(shareable: Path, seed: int, *, each: int = EACH) -> list[Example]:
    """Everything, in an order that depends on the seed alone."""
    natural = [*_task_types(shareable), *_self_instruct(shareable), *_outcomes(shareable), *_sql(shareable)]
    random = Random(seed)
    stems = sorted({it.prompt.split("\nA. ")[0] for it in natural if it.part == "train" and it.small is not None})
    long = [stem for stem in stems if 120 < len(stem) < 1_200]  # noqa: PLR2004 -- characters, a paragraph
    passages = random.sample(long, min(PASSAGES, len(long)))
    return [*natural, *(constructed(made) for made in make(random, passages, each=each))]


def constructed(made: Made) -> Example:
    """All six dimensions are known; complexity is an opinion."""
    constraint = _CONSTRAINED[made.constraints]
    heads = {
        "creativity_scope": _one(2 - made.creativity, 3),
        "reasoning": _one(made.reasoning, 2),
        "contextual_knowledge": _one(made.context, 2),
        "number_of_few_shots": _one(made.shots, 6),
        "domain_knowledge": _one(_DOMAIN_CLASSES[made.level], 4),
        "constraint_ct": (constraint, 1 - constraint),
    }
    return Example(
        prompt=made.prompt,
        source="constructed",
        key=made.wording,
        part=made.part,
        task=made.task,
        heads=heads,
        complexity=made.complexity,
        outcome_weight=OPINION,
    )


def training_rows(examples: list[Example], random: Random) -> list[Example]:
    """Those of the train part, as often as they are shown, mixed."""
    train = [it for it in examples if it.part == "train"]
    outcomes = [it for it in train if it.source in {"mmlu", "mmlu_pro"}]
    others = [it for it in train if it.source not in {"mmlu", "mmlu_pro"}]
    rows = [it for it in others for _ in range(SHOWN.get(it.source, 1))]
    rows += random.sample(outcomes, min(OUTCOMES, len(outcomes)))
    random.shuffle(rows)
    return rows


def _task_types(shareable: Path) -> Iterator[Example]:
    for row in rows_of(shareable / "task_type.parquet"):
        yield Example(
            prompt=row["prompt"],
            source="task_type",
            key=row["group"],
            part=part_of(row["group"]),
            lang=row["lang"],
            task=row["task_type"],
        )


def _self_instruct(shareable: Path) -> Iterator[Example]:
    """Tasks that people wrote down for self-instruct, with labels of ours."""
    labels = yaml.safe_load(_LABELS.read_text(encoding="utf-8"))
    tasks = {pid: task for task, pids in labels.items() for pid in pids}
    with (shareable / "prompt_stream.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            it = json.loads(line)
            if it["id"] in tasks:
                yield Example(prompt=it["prompt"], source="self_instruct", key=it["id"], part=part_of(it["id"]), task=tasks[it["id"]])


def _outcomes(shareable: Path) -> Iterator[Example]:
    """Complexity is the share of all models that failed; small and strong are the two sides of the pairs. In the order of their ids: joins
    have none of their own, and the sampling must depend on the seed alone.
    """
    import polars as pl  # noqa: PLC0415 -- the extra lab

    failed = (
        pl.read_parquet(shareable / "routing_scores.parquet")
        .group_by("pid", maintain_order=True)
        .agg((1 - pl.col("score")).mean().alias("failed"))
    )
    pairs = pl.read_parquet(shareable / "routing_pairs.parquet").group_by("pid", maintain_order=True)
    sides = pairs.agg(pl.col("score_weak").mean().alias("small"), pl.col("score_strong").mean().alias("strong"))
    prompts = pl.read_parquet(shareable / "routing_prompts.parquet").filter(
        pl.col("benchmark") != "mt_bench", pl.col("flag").fill_null("") != "contaminated"
    )
    joined = prompts.join(failed, on="pid").join(sides, on="pid", how="left")
    merged = joined.sort("pid").group_by("prompt", "benchmark", "group", maintain_order=True)
    wanted = [pl.col("failed").mean(), pl.col("small").mean(), pl.col("strong").mean(), pl.col("subject").first()]
    for row in merged.agg(wanted).iter_rows(named=True):
        yield _outcome(row)


def _outcome(row: Mapping[str, Any]) -> Example:
    level = 1 if row["benchmark"] == "gsm8k" or any(word in (row["subject"] or "") for word in _SCHOOL) else 2
    return Example(
        prompt=row["prompt"],
        source=row["benchmark"],
        key=row["group"],
        part=part_of(row["group"]),
        task="Open QA",
        heads={
            "creativity_scope": _one(2, 3),
            "number_of_few_shots": _one(0, 6),
            "domain_knowledge": _one(_DOMAIN_CLASSES[level], 4),
        },
        complexity=row["failed"],
        small=row["small"],
        strong=row["strong"],
        task_weight=0.15,
        outcome_weight=4.0 if row["benchmark"] == "gsm8k" else 1.0,
    )


def _sql(shareable: Path) -> Iterator[Example]:
    """A question about a database is a question; public task types know such ones only behind "Write a SQLite query"."""
    for row in rows_of(shareable / "sql_hardness.parquet"):
        prompt = f"{row['question']} {row['evidence'] or ''}".strip()
        yield Example(
            prompt=prompt,
            source=row["source"],
            key=row["group"],
            part=part_of(row["group"]),
            task="Open QA",
            complexity=HARDNESS[row["hardness"]],
            task_weight=0.2,
            outcome_weight=2.0,
        )


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Of a table; none where it is not at hand."""
    import polars as pl  # noqa: PLC0415 -- the extra lab

    if path.is_file():
        yield from pl.read_parquet(path).iter_rows(named=True)


def _one(place: int, size: int) -> tuple[float, ...]:
    return tuple(float(number == place) for number in range(size))


def task_odds(task: str) -> tuple[float, ...]:
    """The target of the task head: NVIDIA's twelfth type, ``Unknown``, is never one."""
    return _one(TASK_TYPES.index(task), len(TASK_TYPES) + 1)
