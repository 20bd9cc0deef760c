"""An ASGI application on a free port of this machine, served from a daemon thread."""

from __future__ import annotations

import asyncio
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from litellm_cascade.testing.lifetime import Lifetime

STOP_WITHIN_S = 10


class ServerThread(Lifetime):
    """A uvicorn server in a thread.

    The socket listens from the moment of construction, so clients need not wait for the thread. ``closing`` is set in the server's
    loop when ``stop`` is called: a handler that would otherwise never end must watch it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.closing = asyncio.Event()
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="critical", timeout_graceful_shutdown=1))
        self._running = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True, name=f"server at {self.url}")

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._running.set()
        await self._server.serve(sockets=[self._socket])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and end the thread."""
        if not self._thread.is_alive():
            self._socket.close()
            return
        self._running.wait(STOP_WITHIN_S)
        self._server.should_exit = True
        self._loop.call_soon_threadsafe(self.closing.set)
        self._thread.join(STOP_WITHIN_S)
