"""One start of a search: opens the study, runs workers until the budget is spent, confirms the winner."""

from typing import Any

import optuna

from fer.errors import UserError
from fer.searching import report, sampling, storage, trials
from fer.searching.crew import Crew
from fer.searching.plan import Plan
from fer.searching.worker import check_room


def search(plan: Plan, options: Any, typed: list[str]) -> list[str]:
    """Works on the plan with the workers, hours and so on of `options`; returns the closing lines.

    Raises UserError for a storage that cannot be used, and where no trial finished.
    """
    sampling.rehearse(plan)
    study = storage.prepared(storage.open_study(plan), plan)
    check_room(plan.folder)
    if plan.retry:
        trials.retry_failed(study)
    with storage.lost():
        crew = Crew(plan, study, options.workers, options.gpus, options.hours)
        try:
            work(crew)
        finally:
            report.write_table(study, plan)
        best = best_of(study)
        lines = report.closing(study, plan, crew.clock.seconds())
        if options.confirm:
            lines += confirm(plan, best, options)
    return lines + report.following(plan, best, options, typed)


def work(crew: Crew) -> None:
    """Runs the workers where something is left to do, and says where not."""
    print(f"{crew.plan.folder}/: {crew.workers} workers, their lines in {crew.log(0).parent}/", flush=True)
    if crew.spent():
        print(f"{crew.progress(trials.standing(crew.study))}: the budget is spent", flush=True)
    elif not crew.run():
        print(f"{crew.hours} hours are over; search.hours or search.trials with more goes on", flush=True)


def best_of(study: optuna.Study) -> optuna.trial.FrozenTrial:
    now = trials.standing(study)
    if now.best is None:
        errors = [trial.user_attrs["error"] for trial in trials.counted(study) if "error" in trial.user_attrs]
        first = f"; the first failed with {errors[0]}" if errors else ""
        raise UserError(f"no trial finished ({now.failed} failed, {now.pruned} pruned){first}")
    return now.best


def confirm(plan: Plan, best: optuna.trial.FrozenTrial, options: Any) -> list[str]:
    """Trains the best trial over fresh seeds, by as many workers; returns what came out."""
    again = plan.confirmation(options.confirm, trials.root(best), best.user_attrs["chosen"])
    print(f"training trial {trials.root(best)} again over {options.confirm} fresh seeds", flush=True)
    study = storage.prepared(storage.open_study(again), again)
    work(Crew(again, study, options.workers, options.gpus, hours=None))
    return report.confirmed(study, again, best.value)
