"""Whatever goes wrong in a hook is logged without the prompt, and never costs the request."""

import asyncio
import logging

import pytest

from litellm_cascade.errors import AccessError
from litellm_cascade.proxy.guard import guarded


@guarded
async def hook(what):
    if isinstance(what, BaseException):
        raise what
    return what


async def test_a_hook_that_works_is_left_alone():
    assert await hook("fine") == "fine"


async def test_a_hook_that_raises_answers_nothing_and_tells_where_but_not_what(caplog):
    with caplog.at_level(logging.ERROR, logger="LiteLLM Proxy"):
        assert await hook(ValueError("the prompt was: CANARY")) is None
    assert "cascade: hook failed with ValueError" in caplog.text
    assert "CANARY" not in caplog.text


async def test_a_client_that_leaves_is_not_caught():
    with pytest.raises(asyncio.CancelledError):
        await hook(asyncio.CancelledError())


async def test_a_refusal_reaches_the_client():
    with pytest.raises(AccessError, match="this key may not call small or large, which this request would go to; ask for access to it"):
        await hook(AccessError(["small", "large"]))
