"""A proxy that need not import LiteLLM: that is nine tenths of a start, and the tests start some seventy."""

import atexit
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

from litellm_cascade.testing.proxy import ProxyProcess

TESTS = str(Path(__file__).parent)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["litellm.proxy.proxy_cli", "litellm.proxy.proxy_server"])


class ForkedProxy(ProxyProcess):
    """The same command in a process that is forked off one which has imported LiteLLM, and nothing of the plugin, once.

    What LiteLLM reads from the environment while it is imported is therefore that of the tests.
    """

    def _launch(self):
        arguments = [*self._program(), "--host", "127.0.0.1", "--port", str(self.port)]
        self._process = Forked(arguments, self.folder, self._env, self._log)


class Forked:
    """As much of ``subprocess.Popen`` as a proxy needs."""

    def __init__(self, arguments, folder, env, log):
        self._process = FORKS.Process(target=run, args=(arguments, folder, env, log))
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self.returncode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("litellm", timeout)
        return self.returncode


def run(arguments, folder, env, log):
    """In the new process: what the system and Python do for a command that is started, and when it ends."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    _write_to(log)
    sys.path[:] = [str(Path(arguments[0]).parent), *(path for path in sys.path if path and not path.startswith(TESTS))]
    sys.argv[:] = arguments
    from litellm.proxy.proxy_cli import run_server

    try:
        run_server()
    finally:  # the rest of an end is as `multiprocessing` makes it: the exit code, the traceback
        threading._shutdown()
        atexit._run_exitfuncs()


def _write_to(log):
    with log.open("wb") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
            stream.reconfigure(write_through=True)
