"""``cascade train``. To add a training: its file here and its line in ``TRAININGS``."""

from __future__ import annotations

from litellm_cascade.offline.lazy_group import lazy_group

TRAININGS = {
    "embedded": "Train the transformer that is shipped as the classifier `embedded`.",
    "gain": "Fit what the larger model adds, for a policy's strategy `learned`.",
    "sequence": "Fine-tune a sequence classifier of Hugging Face's, a DistilBERT for example, on labelled prompts.",
}

train = lazy_group("litellm_cascade.offline.commands.train", TRAININGS)


@train.callback()
def _train() -> None:
    """Train a classifier on data of your own.

    For example:
      cascade train embedded --data ../shared/data --out embedded
      cascade train gain --traces labelled.jsonl --aliases small,large --out gain.json
    """
