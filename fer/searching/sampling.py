"""A sampler whose draws depend only on the seed and the trial's number."""

import hashlib
from typing import Any

import optuna
from optuna.samplers import BaseSampler

from fer.build import build
from fer.errors import UserError
from fer.searching.plan import Plan
from fer.searching.space import suggest


class SeededSampler(BaseSampler):
    """Builds a new sampler from the config `node` for each trial, seeded by (seed, the trial's number).

    Therefore workers never draw the same values, and a search that was stopped draws what it would have drawn. What a
    sampler learns, it learns from the trials in the storage. A node with a seed keeps that seed.
    """

    def __init__(self, node: dict[str, Any], seed: int):
        self.node, self.seed = node, seed
        self.sampler: BaseSampler = build(with_seed(node, seed, 0))

    def before_trial(self, study, trial) -> None:
        self.sampler = build(with_seed(self.node, self.seed, trial.number))
        self.sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study, trial):
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(self, study, trial, search_space):
        return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(self, study, trial, param_name, param_distribution):
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study, trial, state, values) -> None:
        self.sampler.after_trial(study, trial, state, values)


def rehearse(plan: Plan) -> None:
    """Draws, reports and prunes in a study in memory. Raises UserError for a sampler or pruner that cannot work."""
    try:
        sampler, pruner = SeededSampler(plan.sampler, plan.seed), build(plan.pruner)
        study = optuna.create_study(sampler=sampler, pruner=pruner)
        for _ in range(3):
            trial = study.ask()
            suggest(plan.dimensions, trial)
            trial.report(0.0, 1)
            trial.should_prune()
            study.tell(trial, 0.0)
    except UserError:
        raise
    except Exception as error:
        targets = f"{plan.sampler['_target_']}, {plan.pruner['_target_']}"
        raise UserError(f"sampler or pruner ({targets}): {' '.join(str(error).split())}") from error


def with_seed(node: dict[str, Any], seed: int, number: int) -> dict[str, Any]:
    """Returns the node with a seed in it and in every sampler within, where there is none."""
    digest = hashlib.sha256(f"{seed} {number} {node['_target_']}".encode()).hexdigest()
    inner = {key: with_seed(value, seed, number) for key, value in node.items() if isinstance(value, dict)}
    return {"seed": int(digest[:7], 16)} | node | inner
