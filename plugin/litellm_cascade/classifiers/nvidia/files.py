"""Where the checkpoint is: a folder, or a pinned commit of a repository on the Hugging Face hub, which is kept in the hub's own cache."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from litellm_cascade.errors import ClassifierError

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
TOKENIZER: Final = "tokenizer.json"
FILES: Final = (CONFIG, WEIGHTS, TOKENIZER)
PUBLISHED: Final = "nvidia/prompt-task-and-complexity-classifier"
_HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def locate(checkpoint: str | None, revision: str | None, folder: Path) -> Path:
    """The folder with the three files. Fetches them when ``checkpoint`` is a repository of the hub. Raises ``ClassifierError``."""
    if checkpoint is None:
        raise ClassifierError(
            f"classifier 'nvidia': options.checkpoint: name the folder with {CONFIG}, {WEIGHTS} and {TOKENIZER} of {PUBLISHED}; "
            "the weights do not come with litellm-cascade, docs/classifiers.md says how to get them"
        )
    local = folder / checkpoint
    if local.is_dir():
        return _complete(local)
    if _HUB_ID.fullmatch(checkpoint) and not checkpoint.startswith("."):
        return _complete(_fetched(checkpoint, revision, local))
    raise ClassifierError(f"classifier 'nvidia': options.checkpoint: there is no folder {local}; docs/classifiers.md says how to get one")


def _complete(folder: Path) -> Path:
    if missing := _missing(folder):
        raise ClassifierError(
            f"classifier 'nvidia': {folder} has no {' and no '.join(missing)}; take {CONFIG}, {WEIGHTS} and {TOKENIZER} of {PUBLISHED}"
        )
    return folder


def _missing(folder: Path) -> list[str]:
    return [name for name in FILES if not (folder / name).is_file()]


def _fetched(repository: str, revision: str | None, local: Path) -> Path:
    if revision is None or not _COMMIT.fullmatch(revision):
        raise ClassifierError(
            f"classifier 'nvidia': options.revision: there is no folder {local}, and to fetch {repository!r} from the hub its commit must "
            "be named (40 hex digits, on its page under 'Files and versions'), so that nobody can change what runs here"
        )
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - only where something is fetched
    except ImportError:
        raise ClassifierError(missing_torch("fetch weights")) from None
    fetch = partial(snapshot_download, repository, revision=revision, allow_patterns=[*FILES])
    try:
        with suppress(OSError, ValueError):  # a commit never changes: the hub is not asked for what is there
            if not _missing(kept := Path(fetch(local_files_only=True))):
                return kept
        return Path(fetch())
    except (OSError, ValueError) as error:  # what the hub's client raises derives from these
        raise ClassifierError(
            f"classifier 'nvidia': cannot fetch {repository} at {revision} from the hub ({type(error).__name__}); fetch it where there is "
            "a network, and name its folder in options.checkpoint"
        ) from error


def missing_torch(to: str) -> str:
    """The sentence for an install without the extra."""
    return f"classifier 'nvidia': to {to} it needs the extra torch: pip install 'litellm-cascade[torch]'"
