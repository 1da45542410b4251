"""Claims or reopens a run's folder, and records in it how the run begins and ends."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock
from omegaconf import DictConfig

from fer import commandline, config, files, places, run_folders, runs, trust
from fer.console import opening
from fer.containers import plain
from fer.errors import Interrupted
from fer.git import commit
from fer.hardware import hardware, versions
from fer.training import resume
from fer.training.building import machine_choices, with_output_dir
from fer.training.callbacks import Diverged


@dataclass
class ActiveRun:
    """A run whose folder this process has locked.

    cfg: the run's config; its `output_dir` is `folder`, so everything that interpolates it is written there.
    checkpoint: the saved state to start from; None for a new run.
    record: the content of metrics.json.
    """

    cfg: DictConfig
    folder: Path
    lock: FileLock
    checkpoint: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)

    def begin(self, data: Mapping[str, Any], identity: str, command: str | None = None) -> None:
        """Writes config.yaml and metrics.json of a new run, or checks and completes those of a resumed one.

        data: the data module's description. command: what to type for the run; by default what was typed. Raises
        UserError where the data are not those of the resumed run.
        """
        options = plain(self.cfg)
        machine = {"versions": versions(), "hardware": hardware(), "commit": commit()}
        if self.checkpoint:
            self.record = self._earlier_record(data, identity, machine)
        else:
            start = {"command": command or command_line(), "identity": identity, "resolved": machine_choices(self.cfg)}
            self.record = {"status": "interrupted", **start, "config": options, "data": data, **machine}
            runs.write_json(self.folder / runs.METRICS, self.record)  # a process that is killed writes nothing more
        if not (self.checkpoint and runs.config_is_whole(self.folder)):
            start = {name: self.record[name] for name in runs.NO_RUN}
            content = options | {"resume": None, "found": {**data, "run": start}}
            runs.write_config(self.folder / runs.CONFIG, content)
        places.remember(self.folder)  # last, so that `latest` is never a folder without a record

    def _earlier_record(self, data: Mapping[str, Any], identity: str, machine: dict[str, Any]) -> dict[str, Any]:
        record = runs.read_record(self.folder)
        resume.check_data(record, data["fingerprint"], data.get("soft_labels"))
        run_folders.remove_partial(self.folder)
        record |= {"error": None, "diverged": False, "resumed": [*record.get("resumed", ()), machine]}
        record["identity"] = record["identity"] or identity
        return record

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Runs the block, and writes to metrics.json whether it finished, failed or was interrupted."""
        started = time.perf_counter()
        try:
            yield
            self.record |= {"status": "finished", "seconds": round(time.perf_counter() - started, 1)}
            runs.write_json(self.folder / runs.METRICS, self.record)
            (self.folder / runs.PREVIOUS).unlink(missing_ok=True)
        except BaseException as raised:
            error = files.explained(raised, self.folder)
            self.record["seconds"] = round(time.perf_counter() - started, 1)
            self._record_failure(error)
            if error is raised:
                raise
            raise error from raised

    def _record_failure(self, error: BaseException) -> None:
        interrupted = isinstance(error, Interrupted | SystemExit)
        self.record |= {
            "status": "interrupted" if interrupted else "failed",
            "error": f"{type(error).__name__}: {error}",
            "diverged": isinstance(error, Diverged),
        }
        runs.keep_record(self.folder, self.record)
        if interrupted or isinstance(error, files.Unwritable):
            print(f"{self.record['status']}; go on with: {self._resume_command()}", flush=True)

    def _resume_command(self) -> str:
        command = commandline.command("fer.train", [commandline.assigned("resume", self.folder)])
        return command + trust.override_for(plain(self.cfg), str(self.folder))


@contextmanager
def active_run(
    cfg: DictConfig, checkpoint: Path | None, data: Mapping[str, Any], identity: str, command: str | None = None
) -> Iterator[ActiveRun]:
    """Yields the run of `cfg` in its locked folder, begun; see `ActiveRun.begin` for the arguments.

    A new run claims `cfg.output_dir`, or the next free name beside it; a run with a checkpoint reopens that folder.
    Raises UserError where the folder cannot be written or another process works in it.
    """
    wanted = Path(cfg.output_dir)
    if checkpoint:
        folder, lock = run_folders.reopen(wanted)
    else:
        folder, lock = run_folders.claim(wanted)
    try:
        print("\n".join(opening(data, machine_choices(cfg), wanted, folder)), flush=True)
        run = ActiveRun(with_output_dir(cfg, folder), folder, lock, checkpoint)
        run.begin(data, identity, command)
        yield run
    finally:
        lock.release()


def command_line() -> str | None:
    """Returns the command of this run as typed; None without a command line."""
    if not config.is_ours():
        return None
    return commandline.command("fer.train", config.typed_overrides(), config.config_dir())
