"""A PostgreSQL of Debian's, started for a test and gone after it."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
AS_SOMEBODY = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}  # it refuses to run as root
WHY_NOT = None if BINARIES else "PostgreSQL is not installed; on Debian: apt-get install postgresql"


@contextmanager
def postgres():
    """The URL of an empty database, behind a socket in a folder of its own."""
    with TemporaryDirectory(prefix="pg") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder, "db")
        home.mkdir()
        if AS_SOMEBODY:
            shutil.chown(home, **AS_SOMEBODY)
        data = home / "data"
        _run(home, "initdb", "-D", data, "-U", "cascade", "-A", "trust", "--no-sync")
        _run(home, "pg_ctl", "-D", data, "-o", f"-k {home} -c listen_addresses='' -c fsync=off", "-l", home / "log", "-w", "start")
        try:
            yield f"postgresql://cascade:swordfish@/postgres?host={home}"
        finally:
            _run(home, "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _run(home, name, *words):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([BINARIES[-1] / name, *words], check=True, timeout=60, cwd=home, **quiet, **AS_SOMEBODY)
