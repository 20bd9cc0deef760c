"""A classifier that runs elsewhere: one accelerator for many proxies. When the service is late or gone, a local classifier answers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import numpy as np
from pydantic import Field, SecretStr, field_validator

from litellm_cascade.breaker import Breaker, InARow, Permit
from litellm_cascade.classifiers import build
from litellm_cascade.classifiers.base import Classifier, Surroundings, WarmsUp, ends, nothing_to_read, prompt_of, shown_by, well_formed
from litellm_cascade.classifiers.base import Options as AnyOptions
from litellm_cascade.classifiers.eight_heads import LOGITS, HeadMap, read, read_heads, shown
from litellm_cascade.classifiers.open_inference import Model, heads_of
from litellm_cascade.classifiers.remote_client import RemoteClient, UnreachableError
from litellm_cascade.classifiers.threads import BusyError
from litellm_cascade.errors import ClassifierError
from litellm_cascade.vocabulary import Classification

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from litellm_cascade.classifiers.batching import Ids
    from litellm_cascade.vocabulary import Request

UNAVAILABLE: Final = "remote_unavailable"
LATE: Final = "remote_late"
BUSY: Final = "remote_busy"
FAILED: Final = "remote_failed"
COMPLEXITY: Final = "complexity"
"""The outcome that goes before the heads' own score, where the model was fitted to one."""
SMALL: Final = "small"
STRONG: Final = "strong"
"""The outcomes that a small model is right, and that a strong one is."""
HEAD_CHARACTERS: Final = 16_000
TAIL_CHARACTERS: Final = 4_000
"""More than any model of the family reads; the service cuts what it gets to its own length."""
CHARACTERS_PER_TOKEN: Final = 12
"""More than a token has; what stands behind ``most_tokens`` times as many characters is not tokenised."""
START_WITHIN_S: Final = 5.0
"""How long the proxy waits at start-up for the service to say what it takes."""
FROM_ENVIRONMENT: Final = "os.environ/"

_log = logging.getLogger(__name__)


class Options(AnyOptions):
    """Where the service is, and what happens when it does not answer."""

    url: str
    """Of the service, without ``/v2``: http://127.0.0.1:8600, or https."""
    model: str = Field(default="classifier", pattern=r"^[\w.-]+$")
    fallback: str = "embedded"
    """The classifier of this process that answers when the service does not."""
    fallback_options: Mapping[str, Any] = {}
    timeout_ms: float = Field(default=12.0, gt=0)
    """How long the service is waited for. What is left of ``within_ms`` is the fallback's."""
    at_once: int = Field(default=64, ge=1)
    """Questions under way from this process, and connections; what comes on top goes to the fallback at once."""
    failures: int = Field(default=5, ge=1)
    """In a row; then the service is left alone."""
    cool_off_seconds: float = Field(default=2.0, gt=0)
    """Before one request tries the service again."""
    token: SecretStr | None = None
    """Sent as a bearer token: ``os.environ/NAME``."""
    ca: Path | None = None
    """A file with the certificates to trust, for https with a certificate of your own."""
    tokenizer: Path | None = None
    """The checkpoint's tokenizer.json, for a service that takes token ids."""
    most_tokens: int = Field(default=512, ge=2)
    tail_tokens: int = Field(default=0, ge=0)
    """Of these how many are the text's last; ``embedded`` reads 128, 32 of them the last."""
    outcomes: tuple[str, ...] = ()
    """What the logits behind those of the eight heads are, for a service that does not say: ``embedded`` has complexity, small, strong."""
    config: Path | None = None
    """The checkpoint's config.json, for a service that does not say how its logits are read and whose map is not NVIDIA's."""

    @field_validator("url")
    @classmethod
    def _is_plain(cls, written: str) -> str:
        if not written.startswith(("http://", "https://")) or "@" in written or "?" in written:
            raise ValueError("write http://HOST:PORT or https://HOST, without a user or a question mark; a token goes under token")
        if written.rstrip("/").endswith("/v2"):
            raise ValueError("leave out /v2 at its end, which is added")
        if not _has_place(written):
            raise ValueError("write http://HOST:PORT or https://HOST, an IPv6 address in brackets: http://[::1]:8600")
        return written


