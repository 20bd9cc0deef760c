"""A real LiteLLM proxy, in a process of its own."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from litellm_cascade.testing.lifetime import Lifetime

KEY = "sk-cascade-test-4f1d7c52b8a94e06"  # not a secret, but strong enough for LiteLLM, which refuses to start with a weak one
STOP_WITHIN_S = 10.0
LOOK_EVERY_S = 0.1
TAIL_CHARACTERS = 6000
PORTS = (20_000, 32_000)  # below what systems give to outgoing connections, which could take a port while the proxy starts
_DRAWN = random.SystemRandom()  # where tests seed `random`, test processes side by side would draw the same ports


class ProxyProcess(Lifetime):
    """``litellm --config`` on a free local port, started by ``with`` or ``start``.

    ``config`` is a mapping, written into ``folder`` as YAML, or the path of a configuration. ``files`` (folders too) are copied
    beside a written configuration. ``env`` is added to the environment; ``OTEL_*`` variables come from there only. Output goes to
    ``proxy.log``.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | Path,
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        files: Sequence[Path] = (),
        key: str = KEY,
        arguments: Sequence[str] = (),
        ready_within_s: float = 90.0,
    ) -> None:
        self.folder, self.key, self.ready_within_s = folder, key, ready_within_s
        self.config_path = config if isinstance(config, Path) else _written(config, folder, files)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments = arguments
        self._env = _environment(key) | dict(env or {})
        self._log = folder / "proxy.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the proxy."""
        return self._running.pid

    def log(self) -> str:
        """Everything the proxy has printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def client(self, **options: Any) -> httpx.Client:
        """An HTTP client that is logged in with the master key. Close it, or use ``with``."""
        settings: dict[str, Any] = {"base_url": self.url, "timeout": 60.0, "trust_env": False}
        return httpx.Client(headers={"Authorization": f"Bearer {self.key}"}, **(settings | options))

    def cpu_seconds(self) -> float:
        """The processor time, user and system, that the proxy has used so far (its child processes not counted)."""
        import psutil  # type: ignore[import-untyped]  # noqa: PLC0415

        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def start(self) -> None:
        """Start, and wait until the proxy answers; an ``AssertionError`` shows the end of the log when it does not."""
        self._launch()
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def expect_exit(self, timeout: float = 90.0) -> tuple[int, str]:
        """Start a proxy that must refuse to run; its return code and its log."""
        self._launch()
        try:
            return self._running.wait(timeout), self.log()
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the proxy still runs after {timeout} s:\n{self._tail()}") from None
        finally:
            self.stop()

    def stop(self) -> None:
        """End the proxy and what it started; kill it when it does not listen."""
        if self._process is None or self._process.poll() is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(STOP_WITHIN_S)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the proxy has not been started")
        return self._process

    def _launch(self) -> None:
        command = [*self._program(), "--host", "127.0.0.1", "--port", str(self.port), *self._arguments]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command, cwd=self.folder, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _program(self) -> list[str]:
        return [str(Path(sys.executable).parent / "litellm"), "--config", str(self.config_path)]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.ready_within_s
        with self.client(timeout=2.0) as client:
            while not _alive(client):
                if self._running.poll() is not None:
                    raise AssertionError(f"the proxy ended with code {self._running.returncode}:\n{self._tail()}")
                if time.monotonic() > deadline:
                    raise AssertionError(f"the proxy does not answer after {self.ready_within_s} s:\n{self._tail()}")
                time.sleep(LOOK_EVERY_S)

    def _signal(self, number: signal.Signals) -> None:
        os.killpg(self._running.pid, number)  # its own session, hence its own group

    def _tail(self) -> str:
        return self.log()[-TAIL_CHARACTERS:]


def _written(config: Mapping[str, Any], folder: Path, files: Sequence[Path]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        _copied(file, folder / file.name)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(dict(config), sort_keys=False))
    return path


def _copied(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def _environment(key: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1"}
    return kept | local | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": key}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    while True:
        port = _DRAWN.randrange(*PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


def _alive(client: httpx.Client) -> bool:
    try:
        return client.get("/health/liveliness").is_success
    except httpx.TransportError:
        return False
