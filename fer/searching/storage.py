"""Opens the storage of a search: a journal file for one machine, a database for several."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage

from fer.build import build
from fer.errors import UserError
from fer.monitor import mode_of
from fer.searching import trials
from fer.searching.journal import Journal
from fer.searching.plan import Plan
from fer.searching.sampling import SeededSampler

JOURNAL = "journal.log"
MEANING = "meaning"
"""Attribute of a study: what it searches, which must be the same for all that work on it."""
CONNECT_TIMEOUT = 10  # seconds
MIN_FREE = 50_000_000
"""Bytes of free disk space below which the disk counts as full."""

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats, since 2021


def open_study(plan: Plan) -> optuna.Study:
    """Creates or joins the study of the plan, with the plan's sampler and pruner.

    Raises UserError where the storage cannot be used or holds another search by that name.
    """
    direction = "minimize" if mode_of(plan.monitor) == "min" else "maximize"
    storage = open_storage(plan)
    meaning = plan.meaning()
    try:
        study = optuna.create_study(storage=storage, study_name=plan.name, direction=direction, load_if_exists=True)
        if MEANING not in study.user_attrs:
            study.set_user_attr(MEANING, meaning)
        stored = study.user_attrs[MEANING]
    except optuna.exceptions.StorageInternalError as error:
        raise UserError(f"search.storage: {reason(error.__cause__ or error)}") from error
    for key, value in meaning.items():
        if stored.get(key) != value:
            where = without_password(plan.storage) if plan.storage else plan.folder / JOURNAL
            message = f"{where} holds another search '{plan.name}' (its {key} differs)"
            raise UserError(f"{message}; name this one: study=NAME")
    study.sampler = SeededSampler(plan.sampler, plan.seed)
    study.pruner = build(plan.pruner)
    return study


def open_storage(plan: Plan) -> BaseStorage:
    """Opens the journal or the database of the plan. Raises UserError where it cannot be reached or used."""
    make_writable(plan.folder)
    if plan.storage is None:
        return JournalStorage(Journal(plan.folder / JOURNAL))
    try:
        return open_database(plan.storage, plan.heartbeat)
    except Exception as error:  # of SQLAlchemy, of the driver, of Optuna
        raise UserError(f"search.storage={without_password(plan.storage)}: {reason(error)}") from error


def make_writable(folder: Path) -> None:
    """Creates the folder. Raises UserError where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); start where runs/ can be") from error


def disk_error(folder: Path) -> UserError | None:
    """Returns the error to raise where the disk of the folder is full."""
    free = shutil.disk_usage(folder).free
    if free >= MIN_FREE:
        return None
    return UserError(f"{folder}: only {free / 1e6:.0f} MB left on the disk; make room and start again")


def check_disk(folder: Path) -> None:
    """Raises UserError where the disk of the folder is full."""
    if error := disk_error(folder):
        raise error


def open_database(url: str, heartbeat: int) -> RDBStorage:
    """Opens a database. A trial without a heartbeat for two intervals of `heartbeat` seconds is requeued."""
    try:
        storage = connect(url, heartbeat)
    except Exception:  # another machine may have created the tables at the same moment
        storage = connect(url, heartbeat)
    if url.startswith("postgresql"):
        check_encoding(storage)
    return storage


def connect(url: str, heartbeat: int) -> RDBStorage:
    arguments = {"connect_timeout": CONNECT_TIMEOUT} if url.startswith("postgresql") else {}
    return RDBStorage(
        url,
        engine_kwargs={"pool_pre_ping": True, "connect_args": arguments},  # hours of training may cut connections
        heartbeat_interval=heartbeat,
        grace_period=2 * heartbeat,
        heartbeat_stale_trial_callback=requeue_stale,
    )


def requeue_stale(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    trials.queue_again(study, trial, died=True)


def check_encoding(storage: RDBStorage) -> None:
    with storage.engine.connect() as connection:
        encoding = connection.exec_driver_sql("show server_encoding").scalar()
    if encoding != "UTF8":
        raise UserError(f"the database's encoding is {encoding}; create one with createdb --encoding=UTF8")


def reason(error: BaseException) -> str:
    """Returns why a storage failed, in one line, and what to do."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ImportError):
        return f"no driver ({error}); pip install 'fer-lightning[search]' and write postgresql+psycopg://…"
    if type(error).__name__ in ("ArgumentError", "NoSuchModuleError"):
        return "no URL of a database; expected such as postgresql+psycopg://USER@HOST/DATABASE"
    message = " ".join(str(getattr(error, "orig", None) or error).split())
    return f"cannot be reached or used ({message[:300]})"


def without_password(url: str) -> str:
    from sqlalchemy.engine import make_url  # comes with Optuna

    try:
        return make_url(url).render_as_string(hide_password=True)
    except Exception:
        return "…"


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raises UserError where the storage fails in the middle of a search."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, OSError) as error:
        message = reason(error.__cause__ or error)
        raise UserError(f"search.storage: {message}; the same command goes on when it is back") from error
