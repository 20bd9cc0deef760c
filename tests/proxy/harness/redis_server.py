"""A Redis of a test's own."""

import shutil
import socket
import subprocess
import time


class RedisServer:
    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.process = subprocess.Popen([shutil.which("redis-server"), *arguments], stdout=subprocess.DEVNULL)
        self.wait()

    def wait(self, seconds=10.0):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
