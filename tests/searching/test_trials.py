"""Which trials count, without workers: what each of them does to the study, one step after the other."""

import json
import time

import optuna
import pytest
from optuna.trial import TrialState

from fer.errors import UserError
from fer.searching import locks, sampling, stopwatch, storage, training, trials
from fer.searching.trial_rows import TrialRows


@pytest.fixture
def study(make_plan) -> optuna.Study:
    plan = make_plan()
    return storage.open_study(plan)


def begun(study: optuna.Study) -> optuna.Trial:
    trial = study.ask()
    trial.suggest_float("lr", 0.001, 0.1, log=True)
    if trials.ROOT not in trial.user_attrs:
        trial.report(0.5, 1)
    return trial


def test_a_trial_that_is_given_back_goes_on_under_another_number_and_counts_once(study):
    first = begun(study)
    trials.requeue(study, first.number, died=False)
    second = study.ask()
    assert second.suggest_float("lr", 0.001, 0.1, log=True) == first.params["lr"]
    study.tell(second, 0.7)
    assert [trials.root(trial) for trial in trials.counted(study)] == [first.number]
    assert trials.counted(study)[0].intermediate_values == {1: 0.5}
    assert trials.progress(study).complete == 1


def test_the_names_in_the_storage_stay_so_that_a_search_of_an_earlier_version_goes_on():
    assert (trials.ROOT, trials.WORKER, trials.DEATHS, trials.OVER_BUDGET, trials.RUN) == (
        "root",
        "worker",
        "deaths",
        "over",
        "run",
    )
    assert (storage.MEANING, training.DATA, stopwatch.PREFIX) == ("meaning", "data", "session ")


def test_only_one_process_can_give_a_trial_back(study):
    trial = begun(study)
    for _ in range(2):
        trials.requeue(study, trial.number, died=True)
    assert len(study.get_trials(states=[TrialState.WAITING])) == 1


def test_a_finished_trial_is_not_given_back(study):
    trial = begun(study)
    study.tell(trial, 0.7)
    trials.requeue(study, trial.number, died=True)
    assert [trial.state for trial in study.get_trials()] == [TrialState.COMPLETE]


def test_a_trial_that_workers_keep_dying_of_fails(study):
    for _ in range(trials.MAX_DEATHS):
        trials.requeue(study, begun(study).number, died=True)
    now = trials.progress(study)
    assert (now.failed, now.waiting, now.total) == (1, 0, 1)


def test_stopping_often_does_not_fail_a_trial(study):
    for _ in range(5):
        trials.requeue(study, begun(study).number, died=False)
    assert (trials.progress(study).waiting, trials.progress(study).total) == (1, 1)


def test_a_trial_beyond_the_budget_does_not_count(study):
    for _ in range(2):
        study.tell(begun(study), 0.1)
    late = begun(study)
    late.set_user_attr(trials.OVER_BUDGET, True)
    study.tell(late, state=TrialState.FAIL)
    assert trials.progress(study).total == 2
    assert trials.position(study, study.get_trials()[2]) == 2


def test_a_living_workers_trial_is_left_alone_and_a_dead_ones_taken_up(study, tmp_path):
    with locks.WorkerLock(tmp_path) as living:
        begun(study).set_user_attr(trials.WORKER, living.worker)
        dead = locks.WorkerLock(tmp_path)
        dead.path.touch()
        begun(study).set_user_attr(trials.WORKER, dead.worker)
        locks.requeue_dead(study, tmp_path, 60, one_machine=True)
    states = [trial.state for trial in study.get_trials()]
    assert states == [TrialState.RUNNING, TrialState.FAIL, TrialState.WAITING]


@pytest.mark.parametrize(("alone", "waiting"), [(True, 1), (False, 0)])
def test_a_worker_without_a_lock_here_is_dead_only_where_all_are_here(alone, waiting, study, tmp_path):
    begun(study).set_user_attr(trials.WORKER, "elsewhere")
    locks.requeue_dead(study, tmp_path, 60, one_machine=alone)
    assert trials.progress(study).waiting == waiting


def test_a_trial_that_no_worker_put_its_name_to_is_taken_up_after_a_while(study, tmp_path):
    begun(study)
    locks.requeue_dead(study, tmp_path, 60, one_machine=True)
    assert trials.progress(study).waiting == 0
    locks.requeue_dead(study, tmp_path, 0, one_machine=True)
    assert trials.progress(study).waiting == 1


def test_failed_trials_can_be_queued_again(study):
    study.tell(begun(study), state=TrialState.FAIL)
    trials.retry_failed(study)
    assert (trials.progress(study).waiting, trials.progress(study).failed) == (1, 0)


