"""Several workers on one study, in a journal and in a real PostgreSQL: each trial counts once, whoever dies."""

import os
import signal
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from fer.searching import storage, trials

pytestmark = pytest.mark.slow  # each worker is a Python of its own
PATIENCE = 60  # seconds that nothing here takes on a machine that works


@pytest.fixture(params=["journal", "postgresql"])
def plan(request, make_plan):
    url = request.getfixturevalue("server") if request.param == "postgresql" else None
    return make_plan(storage=url, name=f"toy {time.time()}", trials=12)


def wait_for(condition, seconds: float = PATIENCE) -> None:
    end = time.time() + seconds
    while not condition():
        assert time.time() < end
        time.sleep(0.02)


def running(study: optuna.Study) -> list:
    """The workers that are in the middle of a trial whose values are drawn."""
    found = study.get_trials(states=[TrialState.RUNNING])
    return [t.user_attrs[trials.WORKER] for t in found if trials.WORKER in t.user_attrs and t.params]


def hold(plan, first: int = 0) -> Path:
    """Keeps trials from this number on from finishing until the file is gone: workers start when they can."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / "held").write_text(f"{first}")
    return plan.folder / "held"


def assert_each_once(study: optuna.Study, count: int) -> None:
    everything = study.get_trials()
    whole = Counter(trials.root(trial) for trial in everything if trial.state == TrialState.COMPLETE)
    assert len(whole) == count
    assert set(whole.values()) == {1}
    assert not [trial for trial in everything if not trial.state.is_finished()]
    now = trials.progress(study)
    assert (now.complete, now.ended, now.total) == (count, count, count)


def test_workers_share_the_budget_exactly(plan, start_worker):
    study, held = storage.open_study(plan), hold(plan)
    workers = [start_worker(plan) for _ in range(3)]
    wait_for(lambda: len(running(study)) == 3)
    held.unlink()
    assert [worker.wait(PATIENCE) for worker in workers] == [0, 0, 0]
    assert_each_once(study, 12)
    assert len({trial.user_attrs[trials.WORKER] for trial in trials.counted(study)}) == 3


def test_a_killed_workers_trial_is_taken_up_and_counts_once(plan, start_worker):
    study, held = storage.open_study(plan), hold(plan)
    workers = [start_worker(plan) for _ in range(3)]
    wait_for(lambda: len(running(study)) == 3)
    os.kill(workers[0].pid, signal.SIGKILL)
    held.unlink()
    assert [worker.wait(PATIENCE) for worker in workers[1:]] == [0, 0]
    assert_each_once(study, 12)
    taken = [trial for trial in trials.counted(study) if trials.DEATHS in trial.user_attrs]
    assert [trial.user_attrs[trials.DEATHS] for trial in taken] == [1]
    first = study.get_trials()[trials.root(taken[0])]
    assert (first.state, first.params) == (TrialState.FAIL, taken[0].params)


def test_a_trial_whose_machine_died_is_taken_up_by_its_heartbeat(make_plan, server, start_worker):
    plan = make_plan(storage=server, name=f"toy {time.time()}", trials=6)
    study, held = storage.open_study(plan), hold(plan)
    far = start_worker(plan)
    wait_for(lambda: running(study))
    far.kill()
    far.wait()
    held.unlink()
    for path in (plan.folder / ".workers").iterdir():
        path.unlink()  # as seen from another machine
    assert start_worker(plan).wait(PATIENCE) == 0
    assert_each_once(study, 6)


def test_workers_that_are_asked_to_stop_leave_a_state_that_continues(plan, start_worker):
    study, held = storage.open_study(plan), hold(plan, first=2)
    workers = [start_worker(plan) for _ in range(2)]
    wait_for(lambda: trials.progress(study).complete == 2 and len(set(running(study))) == 2)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    assert [worker.wait(PATIENCE) for worker in workers] == [143, 143]
    assert (trials.progress(study).running, trials.progress(study).complete) == (0, 2)
    held.unlink()
    assert start_worker(plan).wait(PATIENCE) == 0
    assert_each_once(study, 12)


def test_workers_end_with_the_process_that_started_them(make_plan, start_worker):
    plan = make_plan()
    study = storage.open_study(plan)
    hold(plan)
    worker = start_worker(plan)
    wait_for(lambda: running(study))
    worker.stdin.close()
    assert worker.wait(PATIENCE) == 143
    assert trials.progress(study).running == 0
