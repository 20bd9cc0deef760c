"""The route of the service as an ASGI application: the same whether uvicorn or Ray Serve runs it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from litellm_cascade.classifiers.batching import Batcher
from litellm_cascade.classifiers.servable import Servable
from litellm_cascade.classifiers.threads import BusyError
from litellm_cascade.errors import ClassifierError
from litellm_cascade.service.metrics import Metrics
from litellm_cascade.service.protocol import SERVER, VERSION, Question, RefusedError, answer, metadata, read_question

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from starlette.requests import Request

    from litellm_cascade.classifiers.batching import Ids, Logits

Compute = Callable[["Ids"], "Awaitable[Logits]"]
"""The logits of one prompt, computed with others. Raises ``BusyError`` when too many wait, ``ClassifierError`` when the engine failed."""
RETRY_AFTER_S: Final = "1"
"""Whole seconds is all that HTTP has. A client with a deadline does not wait for it."""
WATCH_AFTER_S: Final = 0.02
"""Most answers are there before, and watching whether the client is still there costs a task."""
MODEL_PATHS: Final = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")
HUNG_UP: Final = 499
"""The status of a request whose client did not wait for the answer, as others call it as well."""
LONG_TEXT: Final = 2_000
"""Characters; a longer text takes the tokenizer more than about half a millisecond, so it does that in a thread."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class HungUpError(Exception):
    """The client has closed the connection before it had its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request, and all of them together, may ask."""

    most_bytes: int = 1 << 20
    most_prompts: int = 64


@dataclass(slots=True, kw_only=True)
class State:
    """What the route knows. ``served`` and ``compute`` are None while the model is loaded; ``draining`` once it is to end."""

    model: str
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    served: Servable | None = None
    compute: Compute | None = None
    batcher: Batcher | None = None  # whose queue is told in the metrics; Ray Serve has its own
    draining: bool = False

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.compute is not None and not self.draining

    def waiting(self) -> int:
        """Prompts that wait or are computed."""
        return self.batcher.outstanding if self.batcher is not None else 0


def application(state: State, **options: Any) -> Starlette:
    """The route. ``options`` are Starlette's, such as ``lifespan``."""
    state.metrics.outstanding.set_function(state.waiting)
    route = _Route(state)
    routes = [
        Route("/v2", route.server),
        Route("/v2/health/live", route.live),
        Route("/v2/health/ready", route.ready),
        *(of_model for path in MODEL_PATHS for of_model in _of_model(path, route)),
        Route("/metrics", route.metrics),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _told}, **options)


def _of_model(path: str, route: _Route) -> tuple[Route, ...]:
    return (
        Route(path, route.described),
        Route(f"{path}/ready", route.model_ready),
        Route(f"{path}/infer", route.infer, methods=["POST"]),
    )


