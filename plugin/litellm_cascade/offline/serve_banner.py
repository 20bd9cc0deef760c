"""What ``make serve`` says before the proxy starts: where it listens, a request to paste, where the traces go."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

HOST = "127.0.0.1"
TRACES_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
KEY_VARIABLE = "LITELLM_MASTER_KEY"
RECORD = ".cascade/record"  # as litellm_config.yaml says
TRACES_EXAMPLE = f"{TRACES_VARIABLE}=http://{HOST}:4318 make serve"


def port_is_taken(port: int) -> bool:
    """LiteLLM moves to a random port when its own is taken, so this is asked before it starts."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def banner(*, port: int, key_file: Path, environment: Mapping[str, str]) -> str:
    """The text, ready to paste from. The key itself is never shown: the command reads it where it lies."""
    url = f"http://{HOST}:{port}"
    key = f"${KEY_VARIABLE}" if environment.get(KEY_VARIABLE) else f"$(cat {key_file})"
    endpoint = environment.get(TRACES_VARIABLE)
    traces = f"go to {endpoint}" if endpoint else f"go nowhere yet. To send them to a collector (docker/ has Jaeger):\n    {TRACES_EXAMPLE}"
    return f"""
The proxy starts on {url} and is ready when it says "Application startup complete".

Ask it something, from this folder in another terminal:
    curl -i {url}/v1/chat/completions -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
      -d '{{"model": "auto", "messages": [{{"role": "user", "content": "How many legs has a spider?"}}]}}'
The response headers x-cascade-* say where it went and why.

Traces {traces}

The decision record, a line for each request, is written to {RECORD}. To read it, and to see that nobody has changed it:
    .venv/bin/cascade audit show {RECORD}
    .venv/bin/cascade audit verify {RECORD}

"""


def main() -> None:
    """Print the banner, or say why the proxy cannot start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    options = parser.parse_args()
    if port_is_taken(options.port):
        sys.exit(f"Port {options.port} is taken: stop what listens there, or choose another, as in PORT={options.port + 1} make serve")
    sys.stdout.write(banner(port=options.port, key_file=options.key_file, environment=os.environ))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
