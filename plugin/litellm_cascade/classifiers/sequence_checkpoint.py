"""A sequence classifier of Hugging Face's from a folder or the hub: safetensors alone, no code but transformers', no random weights."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from litellm_cascade.classifiers.base import well_formed
from litellm_cascade.classifiers.devices import device_of
from litellm_cascade.classifiers.digests import digest_of
from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

CONFIG: Final = "config.json"
TOKENIZER: Final = "tokenizer.json"
WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
"""Weights that are programs: reading one runs whatever it holds."""
NO_LIMIT: Final = 10**6
"""Tokenizers without a limit write one of 10^30."""
_OF_A_LAYER: Final = re.compile(r"\.\d+\.")
_HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A classifier in memory. ``labels`` are in the order of its logits; ``most_tokens`` is what it can read at once."""

    network: Any
    tokenizer: Any
    labels: tuple[str, ...]
    independent: bool  # several labels may hold at once: each has a probability of its own
    most_tokens: int
    device: str
    digest: str


def load(model: str, revision: str | None, beside: Path, *, device: str, most_tokens: int) -> Checkpoint:
    """The checkpoint in the folder ``model`` (relative to ``beside``), or of that id on the hub.

    Blocks: for seconds, or minutes where it must be fetched. Raises ``ClassifierError`` with a sentence that says what does not fit.
    """
    folder = _found(model, revision, beside)
    device = device_of(device, "classifier 'sequence': options.device")
    config = _json(folder / CONFIG)
    _check(folder, config)
    network = _network(folder)
    tokenizer, limit = _tokenizer(folder, config, most_tokens)
    rows = network.get_input_embeddings().weight.shape[0]
    if tokenizer.get_vocab_size() > rows:
        raise _error(folder, f"{TOKENIZER} knows {tokenizer.get_vocab_size()} tokens and the network {rows}; take both from one checkpoint")
    made = Checkpoint(
        network=network.to(device),
        tokenizer=tokenizer,
        labels=_labels(folder, network.config),
        independent=network.config.problem_type == "multi_label_classification",
        most_tokens=limit,
        device=device,
        digest=digest_of(folder / CONFIG, folder / TOKENIZER, *sorted(folder.glob("*.safetensors"))),
    )
    _try_out(folder, made)
    return made


def logits_of(checkpoint: Checkpoint, text: str) -> tuple[list[float], int, bool]:
    """One logit per label, how many tokens were read, and whether more were left unread. Raises ``ClassifierError`` for no numbers."""
    import torch  # noqa: PLC0415

    encoded = checkpoint.tokenizer.encode(well_formed(text))
    ids = torch.tensor([encoded.ids], device=checkpoint.device)
    with torch.inference_mode():
        logits = checkpoint.network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    if not logits.isfinite().all():
        raise ClassifierError("classifier 'sequence': its logits are no numbers; copy the checkpoint again")
    return logits[0].double().tolist(), len(encoded.ids), bool(encoded.overflowing)


def _found(model: str, revision: str | None, beside: Path) -> Path:
    folder = beside / model
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(model) or model.startswith("."):
        raise ClassifierError(f"classifier 'sequence': there is no folder {folder}; name one that holds {CONFIG}, or an id of the hub")
    return _fetched(model, revision, folder)


def _fetched(model: str, revision: str | None, folder: Path) -> Path:
    """Where the hub's cache has the checkpoint: nothing but the files that are read here is fetched."""
    from transformers.utils.hub import cached_file  # noqa: PLC0415

    try:
        config = cached_file(model, CONFIG, revision=revision)
        cached_file(model, TOKENIZER, revision=revision)
        cached_file(model, "tokenizer_config.json", revision=revision, _raise_exceptions_for_missing_entries=False)
        index = cached_file(model, INDEX, revision=revision, _raise_exceptions_for_missing_entries=False)
        for name in _parts(index):
            cached_file(model, name, revision=revision)
    except (OSError, ValueError) as error:
        raise ClassifierError(
            f"classifier 'sequence': there is no folder {folder}, and {model!r} cannot be had from the hub ({type(error).__name__}); it "
            f"must have {CONFIG}, {TOKENIZER} and {WEIGHTS}. Where there is no way to the hub, fetch it elsewhere and name its folder"
        ) from None
    return type(folder)(str(config)).parent


def _parts(index: str | None) -> Iterable[str]:
    if index is None:
        return [WEIGHTS]
    with open(index, encoding="utf-8") as file:  # noqa: PTH123 -- a string of transformers'
        return sorted(set(json.load(file)["weight_map"].values()))