class _Route:
    def __init__(self, state: State) -> None:
        self._state = state

    async def server(self, _: Request) -> Response:
        return JSONResponse(SERVER)

    async def live(self, _: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        return JSONResponse({"ready": self._state.ready}, 200 if self._state.ready else 503)

    async def described(self, request: Request) -> Response:
        refused = self._unknown(request)
        if refused is not None or self._state.served is None:
            return refused or _error(HTTPStatus.SERVICE_UNAVAILABLE, "the model is still being loaded")
        return JSONResponse(metadata(self._state.served, self._state.model))

    async def model_ready(self, request: Request) -> Response:
        ready = {"name": self._state.model, "ready": self._state.ready}
        return self._unknown(request) or JSONResponse(ready, 200 if self._state.ready else 503)

    async def metrics(self, _: Request) -> Response:
        return Response(generate_latest(self._state.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def infer(self, request: Request) -> Response:
        response = self._unknown(request) or await self._inferred(request)
        self._state.metrics.requests.labels(response.status_code).inc()
        if self._state.draining:
            response.headers["Connection"] = "close"  # so that a kept connection ends behind an answer, never before one
        return response

    async def _inferred(self, request: Request) -> Response:
        served, compute = self._state.served, self._state.compute
        if served is None or compute is None:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, "the model is still being loaded")
        limits = self._state.limits
        try:
            body = await _body(request, limits.most_bytes)
            question = read_question(body, most_prompts=limits.most_prompts, longest=served.longest, vocabulary=served.vocabulary)
            logits = await _while_asked(request, _computed(await _ids(question, served), compute))
            if not np.isfinite(logits).all():
                raise ClassifierError(f"classifier {served.name!r}: its logits are no numbers")  # noqa: TRY301 - told like any failure
        except HungUpError:
            return Response(status_code=HUNG_UP)  # for the metrics: nobody reads it
        except RefusedError as error:
            return _error(error.status, str(error))
        except BusyError:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, "too many prompts wait; ask again later", {"Retry-After": RETRY_AFTER_S})
        except ClassifierError as error:
            _log.error("%s", error)  # our own sentence: a traceback would be repeated for every prompt of the batch
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the logits could not be computed; the service's log says why")
        return Response(json.dumps(answer(self._state.model, logits, question.request_id)), media_type="application/json")

    def _unknown(self, request: Request) -> Response | None:
        if request.path_params["model"] != self._state.model:
            return _error(HTTPStatus.NOT_FOUND, f"there is no such model; the one that is served is {self._state.model!r}")
        if request.path_params.get("version", VERSION) != VERSION:
            return _error(HTTPStatus.NOT_FOUND, f"there is no such version; the one that is served is {VERSION!r}")
        return None


async def _body(request: Request, most_bytes: int) -> bytes:
    """Raises ``RefusedError`` as soon as it is known to be too long, ``HungUpError`` where the rest does not come."""
    too_long = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {most_bytes} bytes")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most_bytes:
        raise too_long
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most_bytes:
                raise too_long
            parts.append(part)
    except ClientDisconnect:
        raise HungUpError from None
    return b"".join(parts)


async def _while_asked(request: Request, computed: Awaitable[T]) -> T:
    """What comes of it. Given up with ``HungUpError`` when the client leaves: its deadline is over, and others wait behind it."""
    watching: list[asyncio.Task[None]] = []
    try:
        async with asyncio.timeout(None) as asked:
            timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, lambda: watching.append(_watch(request, asked)))
            try:
                return await computed
            finally:
                timer.cancel()
                for task in watching:
                    task.cancel()
    except TimeoutError:
        raise HungUpError from None


def _watch(request: Request, asked: asyncio.Timeout) -> asyncio.Task[None]:
    """Ends ``asked`` when the client leaves."""

    def end(left: asyncio.Task[None]) -> None:
        if not left.cancelled():
            with suppress(RuntimeError):  # the answer was there at the same moment
                asked.reschedule(0)

    watching = asyncio.create_task(_left(request))
    watching.add_done_callback(end)
    return watching


async def _left(request: Request) -> None:
    """Returns when the client has closed the connection. Its request has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _ids(question: Question, served: Servable) -> Sequence[Ids]:
    if not question.texts:
        return question.ids
    if sum(map(len, question.texts)) <= LONG_TEXT:
        return [served.encode(text).ids for text in question.texts]
    return await run_in_threadpool(lambda: [served.encode(text).ids for text in question.texts])


async def _computed(prompts: Sequence[Ids], compute: Compute) -> NDArray[np.float32]:
    """[prompts, 32]. One prompt that is refused refuses the request."""
    if len(prompts) == 1:
        return np.asarray(await compute(prompts[0]), np.float32)[None]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_row(compute, ids)) for ids in prompts]
    return np.asarray([_found(task.result()) for task in tasks], np.float32)


async def _row(compute: Compute, ids: Ids) -> Logits | ClassifierError:
    try:
        return await compute(ids)
    except ClassifierError as error:
        return error


def _found(row: Logits | ClassifierError) -> Logits:
    if isinstance(row, ClassifierError):
        raise row
    return row


def _error(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status, headers)


async def _told(_: Request, error: Exception) -> Response:
    """Unknown paths and methods, in the protocol's form."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    return JSONResponse({"error": HTTPStatus(status).phrase}, status)
