"""A fake model server: the dialects of OpenAI, Anthropic and Gemini, scripted by model name from the test that uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from litellm_cascade.testing import anthropic, chat, completions, gemini, responses
from litellm_cascade.testing.board import Board
from litellm_cascade.testing.delivery import Delivery, Format
from litellm_cascade.testing.lifetime import Lifetime
from litellm_cascade.testing.replies import Player, Reply, Script, Seen, player
from litellm_cascade.testing.serving import ServerThread
from litellm_cascade.vocabulary import ToolCall

__all__ = ["FakeUpstream", "Reply", "Seen", "ToolCall"]

CHAT = Format(whole=chat.whole, events=chat.events, closing=b"data: [DONE]\n\n")
COMPLETIONS = Format(whole=completions.whole, events=completions.events, closing=b"data: [DONE]\n\n")
RESPONSES = Format(whole=responses.whole, events=responses.events)
ANTHROPIC = Format(whole=anthropic.whole, events=anthropic.events, refusal=anthropic.refusal)
GEMINI = Format(whole=gemini.whole, events=gemini.events)


class FakeUpstream(Lifetime):
    """A model server on a free local port, started by ``with`` or ``start``.

    A model without a script answers ``Answer of <model>.`` confidently. ``requests`` holds every request, oldest first.
    """

    def __init__(self) -> None:
        self._players: dict[str, Player] = {}
        self._seen: Board[Seen] = Board()
        self._server = ServerThread(Starlette(routes=self._routes()))
        self.url = self._server.url

    def script(self, model: str, script: Script) -> None:
        """What ``model`` answers from now on: a reply, replies in turn (the last one stays), or a function of the request."""
        self._players[model] = player(script)

    @property
    def requests(self) -> list[Seen]:
        """What was asked, oldest first."""
        return self._seen.items

    def asked(self, model: str) -> list[Seen]:
        """What ``model`` was asked, oldest first."""
        return [seen for seen in self.requests if seen.model == model]

    def wait_for(self, wanted: Callable[[Seen], bool], timeout: float = 5.0) -> Seen:
        """The first request that is ``wanted``, now or within ``timeout`` seconds; else an ``AssertionError`` tells what was seen."""
        return self._seen.wait_for(wanted, timeout)

    def wait_until(self, holds: Callable[[list[Seen]], bool], timeout: float = 5.0) -> list[Seen]:
        """All requests, as soon as ``holds`` is true of them."""
        return self._seen.wait_until(holds, timeout)

    def clear(self) -> None:
        """Forget requests and scripts."""
        self._players.clear()
        self._seen.clear()

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self) -> None:
        """Stop, ending what hangs."""
        self._server.stop()

    def _routes(self) -> list[Route]:
        answers = {
            "/v1/chat/completions": CHAT,
            "/v1/completions": COMPLETIONS,
            "/v1/responses": RESPONSES,
            "/v1/messages": ANTHROPIC,
            "/{version}/models/{model}:{verb}": GEMINI,
        }
        routes = [Route(path, self._answering(form), methods=["POST"]) for path, form in answers.items()]
        return [*routes, Route("/v1/models", self._models)]

    def _answering(self, form: Format) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Delivery:
            body = await request.json()
            model = request.path_params.get("model") or str(body.get("model"))
            seen = Seen(model=model, path=request.url.path, body=body, headers=dict(request.headers))
            self._seen.pin(seen)
            return Delivery(reply=self._reply_to(seen), seen=seen, format=form, changed=self._seen.touch, shutdown=self._server.closing)

        return answer

    async def _models(self, request: Request) -> JSONResponse:
        del request
        return JSONResponse({"object": "list", "data": [{"id": model, "object": "model"} for model in list(self._players)]})

    def _reply_to(self, seen: Seen) -> Reply:
        play = self._players.get(seen.model)
        return play(seen) if play else Reply(f"Answer of {seen.model}.")