def make(options: Options, around: Surroundings) -> Remote:
    """The classifier ``remote``. Raises ``ClassifierError`` for a file or a variable that is not there."""
    client = RemoteClient(
        options.url,
        options.model,
        connections=options.at_once,
        token=_token(options.token, os.environ),
        trust=_trust(around.folder / options.ca) if options.ca else None,
        encode=_encoder(around.folder / options.tokenizer, options) if options.tokenizer else None,
        outcomes=options.outcomes,
    )
    breaker = Breaker(InARow(options.failures), cool_off_s=options.cool_off_seconds, clock=time.monotonic)
    return Remote(
        client,
        build(options.fallback, options.fallback_options, around),
        breaker=breaker,
        timeout_ms=options.timeout_ms,
        at_once=options.at_once,
        heads=_heads(around.folder / options.config) if options.config else None,
    )


class ShedError(Exception):
    """The service is not asked, or does not help; the argument is the word for it in ``degraded``."""


class Remote:
    """The classifier ``remote``.

    Whatever goes wrong with the service is answered by ``fallback``, with its name in ``classifier`` and the reason in ``degraded``:
    ``remote_unavailable``, ``remote_late``, ``remote_busy`` or ``remote_failed``.
    """

    name: Final = "remote"

    def __init__(
        self,
        client: RemoteClient,
        fallback: Classifier,
        *,
        breaker: Breaker,
        timeout_ms: float,
        at_once: int,
        heads: HeadMap | None = None,
        start_within_s: float = START_WITHIN_S,
    ) -> None:
        self._client = client
        self._fallback = fallback
        self._breaker = breaker
        self._timeout_s = timeout_ms / 1000
        self._at_once = at_once
        self._heads = heads
        self._start_within_s = start_within_s
        self._under_way = 0

    @property
    def digest(self) -> str:
        """Of the weights that the service has, as it says itself."""
        described = self._client.described
        return described.digest if described is not None else ""

    @property
    def patience_ms(self) -> float:
        """How long the service is waited for."""
        return self._timeout_s * 1000

    @property
    def fallback(self) -> str:
        """Who answers after that."""
        return self._fallback.name

    async def warm_up(self) -> None:
        """Load the fallback, and ask what the service takes. A service that is not there yet is no reason not to start."""
        if isinstance(self._fallback, WarmsUp):
            await self._fallback.warm_up()
        try:
            await self._client.describe(self._start_within_s)
        except (UnreachableError, BusyError) as error:
            _log.warning("%s; until it answers, classifier %r does", error, self._fallback.name)

    def reads(self, request: Request) -> str:
        """What the user asked last."""
        return prompt_of(request)

    async def classify(self, request: Request) -> Classification:
        """What the service's model believes; where it does not answer in time, what the fallback believes."""
        return (await self.show(request))[0]

    async def show(self, request: Request) -> tuple[Classification, Mapping[str, Any]]:
        """The same, and the service's logits, or what the fallback shows."""
        began = time.perf_counter()
        text, truncated = ends(prompt_of(request), head=HEAD_CHARACTERS, tail=TAIL_CHARACTERS)
        if not text.strip():
            return nothing_to_read(self), {}
        try:
            model, logits = await self._asked(text)
            heads = heads_of(model, self._heads)
            believed = _believed(model, logits, heads)
        except ShedError as shed:
            believed, work = await shown_by(self._fallback, request)
            signed = replace(believed, degraded=(str(shed), *believed.degraded), took_ms=(time.perf_counter() - began) * 1000)
            return signed, {"fallback": work}
        signed = replace(believed, truncated=truncated, took_ms=(time.perf_counter() - began) * 1000)
        return signed, {"logits": shown(logits, heads, model.outcomes)}

    async def _asked(self, text: str) -> tuple[Model, NDArray[np.float64]]:
        if self._under_way >= self._at_once:
            raise ShedError(BUSY)
        permit = self._breaker.ask()
        if permit is Permit.REFUSED:
            raise ShedError(UNAVAILABLE)
        self._under_way += 1
        try:
            return await self._settled(text, permit)
        finally:
            self._under_way -= 1

    async def _settled(self, text: str, permit: Permit) -> tuple[Model, NDArray[np.float64]]:
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await self._client.logits(text)
        except asyncio.CancelledError:
            self._breaker.gave_up(permit)
            raise
        except BusyError:
            self._breaker.gave_up(permit)
            raise ShedError(BUSY) from None
        except TimeoutError:
            raise self._failed(LATE, f"no answer within {self._timeout_s * 1000:g} ms", permit) from None
        except UnreachableError as error:
            raise self._failed(UNAVAILABLE, str(error), permit) from None
        except ClassifierError as error:
            raise self._failed(FAILED, str(error), permit) from None
        except Exception as error:  # noqa: BLE001 -- a probe that nobody settles would be the last one
            raise self._failed(FAILED, type(error).__name__, permit) from None
        self._breaker.succeeded(permit)
        return found

    def _failed(self, word: str, why: str, permit: Permit) -> ShedError:
        if self._breaker.failed(permit):
            _log.warning("the classifier service is left alone for a while, and %r answers: %s", self._fallback.name, why)
        return ShedError(word)


