"""The one guard: whatever goes wrong in a hook of ours is logged and counted, and never costs the request. A refusal is nothing wrong."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from litellm._logging import verbose_proxy_logger

from litellm_cascade.errors import RefusalError

Hook = Callable[..., Awaitable[Any]]


def guarded(hook: Hook) -> Hook:
    """A hook that answers None instead of raising, unless it refuses the request. LiteLLM then goes on with the request as it was."""

    @functools.wraps(hook)
    async def safe(*args: Any, **kwargs: Any) -> Any:
        try:
            return await hook(*args, **kwargs)
        except RefusalError:
            raise  # the client is meant to see it
        except Exception as error:  # noqa: BLE001 - this is the one place
            # The class and the place, not the message: it may quote the prompt.
            verbose_proxy_logger.error("cascade: %s failed with %s; the request goes on without it", hook.__name__, _where(error))
            verbose_proxy_logger.debug("cascade: traceback", exc_info=True)
            return None

    return safe


def _where(error: BaseException) -> str:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" at {last.tb_frame.f_code.co_filename.rpartition('litellm_cascade')[2]}:{last.tb_lineno}" if last is not None else ""
    return f"{type(error).__name__}{place}"
