"""Asks a classifier service over connections that are kept. One session for each event loop, because a session belongs to one."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from litellm_cascade.classifiers.open_inference import Model, ask_ids, ask_text, read_logits, read_model
from litellm_cascade.classifiers.threads import BusyError
from litellm_cascade.errors import ClassifierError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    import numpy as np
    from numpy.typing import NDArray

    from litellm_cascade.classifiers.batching import Ids

KEEP_S: Final = 30.0
"""How long an idle connection is kept. Shorter than the service keeps it, so that it is not closed in our face."""
_JSON: Final = {"Content-Type": "application/json"}
_GONE: Final = (aiohttp.ClientError, OSError)
_CLOSED: Final = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
"""What a kept connection that the service has closed meanwhile ends with."""


class UnreachableError(ClassifierError):
    """The service does not answer, or is not ready."""


class RemoteClient:
    """A model of a service: ``describe`` it, then ask for ``logits``. The description is kept until a question fails."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        connections: int,
        token: str | None = None,
        trust: ssl.SSLContext | None = None,
        encode: Callable[[str], Ids] | None = None,
        outcomes: tuple[str, ...] = (),
    ) -> None:
        self.where = f"classifier 'remote': {url}, model {model!r}"
        self.described: Model | None = None
        self._url = f"{url.rstrip('/')}/v2/models/{model}"
        self._connections = connections
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._trust = trust
        self._encode = encode
        self._outcomes = outcomes
        self._session: aiohttp.ClientSession | None = None
        self._keeping: AsyncGenerator[aiohttp.ClientSession] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def describe(self, within_s: float) -> Model:
        """Ask what the model takes, over a connection of its own. Raises ``UnreachableError``, or ``ClassifierError``."""
        try:
            async with asyncio.timeout(within_s), self._new_session() as session:
                return await self._described_over(session)
        except TimeoutError:
            raise UnreachableError(f"{self.where}: it does not answer within {within_s:g} s; is the service running?") from None

    async def logits(self, text: str) -> tuple[Model, NDArray[np.float64]]:
        """The 32 logits of a text, and the model that they come from.

        Raises ``UnreachableError``, ``BusyError`` when the service has too much to do, and ``ClassifierError`` for an answer of no use.
        """
        session = await self._here()
        model = self.described or await self._described_over(session)
        body = ask_text(model, text) if model.text is not None else ask_ids(model, await self._ids(text))
        try:
            return model, read_logits(await self._posted(session, body), model, self.where)
        except BusyError:
            raise
        except ClassifierError:
            self.described = None  # another model may stand there now
            raise

    async def _ids(self, text: str) -> Ids:
        if self._encode is None:
            raise ClassifierError(f"{self.where}: it takes token ids; name the checkpoint's tokenizer.json under options.tokenizer")
        return await asyncio.to_thread(self._encode, text)

    async def _described_over(self, session: aiohttp.ClientSession) -> Model:
        async with self._reached(session.get(self._url, allow_redirects=False)) as answer:
            body = await answer.read()
        try:
            model = read_model(json.loads(body), self.where)
        except (ValueError, RecursionError):
            raise ClassifierError(f"{self.where}: its metadata is no JSON; give the url of an inference service") from None
        if model.text is None and self._encode is None:
            await self._ids("")  # says what is missing
        self.described = replace(model, outcomes=model.outcomes or self._outcomes)
        return self.described

    async def _posted(self, session: aiohttp.ClientSession, body: bytes) -> bytes:
        """Once more when a kept connection turns out to have been closed: computing logits twice does no harm."""
        try:
            return await self._posted_once(session, body)
        except _CLOSED:
            return await self._posted_once(session, body, last=True)

    async def _posted_once(self, session: aiohttp.ClientSession, body: bytes, *, last: bool = False) -> bytes:
        passing = () if last else _CLOSED
        async with self._reached(
            session.post(f"{self._url}/infer", data=body, headers=_JSON, allow_redirects=False), passing=passing
        ) as answer:
            return await answer.read()

    @asynccontextmanager
    async def _reached(self, request: Any, *, passing: tuple[type[BaseException], ...] = ()) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with request as answer:
                if answer.status != HTTPStatus.OK:
                    raise self._refusal(answer.status, answer.headers)
                yield answer
        except passing:
            raise
        except _GONE as error:
            raise UnreachableError(f"{self.where}: {_why(error)}") from None

    def _refusal(self, status: int, headers: Mapping[str, str]) -> ClassifierError:
        if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in headers):
            return BusyError(f"{self.where}: it has too much to do")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return ClassifierError(f"{self.where}: it answered {status}; give a token it accepts under options.token")
        if status == HTTPStatus.NOT_FOUND:
            return ClassifierError(f"{self.where}: it has no such model; name one that it serves under options.model")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return UnreachableError(f"{self.where}: it answered {status}")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:  # prompts and the token go nowhere but where they were sent
            return ClassifierError(f"{self.where}: it answered {status}, which points elsewhere; give the url of the service itself")
        return ClassifierError(f"{self.where}: it answered {status} to a question as the Open Inference Protocol has it")

    async def _here(self) -> aiohttp.ClientSession:
        """The session of the running loop. What belonged to another loop has ended with it."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._keeping, self._loop = self._kept(), loop
            self._session = await anext(self._keeping)
        return self._session

    async def _kept(self) -> AsyncGenerator[aiohttp.ClientSession]:
        """A session that is closed when its event loop ends: loops end generators that are under way."""
        async with self._new_session() as session:
            yield session

    async def close(self) -> None:
        """Close the kept connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _new_session(self) -> aiohttp.ClientSession:
        trust: ssl.SSLContext | bool = True if self._trust is None else self._trust
        connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_S, ssl=trust)
        return aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # whoever asks has a deadline
            auto_decompress=True,
        )


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted, or is another host's; name a file with the certificates to trust under options.ca"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "it does not answer as https; is it a service that speaks http?"
    return f"it does not answer ({type(error).__name__}); is the service running?"
