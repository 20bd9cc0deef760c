"""What came of a training: for a terminal, as JSON, and as the model's card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import typer

from litellm_cascade.offline import pages
from litellm_cascade.offline.called import without_place
from litellm_cascade.offline.traffic.telling import print_table, table_of
from litellm_cascade.offline.training_sequence.examples import PARTS, Examples
from litellm_cascade.offline.training_sequence.figures import OfClass, Whole
from litellm_cascade.offline.training_sequence.training import Trained

BEST = "this model"
CLASSES = ("label", "precision", "recall", "F1", "n")
METHODS = ("method", "accuracy", "macro F1")


def print_report(classes: Sequence[OfClass], methods: Sequence[Whole]) -> None:
    """Per class, and beside the baselines."""
    for head, rows in ((CLASSES, class_rows(classes)), (METHODS, method_rows(methods))):
        table = table_of(*head)
        for row in rows:
            table.add_row(*row)
        typer.echo("")
        print_table(table)
    typer.echo(f"\n{verdict_of(methods)}")


def verdict_of(methods: Sequence[Whole]) -> str:
    """Whether it is worth having."""
    mine, *dull = methods
    best = max(dull, key=lambda one: one.macro_f1)
    if mine.macro_f1_low > best.macro_f1_high:
        return f"better than {best.method!r}, the best of the dull ones, by macro F1 beyond the intervals"
    return f"not better than {best.method!r} by macro F1 beyond the intervals: do not ship it for its own sake"


def as_json(examples: Examples, trained: Trained, classes: Sequence[OfClass], methods: Sequence[Whole]) -> dict[str, Any]:
    """Every number."""
    return {
        "format": 1,
        "data": examples.digest,
        "course": {**asdict(trained.course), "model": without_place(trained.course.model)},
        "labels": list(examples.labels),
        "texts": {part: int((examples.parts == part).sum()) for part in PARTS},
        "unlabelled": examples.unlabelled,
        "epochs": [asdict(epoch) for epoch in trained.epochs],
        "best_epoch": trained.best.number,
        "classes": [asdict(one) for one in classes],
        "methods": [asdict(one) for one in methods],
        "versions": {name: version(name) for name in ("litellm-cascade", "torch", "transformers")},
    }


def card_of(content: dict[str, Any], classes: Sequence[OfClass], methods: Sequence[Whole], command: str) -> str:
    """What a reader of the folder must know."""
    parts = ", ".join(f"{count} {part}" for part, count in content["texts"].items())
    course = content["course"]
    how = f"{course['learning_rate']:g} learning rate, batches of {course['batch']}, seed {course['seed']}"
    return pages.markdown(
        "Sequence classifier",
        [
            pages.Paragraph(f"Labels: {', '.join(content['labels'])}. Fine-tuned from {course['model']} by `{command}`."),
            pages.Paragraph(f"Texts: {parts}; data {content['data'][:19]}; epoch {content['best_epoch']} of {course['epochs']}; {how}."),
            pages.Heading("On texts that it was not trained on"),
            pages.Grid(CLASSES, class_rows(classes)),
            pages.Grid(METHODS, method_rows(methods)),
            pages.Paragraph(f"It is {verdict_of(methods)}."),
        ],
    )


def class_rows(classes: Sequence[OfClass]) -> list[tuple[str, ...]]:
    """As cells."""
    return [(one.label, f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}", f"{one.n}") for one in classes]


def method_rows(methods: Sequence[Whole]) -> list[tuple[str, ...]]:
    """As cells."""
    return [
        (
            one.method,
            f"{one.accuracy:.3f} [{one.accuracy_low:.3f}, {one.accuracy_high:.3f}]",
            f"{one.macro_f1:.3f} [{one.macro_f1_low:.3f}, {one.macro_f1_high:.3f}]",
        )
        for one in methods
    ]