def test_the_clock_counts_overlapping_sessions_once_and_pauses_not_at_all(study):
    now = time.time()
    for number, span in enumerate([(-1000, -900), (-950, -850), (-500, -400)]):
        study.set_user_attr(f"session {number}", [now + edge for edge in span])
    assert stopwatch.Stopwatch(study).seconds() == pytest.approx(250, abs=5)


def test_a_line_that_was_cut_off_does_not_spoil_the_journal(make_plan):
    plan = make_plan()
    study = storage.open_study(plan)
    study.tell(begun(study), 0.3)
    path = plan.folder / storage.JOURNAL
    whole = path.read_text()
    path.write_text(whole + '{"op_code": 4, "wor')
    study = storage.open_study(plan)
    study.tell(begun(study), 0.4)
    assert [trial.value for trial in storage.open_study(plan).get_trials()] == [0.3, 0.4]
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"space": []}, "search space"),
        ({"base": ["data=synthetic", "model=cnn2"]}, "setting beside the space"),
        ({"monitor": "val/macro_f1"}, "monitor"),
        ({"seeds": 2}, "search.seeds"),
    ],
)
def test_another_search_under_the_same_name_is_refused(changed, what, make_plan):
    storage.open_study(make_plan())
    with pytest.raises(
        UserError, match=rf"holds another search 'toy' \(its {what} differs\); name this one: study=NAME"
    ):
        storage.open_study(make_plan(**changed))


def test_another_budget_sampler_or_place_of_the_data_joins(make_plan):
    study = storage.open_study(make_plan())
    tpe, elsewhere = {"_target_": "optuna.samplers.TPESampler"}, ["data=synthetic", "data.root=/x"]
    joined = make_plan(trials=9, sampler=tpe, base=elsewhere)
    assert storage.open_study(joined).study_name == study.study_name


def test_a_password_is_not_shown(make_plan):
    url = "postgresql+psycopg://me:sesame@127.0.0.1:1/nowhere"
    with pytest.raises(UserError, match="me:") as raised:
        storage.open_storage(make_plan(storage=url))
    assert "sesame" not in str(raised.value)


SAMPLERS = [
    {"_target_": "optuna.samplers.TPESampler", "n_startup_trials": 2},
    {"_target_": "optuna.samplers.RandomSampler"},
    {"_target_": "optuna.samplers.CmaEsSampler", "warn_independent_sampling": False},
    {"_target_": "optuna.samplers.QMCSampler", "scramble": True, "seed": 0},
]


@pytest.mark.parametrize("node", SAMPLERS, ids=lambda node: node["_target_"].split(".")[-1])
def test_draws_follow_from_the_seed_and_the_trials_and_not_from_the_process(node):
    def draw(restarted: bool) -> list[float]:
        study, drawn = optuna.create_study(sampler=sampling.SeededSampler(node, 7)), []
        for _ in range(6):
            if restarted:
                study.sampler = sampling.SeededSampler(node, 7)
            trial = study.ask()
            drawn.append(trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1))
            study.tell(trial, drawn[-1])
        return drawn

    assert draw(restarted=True) == draw(restarted=False)
    assert len(set(draw(restarted=False))) == 6


def test_samplers_inside_a_sampler_are_seeded_too():
    node = {"_target_": "a", "seed": 3, "independent_sampler": {"_target_": "b"}}
    first, second = (sampling.with_seed(node, 0, number) for number in (0, 1))
    assert first["seed"] == second["seed"] == 3
    assert first["independent_sampler"]["seed"] != second["independent_sampler"]["seed"]


@pytest.mark.parametrize(
    "changed",
    [
        {"sampler": {"_target_": "optuna.samplers.TPESampler", "n_startup_trials": "x"}},
        {"sampler": {"_target_": "optuna.samplers.TPESampler", "typo": 1}},
        {"pruner": {"_target_": "optuna.pruners.HyperbandPruner", "max_resource": -1}},
    ],
)
def test_a_sampler_or_pruner_that_cannot_work_is_refused(changed, make_plan):
    with pytest.raises(UserError):
        sampling.rehearse(make_plan(**changed))


def test_a_trial_is_a_row_with_its_values_epochs_and_best_figure(study, make_plan):
    trial = study.ask()
    trial.suggest_float("lr", 0.001, 0.1, log=True)
    trial.report(0.25, 1)
    trial.report(0.5, 3)
    study.tell(begun(study), 0.75)
    lost = begun(study)
    study.tell(lost, state=TrialState.FAIL)
    rows = TrialRows(study, make_plan(base=["data=synthetic", "trainer.max_epochs=9"]))()
    assert [row.state for row in rows] == ["running", "done", "failed"]
    assert rows[0].run == f"0: lr {trial.params['lr']:.3g}"
    assert (rows[0].epoch, rows[0].value) == ("3/9", "50.00 %")
    assert rows[0].left
    assert (rows[1].epoch, rows[1].value, rows[1].left) == ("1/9", "75.00 %", "")
