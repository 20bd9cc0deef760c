"""Whether metrics are counted, and a port of our own for them: LiteLLM's ``/metrics`` is there only with its callback ``prometheus``."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from litellm_cascade.audit.metrics import SHARED
from litellm_cascade.errors import StartupError

ADDRESS = "127.0.0.1"
TRY_AGAIN_SECONDS = 5.0
CALLBACKS = ("callbacks", "success_callback", "failure_callback")


def is_measured(config: Mapping[str, Any], metrics_port: int | None, environ: Mapping[str, str]) -> bool:
    """Whether anybody can read metrics. A shared folder is there for whoever serves it, such as LiteLLM's ``--prometheus_metrics_port``."""
    settings = config.get("litellm_settings") or {}
    shown = any("prometheus" in _listed(settings.get(name)) for name in CALLBACKS)
    return shown or metrics_port is not None or bool(environ.get(SHARED))


def serve_metrics(port: int) -> None:
    """Serve them from a thread. Of workers that share a folder one has the port, and shows what all have counted.

    Raises StartupError when the port is taken and no folder is shared.
    """
    if os.environ.get(SHARED):
        Thread(target=_serve_in_turn, args=(port,), name="cascade-metrics", daemon=True).start()
        return
    try:
        start_http_server(port, ADDRESS)
    except OSError as error:
        raise StartupError(
            [
                f"callback_settings.cascade.metrics_port: nothing can listen on {ADDRESS}:{port} ({error.strerror}); name another port, "
                f"or, if it is taken by another worker of this proxy, set {SHARED} to an empty folder"
            ]
        ) from None


def _serve_in_turn(port: int) -> None:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    while True:  # until this worker has the port, which is free again once the worker that had it has ended
        with suppress(OSError):
            _, thread = start_http_server(port, ADDRESS, registry)
            thread.join()
        time.sleep(TRY_AGAIN_SECONDS)


def _listed(callbacks: Any) -> tuple[Any, ...]:
    return (callbacks,) if isinstance(callbacks, str) else tuple(callbacks or ())
