"""A PostgreSQL server of our own, and searches whose trials take a moment instead of a training."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fer.searching.plan import Plan

TOY = Path(__file__).with_name("toy_worker.py")


def programs() -> Path | None:
    """The folder with initdb and postgres; Debian keeps it out of PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@pytest.fixture(scope="session")
def server(require) -> Iterator[str]:
    """The URL of a database in a fresh UTF8 cluster, which is gone afterwards; the server refuses to run as root."""
    if (where := programs()) is None:
        require("postgresql", "PostgreSQL is not installed (Debian: apt-get install postgresql)")
    user = None if os.getuid() else next((name for name in ("postgres", "nobody") if exists(name)), None)
    options = {"user": user, "group": pwd.getpwnam(user).pw_gid} if user else {}
    with tempfile.TemporaryDirectory(prefix="fer-postgresql-") as folder:  # tmp_path is closed to other users
        if user:
            shutil.chown(folder, user)
        quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, **options}
        cluster = f"{folder}/cluster"
        make = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--username=fer"]
        subprocess.run([where / "initdb", "-D", cluster, *make], check=True, **quiet)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        listen = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        subprocess.run([where / "pg_ctl", "start", "-w", "-D", cluster, "-o", listen], check=True, **quiet)
        yield f"postgresql+psycopg://fer@127.0.0.1:{port}/postgres"
        subprocess.run([where / "pg_ctl", "stop", "-m", "immediate", "-D", cluster], check=True, **quiet)


def exists(user: str) -> bool:
    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False


@pytest.fixture
def make_plan(tmp_path, monkeypatch) -> Callable[..., Plan]:
    """`make_plan(trials=4)`: a search over one number, in tmp_path."""
    monkeypatch.chdir(tmp_path)

    def make(**changed) -> Plan:
        known = {
            "name": "toy",
            "study": "toy",
            "base": ["data=synthetic"],
            "space": [{"name": "lr", "option": "optimizer.lr", "low": 0.001, "high": 0.1, "log": True}],
            "sampler": {"_target_": "optuna.samplers.RandomSampler"},
            "pruner": {"_target_": "optuna.pruners.NopPruner"},
            "monitor": "val/accuracy",
            "seed": 0,
            "seeds": 1,
            "trials": 4,
            "storage": None,
            "heartbeat": 1,
        }
        return Plan(**known | changed)

    return make


@pytest.fixture
def start_worker() -> Iterator[Callable[[Plan], subprocess.Popen]]:
    """Starts a worker whose runs take a moment; it ends with the test."""
    started = []

    def start(plan: Plan) -> subprocess.Popen:
        environment = {**os.environ, "PYTHONPATH": str(TOY.parents[2])}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": None}
        process = subprocess.Popen([sys.executable, TOY], env=environment, **pipes)
        process.stdin.write(f"{plan.to_json()}\n".encode())
        process.stdin.flush()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
