"""What still waits in memory when the process is told to stop: lines of the record, and spans.

uvicorn lets a process end by the signal that stopped it, so what is registered with ``atexit`` is not called; and LiteLLM does not tell its
callbacks that it ends. Its own clearing up is the one place that is reached under every server, after the last answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from litellm.proxy import proxy_server


def when_the_proxy_ends(blocking: Callable[[], object], *, within_s: float) -> None:
    """Have this called in a thread, after LiteLLM has cleared up. When it takes longer than ``within_s``, it is not waited for."""
    theirs = proxy_server.proxy_shutdown_event

    async def theirs_then_ours(*arguments: Any, **named: Any) -> None:
        try:
            await theirs(*arguments, **named)
        finally:
            await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(blocking))], timeout=within_s)

    proxy_server.proxy_shutdown_event = theirs_then_ours