def _json(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _error(file.parent, f"cannot read {file.name} ({error.strerror}); copy the whole checkpoint there") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _error(file.parent, f"{file.name} holds no JSON object; copy it from the checkpoint again")
    return found


def _check(folder: Path, config: Mapping[str, Any]) -> None:
    """What can be said before anything large is read."""
    from transformers import CONFIG_MAPPING  # noqa: PLC0415

    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        why = "it brings code of its own, which is never run" if config.get("auto_map") else "it cannot be told what kind of network it is"
        raise _error(folder, f"{CONFIG} has the model_type {kind!r}, which transformers does not know: {why}; take another checkpoint")
    if not (folder / TOKENIZER).is_file():
        raise _error(folder, f"there is no {TOKENIZER}; write it with transformers: AutoTokenizer.from_pretrained(F).save_pretrained(F)")
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern) if file.name != "training_args.bin")
    if pickles:
        raise _error(
            folder,
            f"its weights are a pickle ({pickles[0]}), which can run anything when it is read; if you trust where it comes from, convert "
            "it: AutoModelForSequenceClassification.from_pretrained(F).save_pretrained(F, safe_serialization=True)",
        )
    raise _error(folder, f"there is no {WEIGHTS}; copy the whole checkpoint there")


def _network(folder: Path) -> Any:
    from safetensors import SafetensorError  # noqa: PLC0415
    from transformers import AutoModelForSequenceClassification  # noqa: PLC0415

    try:
        with quietly():
            network, told = AutoModelForSequenceClassification.from_pretrained(
                folder, use_safetensors=True, trust_remote_code=False, local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError, SafetensorError) as error:
        raise _error(
            folder,
            f"it cannot be loaded as a sequence classifier ({type(error).__name__}): a file is corrupt or of another kind; copy it again",
        ) from None
    unset = sorted([*told["missing_keys"], *(str(key[0]) for key in told.get("mismatched_keys") or ())])
    if unset:
        raise _error(folder, f"{len(unset)} weights are missing or of another shape, such as {unset[0]}: it is no trained classifier")
    beyond = sorted(name for name in told["unexpected_keys"] if _OF_A_LAYER.search(name))
    if beyond:
        raise _error(
            folder, f"{len(beyond)} weights are of layers that {CONFIG} does not have, such as {beyond[0]}; take both from one checkpoint"
        )
    if network.config.num_labels < 2:  # noqa: PLR2004 -- one label is a regression
        raise _error(folder, "it has a single label, so it rates instead of telling classes apart; take one with two labels or more")
    odd = next((name for name, values in network.named_parameters() if not values.isfinite().all()), None)
    if odd is not None:
        raise _error(folder, f"the weight {odd} holds numbers that are not finite; copy it again")
    return network.float().eval()


def _labels(folder: Path, config: Any) -> tuple[str, ...]:
    """In the order of the logits."""
    labels = tuple(config.id2label.get(index) for index in range(config.num_labels))
    if not all(isinstance(label, str) for label in labels):
        raise _error(folder, f"{CONFIG}: id2label must name the labels 0 to {len(labels) - 1}; copy it from the checkpoint again")
    return labels


@contextmanager
def quietly() -> Iterator[None]:
    """Without transformers' progress bar and its report of what is missing: we say it in a sentence."""
    from transformers.utils import logging  # noqa: PLC0415

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def _tokenizer(folder: Path, config: Mapping[str, Any], most_tokens: int) -> tuple[Any, int]:
    """The tokenizer as its file has it (transformers' AutoTokenizer may leave its normaliser out), and how much it may hand on."""
    from tokenizers import Tokenizer  # noqa: PLC0415

    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception:  # noqa: BLE001 -- tokenizers raises nothing narrower
        raise _error(folder, f"{TOKENIZER} is corrupt; copy it from the checkpoint again") from None
    written = folder / "tokenizer_config.json"
    told = _json(written).get("model_max_length") if written.is_file() else None
    limits = [limit for limit in (config.get("max_position_embeddings"), told) if isinstance(limit, int | float) and 0 < limit < NO_LIMIT]
    limit = int(min([most_tokens, *limits]))
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)
    return tokenizer, limit


def _try_out(folder: Path, checkpoint: Checkpoint) -> None:
    """The longest input there can be, once, so that what does not fit is found at start-up."""
    try:
        logits_of(checkpoint, "word " * checkpoint.most_tokens)
    except (IndexError, RuntimeError) as error:
        raise _error(
            folder, f"it fails on {checkpoint.most_tokens} tokens ({type(error).__name__}); write less in options.max_tokens"
        ) from None
    except ClassifierError:
        raise _error(folder, "its logits are no numbers; copy the checkpoint again") from None


def _error(folder: Path, what: str) -> ClassifierError:
    return ClassifierError(f"classifier 'sequence': {folder}: {what}")
