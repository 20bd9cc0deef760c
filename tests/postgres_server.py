"""A PostgreSQL of a test module's own, from Debian's package or from the PATH."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import psycopg
import pytest

from litellm_cascade.testing.proxy import free_port
from waiting import until

PASSWORD = "pa55word-of-the-tests"
WITHIN_S = 30.0


def binaries():
    """The folder with initdb and postgres; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    there = found[-1] if found else shutil.which("initdb")
    return Path(there).resolve().parent if there else None


class PostgresServer:
    """Started and stopped by its own hands. PostgreSQL refuses to run as root: then it runs as nobody, in a folder of nobody's."""

    def __init__(self):
        self._binaries = binaries()
        if self._binaries is None:
            pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
        self._folder = Path(tempfile.mkdtemp(prefix="cascade-postgres-"))
        self._as = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        if self._as:
            shutil.chown(self._folder, "nobody", self._as["group"])
        (self._folder / "password").write_text(PASSWORD)
        (self._folder / "password").chmod(0o644)
        self._data = self._folder / "data"
        self._run("initdb", "-D", self._data, "-U", "owner", "-A", "scram-sha-256", f"--pwfile={self._folder / 'password'}", "-N")
        self.port = free_port()
        self._process = None
        self._databases = count()
        self.start()

    def start(self):
        settings = [f"-cport={self.port}", "-clisten_addresses=127.0.0.1", f"-cunix_socket_directories={self._folder}", "-cfsync=off"]
        command = [self._binaries / "postgres", "-D", self._data, *settings]
        self._process = subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._as)
        until(self._answers)

    def _answers(self):
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self):
        """At once, whoever is connected: as when its machine fails."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(WITHIN_S)

    def close(self):
        if self._process.poll() is None:
            self.stop()
        shutil.rmtree(self._folder)

    def url(self, database, *, user="owner", password=PASSWORD):
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self):
        """The URL of one that is empty."""
        name = f"test_{next(self._databases)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return self.url(name)

    def _run(self, program, *arguments):
        command = [self._binaries / program, *arguments]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **self._as)
        assert done.returncode == 0, done.stderr
