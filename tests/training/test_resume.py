"""A run that was stopped and resumed ends as one that never was."""

import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from fer import files, run_folders, runs, trust
from fer.config import compose_config
from fer.errors import Interrupted, UserError
from fer.files import Unwritable
from fer.train import train
from fer.training import history, resume
from fer.training.callbacks import Throughput
from fer.training.checkpointing import WholeCSVLogger

TINY = [
    "data=synthetic",
    "data.synthetic.train=70",
    "data.synthetic.val=35",
    "data.synthetic.test=35",
    "data.batch_size=16",
    "model=cnn",
    "model.blocks=[[4],[8]]",
    "model.head=[16]",
    "average=ema",
    "callbacks.ema.decay=0.5",
    "optimizer=adam",
    "optimizer.lr=0.02",
    "scheduler=plateau",
    "scheduler.patience=0",
    "callbacks.early_stopping.patience=2",
    "callbacks.pictures=null",
    "trainer.max_epochs=5",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
]
HOOKS = 30  # fewer calls of the hooks below than a whole run has


class Killed(BaseException):
    """Ends the process's work at once, as a signal that cannot be caught would."""


class Stop(Throughput):
    """A callback of the config that stops the run at a random call of its hooks, `left` times at most."""

    random, how, left, calls = random.Random(), "kill", 0, 0


def stopping(hook: str):
    def count(self, *args) -> None:
        getattr(Throughput, hook)(self, *args)
        Stop.calls -= 1
        if Stop.left and Stop.calls == 0:
            Stop.left -= 1
            Stop.calls = Stop.random.randint(1, HOOKS)
            if Stop.how == "kill":
                raise Killed
            os.kill(os.getpid(), getattr(signal, Stop.how))

    return count


for part in ("train", "train_epoch", "train_batch", "validation", "validation_batch"):
    for end in ("start", "end"):
        setattr(Stop, f"on_{part}_{end}", stopping(f"on_{part}_{end}"))


def run(folder: Path, *overrides: str) -> dict:
    return train(compose_config([*TINY, f"output_dir={folder}", *overrides]))


def go_on(folder: Path) -> dict:
    return train(compose_config([f"resume={folder}"]))


@pytest.fixture(autouse=True)
def _trusted(monkeypatch):
    """The tests' own callbacks stand where fer's would, which a config.yaml may not do unasked."""
    monkeypatch.setattr(trust, "TRUSTED", {"fer"})


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The folder of a run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(folder)
    return folder


def assert_same_run(folder: Path, whole: Path) -> None:
    """Figures, weights of both checkpoints, predictions and logged rows agree to the last digit."""
    ours, theirs = (json.loads((path / runs.METRICS).read_text()) for path in (folder, whole))
    figures = [name for name in theirs if "/" in name]
    names = [*figures, "epochs", "steps", "status", "identity", "resolved"]
    assert {name: ours[name] for name in names} == {name: theirs[name] for name in names}
    for name in ("best", "last"):
        a, b = (torch.load(path / "checkpoints" / f"{name}.ckpt", weights_only=True) for path in (folder, whole))
        assert all(a["state_dict"][key].equal(value) for key, value in b["state_dict"].items())
    assert (folder / runs.PREDICTIONS).read_text() == (whole / runs.PREDICTIONS).read_text()
    pd.testing.assert_frame_equal(logged(folder), logged(whole), check_exact=True)


def logged(folder: Path) -> pd.DataFrame:
    """The rows of metrics.csv without what depends on the clock."""
    table = pd.read_csv(folder / "metrics.csv").drop(columns="images_per_s", errors="ignore")
    figures = [name for name in table if name not in ("step", "epoch")]
    return table.dropna(how="all", subset=figures).reset_index(drop=True)


