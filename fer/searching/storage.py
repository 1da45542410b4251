"""Opens the storage of a search: a journal file for one machine, a database for several."""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from fer import resolvers
from fer.errors import UserError
from fer.searching import trials
from fer.searching.plan import Plan

JOURNAL = "journal.log"
MEANING = "meaning"  # attribute of a study: what it searches
TIMEOUT = 10  # seconds to wait for a database server

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats, since 2021


class KernelLock:
    """Ends with the process that holds it; Optuna's own locks outlive one that is killed."""

    def __init__(self, path: str):
        self.lock = FileLock(path)

    def acquire(self) -> bool:
        self.lock.acquire()
        return True

    def release(self) -> None:
        self.lock.release()


class Journal(JournalFileBackend):
    """A journal that stays readable when a process dies, or the disk is full, in the midst of a line."""

    def __init__(self, path: Path):
        self.path, self.whole = path, KernelLock(f"{path}.lock")
        super().__init__(str(path), self.whole)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with self.whole.lock:  # which counts its holder's calls
            self._cut()
            super().append_logs(logs)

    def _cut(self) -> None:
        """Removes a last line that has no end; nobody has read it."""
        with self.path.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - 1_000_000)
            file.seek(start)
            tail = file.read()
            if tail and not tail.endswith(b"\n"):
                file.truncate(start + tail.rfind(b"\n") + 1)


def open_storage(plan: Plan) -> BaseStorage:
    """Raises UserError for a storage that cannot be reached or used."""
    writable(plan.folder)
    if plan.storage is None:
        return JournalStorage(Journal(plan.folder / JOURNAL))
    try:
        return database(plan)
    except Exception as error:  # of SQLAlchemy, of the driver, of Optuna
        raise UserError(f"search.storage={hidden(plan.storage)}: {reason(error)}") from error


def writable(folder: Path) -> None:
    """Makes the folder. Raises UserError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); start where runs/ can be") from error


def database(plan: Plan) -> RDBStorage:
    connect = {"connect_timeout": TIMEOUT} if plan.storage.startswith("postgresql") else {}

    def taken_up(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        trials.again(study, trial, died=True)

    options = {"pool_pre_ping": True, "connect_args": connect}  # connections may be cut in hours of training
    beats = {"heartbeat_interval": plan.heartbeat, "grace_period": 2 * plan.heartbeat}
    make: Callable[[], RDBStorage] = lambda: RDBStorage(  # noqa: E731
        plan.storage, engine_kwargs=options, **beats, heartbeat_stale_trial_callback=taken_up
    )
    try:
        storage = make()
    except Exception:  # another machine may just have made the tables
        storage = make()
    if plan.storage.startswith("postgresql"):
        with storage.engine.connect() as connection:
            encoding = connection.exec_driver_sql("show server_encoding").scalar()
        if encoding != "UTF8":
            raise UserError(f"the database's encoding is {encoding}; create one with createdb --encoding=UTF8")
    return storage


def reason(error: Exception) -> str:
    """The first line of what the driver said, and what to do."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ImportError):
        return f"no driver ({error}); pip install 'fer-lightning[search]' and write postgresql+psycopg://…"
    if type(error).__name__ in ("ArgumentError", "NoSuchModuleError"):
        return "no URL of a database; expected such as postgresql+psycopg://USER@HOST/DATABASE"
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    return f"cannot be reached or used ({said[:300]})"


def hidden(url: str) -> str:
    """The URL without its password."""
    from sqlalchemy.engine import make_url

    try:
        return make_url(url).render_as_string(hide_password=True)
    except Exception:
        return "…"


def open_study(plan: Plan) -> optuna.Study:
    """The study of the plan, new or joined. Raises UserError where the storage holds another search by that name."""
    direction = "minimize" if resolvers.mode_of(plan.monitor) == "min" else "maximize"
    storage = open_storage(plan)
    meaning = plan.meaning()
    try:
        study = optuna.create_study(storage=storage, study_name=plan.name, direction=direction, load_if_exists=True)
        if MEANING not in study.user_attrs:
            study.set_user_attr(MEANING, meaning)
        there = study.user_attrs[MEANING]
    except optuna.exceptions.StorageInternalError as error:
        raise UserError(f"search.storage: {reason(error.__cause__ or error)}") from error
    for what, content in meaning.items():
        if there.get(what) != content:
            place = hidden(plan.storage) if plan.storage else plan.folder / JOURNAL
            holds = f"{place} holds another search '{plan.name}' (its {what} differs)"
            raise UserError(f"{holds}; name this one: study=NAME")
    return study


@contextmanager
def lost() -> Iterator[None]:
    """A storage that went away in the midst of a search ends in a line."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, OSError) as error:
        said = reason(error.__cause__ or error)
        raise UserError(f"search.storage: {said}; the same command goes on when it is back") from error


def prepared(study: optuna.Study, plan: Plan) -> optuna.Study:
    """The study with the plan's sampler and pruner, to draw trials from."""
    from fer.searching.sampling import EachTrial, build

    study.sampler = EachTrial(plan.sampler, plan.seed)
    study.pruner = build(plan.pruner)
    return study
