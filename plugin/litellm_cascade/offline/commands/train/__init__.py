"""``cascade train``. To add a training: its file here and its line in ``TRAININGS``."""

from __future__ import annotations

import typer

from litellm_cascade.offline.lazy_group import lazy_group

TRAININGS = {
    "embedded": "The transformer that ships in the package: eight heads, complexity, gain.",
    "gain": "Fit what the larger model adds, for a policy's strategy `learned`.",
    "sequence": "Fine-tune a sequence classifier of Hugging Face's, a DistilBERT for example, on labelled prompts.",
}

train = typer.Typer(
    cls=lazy_group("litellm_cascade.offline.commands.train", TRAININGS),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@train.callback()
def _train() -> None:
    """Train a classifier on data of your own.

    For example:
      cascade train gain --traces labelled.jsonl --aliases small,large --out gain.json
    """