@pytest.mark.full
@pytest.mark.parametrize("how", ["kill", "SIGTERM", "SIGINT"])
@pytest.mark.parametrize("draw", range(4))
def test_a_run_stopped_anywhere_ends_as_if_it_had_not_been(how, draw, whole, tmp_path, monkeypatch):
    drawn, folder, stops = random.Random(f"{how} {draw}"), tmp_path / "run", 0
    for name, value in {"random": drawn, "how": how, "left": 2, "calls": drawn.randint(1, HOOKS)}.items():
        monkeypatch.setattr(Stop, name, value)
    monkeypatch.setattr("fer.training.callbacks.Throughput", Stop)
    start = run
    while True:
        try:
            start(folder)
            break
        except (Killed, Interrupted):
            stops += 1
            assert json.loads((folder / runs.METRICS).read_text())["status"] != "finished"
            start = go_on
    assert stops
    assert_same_run(folder, whole)
    assert len(json.loads((folder / runs.METRICS).read_text())["resumed"]) == stops


@pytest.fixture
def stopped(tmp_path, monkeypatch) -> Path:
    """The folder of a run that was killed in its second epoch."""
    for name, value in {"random": random.Random(0), "how": "kill", "left": 1, "calls": 20}.items():
        monkeypatch.setattr(Stop, name, value)
    with monkeypatch.context() as patch:
        patch.setattr("fer.training.callbacks.Throughput", Stop)
        with pytest.raises(Killed):
            run(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.full
@pytest.mark.parametrize(("scheduler", "accumulated"), [("cosine", 1), ("onecycle", 2), ("step", 1), ("plateau", 2)])
def test_every_kind_of_schedule_goes_on_in_the_midst_of_an_epoch(scheduler, accumulated, tmp_path, monkeypatch):
    options = [option for option in TINY if not option.startswith("scheduler")]
    options += [f"scheduler={scheduler}", f"trainer.accumulate_grad_batches={accumulated}"]
    train(compose_config([*options, f"output_dir={tmp_path / 'whole'}"]))
    for name, value in {"random": random.Random(0), "how": "SIGTERM", "left": 1, "calls": 12}.items():
        monkeypatch.setattr(Stop, name, value)
    monkeypatch.setattr("fer.training.callbacks.Throughput", Stop)
    with pytest.raises(Interrupted):
        train(compose_config([*options, f"output_dir={tmp_path / 'run'}"]))
    go_on(tmp_path / "run")
    assert_same_run(tmp_path / "run", tmp_path / "whole")


STEPS = ["trainer.max_epochs=-1", "trainer.max_steps=25"]
MIDST = [*STEPS, "trainer.check_val_every_n_epoch=null", "trainer.val_check_interval=4"]


def test_a_run_bounded_by_steps_is_that_of_as_many_epochs(whole, tmp_path):
    run(tmp_path / "run", *STEPS)
    pd.testing.assert_frame_equal(logged(tmp_path / "run"), logged(whole), check_exact=True)


@pytest.mark.full
@pytest.mark.parametrize("calls", [16, 27])
@pytest.mark.parametrize("options", [STEPS, MIDST], ids=["after epochs", "in their midst"])
def test_a_run_bounded_by_steps_goes_on(options, calls, tmp_path, monkeypatch):
    run(tmp_path / "whole", *options)
    for name, value in {"random": random.Random(0), "how": "SIGTERM", "left": 1, "calls": calls}.items():
        monkeypatch.setattr(Stop, name, value)
    monkeypatch.setattr("fer.training.callbacks.Throughput", Stop)
    with pytest.raises(Interrupted):
        run(tmp_path / "run", *options)
    go_on(tmp_path / "run")
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_other_soft_labels_are_refused():
    record = {"data": {"fingerprint": "f", "path": ["/x"], "soft_labels": "a"}}
    resume.check_data(record, "f", "a")
    with pytest.raises(UserError, match=r"the content of labels\.soft \(digest b\) is not that of the run \(a\)"):
        resume.check_data(record, "f", "b")
    with pytest.raises(UserError, match="digest None"):
        resume.check_data(record, "f")


@pytest.mark.full
def test_a_run_killed_while_it_is_scored_trains_no_further(whole, tmp_path, monkeypatch):
    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("fer.training.experiment.score", killed)
        with pytest.raises(Killed):
            run(tmp_path / "run")
    go_on(tmp_path / "run")
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.full
def test_a_run_goes_on_in_another_place(stopped, whole, tmp_path):
    shutil.move(stopped, tmp_path / "elsewhere")
    go_on(tmp_path / "elsewhere")
    assert not stopped.exists()
    assert_same_run(tmp_path / "elsewhere", whole)


@pytest.mark.full
def test_a_run_goes_on_from_a_checkpoint_of_its_own(stopped, whole):
    go_on(stopped / "checkpoints" / "last.ckpt")
    assert_same_run(stopped, whole)


@pytest.mark.full
def test_history_before_a_kill_in_its_midst_is_kept(stopped, whole):
    with (stopped / "metrics.csv").open("a") as file:
        file.write("0.5,3")  # a line that was being written
    go_on(stopped)
    assert_same_run(stopped, whole)


def test_a_kill_while_a_column_is_added_takes_no_row(tmp_path, monkeypatch):
    def killed(*_):
        raise Killed

    logger = WholeCSVLogger(tmp_path, name="", version="")
    logger.log_metrics({"train/loss": 1.5}, step=0)
    logger.save()
    logger.log_metrics({"val/loss": 1.25}, step=0)
    with monkeypatch.context() as patch:
        patch.setattr(csv.DictWriter, "writerows", killed)
        with pytest.raises(Killed):
            logger.save()
    assert pd.read_csv(tmp_path / "metrics.csv").to_dict("list") == {"step": [0], "train/loss": [1.5]}


def test_a_run_stopped_again_before_its_first_row_has_no_history(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,step,train/loss\n0,3,1.9\n")
    history.keep_history(tmp_path, step=0)
    history.join_history(tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.full
def test_tensorboard_forgets_what_is_repeated(stopped, whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    go_on(stopped)
    steps = {}
    for folder in (stopped, whole):
        events = EventAccumulator(str(folder)).Reload()
        steps[folder] = [event.step for event in events.Scalars("val/accuracy")]
    assert steps[stopped] == steps[whole]


def test_a_finished_run_is_not_resumed(whole):
    with pytest.raises(UserError, match="is finished; nothing to resume"):
        go_on(whole)


def test_a_run_in_work_is_not_resumed(stopped):
    lock = run_folders.hold(stopped)
    with pytest.raises(UserError, match="another process works on this run"):
        go_on(stopped)
    lock.release()


def test_a_run_is_not_resumed_on_other_data(stopped):
    config = stopped / runs.CONFIG
    config.write_text(config.read_text().replace("train: 70", "train: 77"))
    with pytest.raises(UserError, match="not those of the run"):
        go_on(stopped)


@pytest.mark.parametrize("name", ["nowhere", "file", "folder"])
def test_what_is_no_run_is_one_line(name, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=f"resume=.*{name}: (no such run|not a run)"):
        go_on(tmp_path / name)


def test_continuing_skips_what_is_finished(whole, capsys):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    metrics = run(whole, "existing=continue")
    assert metrics == runs.read_record(whole) | {"folder": str(whole)}
    assert "finished before: skipped" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.name != runs.LOCK} | before == before


@pytest.mark.full
def test_continuing_resumes_what_was_stopped(stopped, whole):
    run(stopped, "existing=continue")
    assert_same_run(stopped, whole)


@pytest.mark.full
def test_continuing_runs_anew_what_differs(stopped):
    assert run(stopped, "existing=continue", "seed=1")["status"] == "finished"
    assert runs.read_record(stopped.with_name("run-2"))["config"]["seed"] == 1
    assert runs.read_record(stopped)["status"] != "finished"


def test_continuing_leaves_a_run_in_work_to_its_process(stopped, capsys):
    lock = run_folders.hold(stopped)
    assert run(stopped, "existing=continue")["status"] != "finished"
    assert "another process works on it: skipped" in capsys.readouterr().out
    lock.release()


@pytest.mark.full
def test_what_diverged_is_run_again_on_request_only(tmp_path):
    wild = ("existing=continue", "optimizer=sgd", "optimizer.lr=1e30")
    for _ in range(2):
        with pytest.raises(UserError, match=r"loss is|retry=true"):
            run(tmp_path / "run", *wild)
    assert not (tmp_path / "run-2").exists()
    with pytest.raises(UserError, match="loss is"):
        run(tmp_path / "run", *wild, "retry=true")
    assert (tmp_path / "run-2").exists()


def killed_at(calls: int, folder: Path, monkeypatch, *overrides: str) -> Path:
    """The folder of a run that was killed at that call of its hooks."""
    for name, value in {"random": random.Random(0), "how": "kill", "left": 1, "calls": calls}.items():
        monkeypatch.setattr(Stop, name, value)
    with monkeypatch.context() as patch:
        patch.setattr("fer.training.callbacks.Throughput", Stop)
        with pytest.raises(Killed):
            run(folder, *overrides)
    return folder


@pytest.mark.full
@pytest.mark.parametrize("calls", [20, 36, 50])
@pytest.mark.parametrize("left", ["previous", "best"])
def test_a_run_without_its_last_state_ends_as_if_it_had_it(left, calls, whole, tmp_path, monkeypatch, capsys):
    folder = killed_at(calls, tmp_path / "run", monkeypatch)
    states = folder / "checkpoints"
    os.truncate(states / "last.ckpt", 2000)
    if left == "best":
        (states / "previous.ckpt").unlink(missing_ok=True)
    go_on(folder)
    assert_same_run(folder, whole)
    assert capsys.readouterr().out.count("last.ckpt: truncated, overwritten or of another program") == 1
    assert (states / "last.ckpt.damaged").stat().st_size == 2000
    assert not (states / "previous.ckpt").exists()


@pytest.mark.full
@pytest.mark.parametrize("calls", [14, 20, 27, 36])
def test_a_run_goes_on_from_a_best_state_in_the_midst_of_an_epoch(calls, tmp_path, monkeypatch):
    run(tmp_path / "whole", *MIDST)
    folder = killed_at(calls, tmp_path / "run", monkeypatch, *MIDST)
    for name in ("last", "previous"):
        (folder / "checkpoints" / f"{name}.ckpt").unlink(missing_ok=True)
    go_on(folder)
    assert_same_run(folder, tmp_path / "whole")


def test_where_the_best_weights_are_lost_a_run_begins_anew(stopped, whole, capsys):
    (stopped / "checkpoints" / "best.ckpt").write_bytes(b"")
    go_on(stopped)
    assert "the run starts from the beginning" in capsys.readouterr().out
    assert_same_run(stopped, whole)


@pytest.mark.full
@pytest.mark.parametrize("content", [b"", bytes(500), b"{", b"[]", b'{"status": 3}', b"\xff\xfe"])
def test_a_damaged_record_is_written_anew(content, stopped, whole, capsys):
    before = runs.read_record(stopped)
    (stopped / runs.METRICS).write_bytes(content)
    assert runs.read_record(stopped)["identity"] == before["identity"]
    run(stopped, "existing=continue")
    assert f"{stopped / runs.METRICS}: damaged" in capsys.readouterr().err
    assert_same_run(stopped, whole)
    after = runs.read_record(stopped)
    assert {name: after[name] for name in ("command", "config", "data")} == {
        name: before[name] for name in ("command", "config", "data")
    }


def damage_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.full
@pytest.mark.parametrize(
    "damage", [os.unlink, lambda path: path.write_bytes(bytes(99)), lambda path: path.write_text("a: [")]
)
def test_a_damaged_config_is_that_of_the_record(damage, stopped, whole, capsys):
    before = (stopped / runs.CONFIG).read_text()
    damage(stopped / runs.CONFIG)
    go_on(stopped)
    assert f"{stopped / runs.CONFIG}: " in capsys.readouterr().err
    assert_same_run(stopped, whole)
    assert (stopped / runs.CONFIG).read_text() == before


def test_without_record_and_config_a_run_is_one_line(stopped):
    for name in (runs.CONFIG, runs.METRICS):
        (stopped / name).write_text("{")
    with pytest.raises(UserError, match="start the run again") as raised:
        go_on(stopped)
    assert "\n" not in str(raised.value)


@pytest.mark.full
@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(bytes(300)), damage_folder])
def test_a_damaged_history_begins_where_the_run_goes_on(damage, stopped, whole, capsys):
    damage(stopped / "metrics.csv")
    go_on(stopped)
    assert f"{stopped / 'metrics.csv'}: damaged" in capsys.readouterr().out
    theirs = logged(whole)
    ours = logged(stopped)
    assert 0 < len(ours) < len(theirs)
    expected = theirs.tail(len(ours)).reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, expected[list(ours)], check_exact=True)
    assert os.path.lexists(stopped / "metrics.csv.damaged")


