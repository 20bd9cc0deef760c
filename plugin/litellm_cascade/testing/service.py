"""A classifier service, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from litellm_cascade.testing.lifetime import Lifetime
from litellm_cascade.testing.proxy import LOOK_EVERY_S, STOP_WITHIN_S, TAIL_CHARACTERS, free_port

OBJECT_STORE_BYTES = 100_000_000
"""Nothing is put there; without a bound Ray takes a third of the memory."""
FAKE = "litellm_cascade.testing.logits:fake"


class ServiceProcess(Lifetime):
    """``cascade serve-classifier`` on a local port, a free one unless it is given; ready when ``start`` returns."""

    stop_within_s = STOP_WITHIN_S

    def __init__(
        self, folder: Path, *, classifier: str = FAKE, arguments: Sequence[str] = (), port: int | None = None, ready_within_s: float = 60.0
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [
            str(Path(sys.executable).parent / "cascade"),
            "serve-classifier",
            *("--classifier", classifier, "--port", str(self.port)),
            *arguments,
        ]
        self._env: dict[str, str] = {"PYTHONUNBUFFERED": "1"}
        self._log = folder / f"service-{self.port}.log"
        self._ready_within_s = ready_within_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running.pid

    def log(self) -> str:
        """Everything the service has printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def launch(self) -> None:
        """Start without waiting."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=os.environ | self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603

    def start(self) -> None:
        """Start, and wait until the model is ready; an ``AssertionError`` shows the end of the log when it is not."""
        self.launch()
        deadline = time.monotonic() + self._ready_within_s
        while self.status("/v2/health/ready") != httpx.codes.OK:
            if self._running.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the service is not ready:\n{self.log()[-TAIL_CHARACTERS:]}")
            time.sleep(LOOK_EVERY_S)

    def status(self, path: str) -> int | None:
        """What a GET is answered with; None: nothing answers."""
        try:
            return httpx.get(self.url + path, timeout=5.0, trust_env=False).status_code
        except httpx.TransportError:
            return None

    def wait(self, timeout: float = 60.0) -> int:
        """The exit code, once the process has ended."""
        return self._running.wait(timeout)

    def terminate(self) -> None:
        """Ask it to end, without waiting."""
        self._running.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._running.kill()
        self._running.wait(self.stop_within_s)

    def stop(self) -> None:
        """End it, by force when it takes long."""
        if self._process is None or self._process.poll() is not None:
            return
        self.terminate()
        try:
            self._process.wait(self.stop_within_s)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the service has not been started")
        return self._process


class RayServiceProcess(ServiceProcess):
    """The same route run by Ray Serve: ``serve run`` with ``arguments`` for ``ray_app.build``, in a Ray of its own."""

    stop_within_s = 40.0

    def __init__(self, folder: Path, *, arguments: Mapping[str, Any], classifier: str = FAKE, ready_within_s: float = 300.0) -> None:
        super().__init__(folder, ready_within_s=ready_within_s)
        file = folder / "serve.yaml"
        application = {"name": "classifier", "import_path": "litellm_cascade.service.ray_app:build"}
        given = {"classifier": classifier, **arguments}
        file.write_text(
            yaml.safe_dump({"http_options": {"host": "127.0.0.1", "port": self.port}, "applications": [application | {"args": given}]})
        )
        self._command = [str(Path(sys.executable).parent / "serve"), "run", str(file)]
        self._env |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(OBJECT_STORE_BYTES)}

    def terminate(self) -> None:
        """Ask it to end: ``serve run`` listens to the interrupt alone."""
        self._running.send_signal(signal.SIGINT)