def _believed(model: Model, logits: NDArray[np.float64], heads: HeadMap) -> Classification:
    try:
        reading = read(logits[:LOGITS], heads)
    except ClassifierError:
        raise ShedError(FAILED) from None
    if not np.isfinite(logits).all():
        raise ShedError(FAILED)
    outcomes = _probabilities(model, logits)
    small, strong = outcomes.get(SMALL), outcomes.get(STRONG)
    return replace(
        reading.classification(),
        complexity=outcomes.get(COMPLEXITY, reading.complexity),
        small_copes=small,
        gain=strong - small if small is not None and strong is not None else None,
        classifier=Remote.name,
        digest=model.digest,
        device=model.device,
    )


def _probabilities(model: Model, logits: NDArray[np.float64]) -> dict[str, float]:
    """What the logits behind the eight heads say, by outcome."""
    return dict(zip(model.outcomes, ((1 + np.tanh(logits[LOGITS:] / 2)) / 2).tolist(), strict=True))


def _has_place(url: str) -> bool:
    """Whether it names a host, and a port that there can be."""
    try:
        place = urlsplit(url)
        return bool(place.hostname) and place.port != 0 and " " not in place.netloc
    except ValueError:
        return False


def _token(written: SecretStr | None, environ: Mapping[str, str]) -> str | None:
    """The token itself, as a header takes it. Raises ``ClassifierError``, without it, where it is not set or cannot be sent."""
    if written is None:
        return None
    token = _read_token(written.get_secret_value(), environ).strip()  # files that secrets come from end in a line break
    if not token.isascii() or not token.isprintable():
        raise ClassifierError("classifier 'remote': options.token: has characters that a header cannot hold; write the token alone")
    return token


def _read_token(value: str, environ: Mapping[str, str]) -> str:
    if not value.startswith(FROM_ENVIRONMENT):
        return value
    name = value.removeprefix(FROM_ENVIRONMENT)
    if not environ.get(name):
        raise ClassifierError(f"classifier 'remote': options.token: the environment variable {name} is not set; set it, or leave token out")
    return environ[name]


def _trust(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise ClassifierError(f"classifier 'remote': options.ca: cannot read certificates from {path} ({error})") from error


def _heads(path: Path) -> HeadMap:
    try:
        return read_heads(json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError) as error:
        raise ClassifierError(f"classifier 'remote': options.config: cannot read {path} ({error})") from error


def _encoder(path: Path, options: Options) -> Callable[[str], Ids]:
    from tokenizers import Tokenizer  # noqa: PLC0415 - only for services that take ids

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # it raises plain Exception
        raise ClassifierError(
            f"classifier 'remote': options.tokenizer: cannot read {path}; it is the tokenizer.json beside the weights"
        ) from error
    most, tail = options.most_tokens, min(options.tail_tokens, options.most_tokens - 1)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if not tail:
        tokenizer.enable_truncation(most)

    def encode(text: str) -> Ids:
        near, _ = ends(text, head=(most - tail) * CHARACTERS_PER_TOKEN, tail=tail * CHARACTERS_PER_TOKEN)
        ids: list[int] = tokenizer.encode(well_formed(near)).ids
        return ids if len(ids) <= most else ids[: most - tail] + ids[-tail:]

    return encode