def assert_whole_files(folder: Path) -> None:
    """Whatever lies there under a final name can be read, and no temporary file is left."""
    for path in folder.rglob("*"):
        assert not path.name.endswith(files.PARTIAL)
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".yaml":
            OmegaConf.load(path)
        elif path.suffix == ".ckpt":
            torch.load(path, weights_only=True)
        elif path.suffix == ".csv":
            table = path.read_text()
            assert table.endswith("\n")
            assert len({line.count(",") for line in table.splitlines()}) == 1


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
@pytest.mark.parametrize("limit", [3_000, 8_000, 20_000, 60_000])
def test_a_run_on_a_full_disk_fails_in_a_line_and_goes_on_when_there_is_room(limit, whole, tmp_path):
    """limit: bytes that a file may have, from less than metrics.json to less than the pictures."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(Unwritable, match=r"cannot be written \(File too large\)") as raised:
            run(tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(raised.value)
    assert_whole_files(tmp_path / "run")
    if not (tmp_path / "run" / runs.CONFIG).exists():
        run(tmp_path / "run")
    else:
        record = runs.read_record(tmp_path / "run")
        if limit > 8_000:
            assert record["status"] == "failed"
            assert "File too large" in record["error"]
        go_on(tmp_path / "run")
    assert_same_run(tmp_path / "run", whole)


@pytest.fixture
def disk(tmp_path):
    """Mounts a disk of so many kilobytes, or makes it larger; skips where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: int) -> Path:
        options = f"size={size}k" + (",remount" if os.path.ismount(place) else "")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], check=False)
        if done.returncode:
            pytest.skip("no disk can be mounted here")
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
@pytest.mark.parametrize("size", [40, 120, pytest.param(160, marks=pytest.mark.slow), 200, 300])
def test_a_run_on_a_small_disk_fails_in_a_line_and_goes_on_on_a_larger_one(size, disk, whole):
    folder = disk(size) / "run"
    with pytest.raises(UserError, match="cannot be written") as raised:
        run(folder)
    assert "\n" not in str(raised.value)
    assert_whole_files(folder)
    disk(100_000)
    if (folder / runs.CONFIG).exists():
        assert runs.read_record(folder)["status"] != "finished"
        go_on(folder)
    else:
        run(folder)
    assert_same_run(folder, whole)


