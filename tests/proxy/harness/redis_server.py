"""A Redis of a test's own."""

import shutil
import socket
import subprocess

import pytest

from litellm_cascade.testing.proxy import free_port
from waiting import until


class RedisServer:
    """Keeps nothing: killed and started again, it is empty."""

    def __init__(self, folder):
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed (Debian: apt install redis-server)")
        self.port = free_port()
        self._command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until(lambda: listens(self.port))

    def kill(self):
        self.process.kill()
        self.process.wait()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
