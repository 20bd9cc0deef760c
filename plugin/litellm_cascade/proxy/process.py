"""The one runtime of this process, shared by what LiteLLM loads separately: the callback and the provider."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import litellm
from litellm.proxy import proxy_server

from litellm_cascade.proxy.models import PROVIDER
from litellm_cascade.proxy.runtime import Runtime
from litellm_cascade.proxy.settings import read_settings
from litellm_cascade.proxy.startup import check_configuration

Loaded = TypeVar("Loaded")
_runtime: Runtime | None = None


def start(loaded: type[Loaded]) -> Loaded:
    """An instance for LiteLLM, once the configuration has been found fit to run with."""
    runtime()
    return loaded()


def runtime() -> Runtime:
    """The process's runtime. The first call checks the configuration, and raises StartupError when going on would be unsafe."""
    global _runtime  # noqa: PLW0603 - one per process
    if _runtime is None:
        settings = read_settings((litellm.callback_settings or {}).get(PROVIDER))
        started = Runtime(settings, proxy_server.user_config_file_path)
        check_configuration(proxy_server.proxy_config.config, proxy_server.user_config_file_path, started.pipeline)
        _warm_up(started)
        _runtime = started
    return _runtime


def _warm_up(started: Runtime) -> None:
    """Load the classifier before the proxy says that it is ready. In a thread, because LiteLLM's loop is running around us."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, started.classifier.warm_up()).result()
