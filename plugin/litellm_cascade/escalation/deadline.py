"""Waiting for something no longer than is worth it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from litellm_cascade.errors import LateError

T = TypeVar("T")
MILLISECOND = 1e-3


async def within(seconds: float | None, work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.wait_for``, which before Python 3.12 loses a cancellation that comes together with the result. None: for ever.

    LateError when it takes longer; the work is cancelled, and has ended, whenever this returns or raises.
    """
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait({working}, timeout=seconds)
        if not working.done():
            raise LateError
        return working.result()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
