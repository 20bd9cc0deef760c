"""A Redis of a test's own."""

import shutil
import socket
import subprocess

from waiting import until


class RedisServer:
    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.process = subprocess.Popen([shutil.which("redis-server"), *arguments], stdout=subprocess.DEVNULL)
        until(lambda: listens(self.port))


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