def typed(*arguments: str, **options) -> subprocess.Popen:
    """The command as a user types it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([sys.executable, "-m", "fer.train", *arguments], env=environment, **pipes, **options)


def test_only_the_machine_may_change(stopped):
    output, _ = (process := typed(f"resume={stopped}", "optimizer.lr=1")).communicate()
    assert process.returncode == 2
    assert "error: optimizer.lr: a resumed run goes on as" in output


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_full_disk_is_one_line_and_exit_code_2(tmp_path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    process = typed(*TINY, f"output_dir={tmp_path / 'run'}", preexec_fn=limit)
    output, _ = process.communicate()
    assert process.returncode == 2
    assert "Traceback" not in output
    *_, before, last = output.splitlines()
    assert before == f"failed; go on with: python -m fer.train resume={tmp_path / 'run'}"
    assert last.startswith(f"error: {tmp_path / 'run'}")
    assert last.endswith("cannot be written (File too large); make room there and go on")


@pytest.mark.long
@pytest.mark.parametrize("kill", range(10))
def test_a_run_killed_by_the_system_ends_as_if_it_had_not_been(kill, whole, tmp_path):
    folder, drawn = tmp_path / "run", random.Random(kill)
    process = typed(*TINY, f"output_dir={folder}")
    while process.poll() is None and not (folder / runs.CONFIG).exists():
        time.sleep(0.01)
    time.sleep(drawn.uniform(0, 3))
    process.kill()
    process.communicate()
    if runs.read_record(folder)["status"] != "finished":
        go_on(folder)
    assert_same_run(folder, whole)


def test_a_resumed_run_may_have_another_time():
    config = OmegaConf.create({"trainer": {"max_time": None}, "callbacks": {"timer": {"duration": None}}})
    resume.change(config, "trainer.max_time", "00:00:00:03")
    assert config.callbacks.timer.duration == config.trainer.max_time == "00:00:00:03"
