"""One start of a search: opens the study, runs workers until the budget is spent, confirms the best trial."""

import optuna
from omegaconf import DictConfig

from fer.errors import UserError
from fer.searching import report, sampling, storage, trials
from fer.searching.plan import Plan
from fer.searching.pool import WorkerPool


def search(plan: Plan, options: DictConfig, typed: list[str]) -> list[str]:
    """Works on the plan with the workers, GPUs, hours and confirmation of `options`; returns the closing lines.

    typed: the options of the command. Raises UserError for a storage that cannot be used, and where no trial finished.
    """
    sampling.rehearse(plan)
    study = storage.open_study(plan)
    storage.check_disk(plan.folder)
    if plan.retry:
        trials.retry_failed(study)
    with storage.storage_errors():
        pool = WorkerPool(plan, study, options.workers, options.gpus, options.hours)
        try:
            run(pool)
        finally:
            report.write_table(study, plan)
        best = best_trial(study)
        lines = report.summary(study, plan, best, pool.stopwatch.seconds())
        if options.confirm:
            lines += confirm(plan, best, options)
    return lines + report.next_steps(plan, best, options, typed)


def run(pool: WorkerPool) -> None:
    """Runs the workers where something is left to do, and prints where not."""
    print(f"{pool.plan.folder}/: {pool.workers} workers, their lines in {pool.log(0).parent}/", flush=True)
    if pool.budget_is_spent():
        print(f"{pool.format_progress(trials.progress(pool.study))}: the budget is spent", flush=True)
    elif not pool.run():
        print(f"{pool.hours} hours are over; search.hours or search.trials with more goes on", flush=True)


def best_trial(study: optuna.Study) -> optuna.trial.FrozenTrial:
    """Returns the best complete trial. Raises UserError where there is none."""
    progress = trials.progress(study)
    if progress.best is None:
        errors = [trial.user_attrs["error"] for trial in trials.counted(study) if "error" in trial.user_attrs]
        first = f"; the first failed with {errors[0]}" if errors else ""
        raise UserError(f"no trial finished ({progress.failed} failed, {progress.pruned} pruned){first}")
    return progress.best


def confirm(plan: Plan, best: optuna.trial.FrozenTrial, options: DictConfig) -> list[str]:
    """Trains the best trial over fresh seeds with the same workers; returns the result in lines."""
    confirmation = plan.confirmation(options.confirm, trials.root(best), best.user_attrs["chosen"])
    print(f"training trial {trials.root(best)} again over {options.confirm} fresh seeds", flush=True)
    study = storage.open_study(confirmation)
    run(WorkerPool(confirmation, study, options.workers, options.gpus, hours=None))
    return report.confirmation(study, confirmation, trials.value(best))
