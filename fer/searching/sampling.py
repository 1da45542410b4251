"""Samplers whose draws depend only on the seed and the trial's number."""

import hashlib
from typing import Any

import optuna
from optuna.samplers import BaseSampler

from fer.build import build
from fer.errors import UserError
from fer.searching.plan import Plan
from fer.searching.space import suggest


class EachTrial(BaseSampler):
    """Builds a new sampler from `node` for each trial, seeded by (seed, the trial's number).

    So workers never draw the same, and a search that was stopped draws what it would have drawn. What a sampler learns
    it learns from the trials in the storage. A node that gives a seed keeps it.
    """

    def __init__(self, node: dict[str, Any], seed: int):
        self.node, self.seed = node, seed
        self.sampler: BaseSampler = build(seeded(node, seed, 0))

    def before_trial(self, study, trial) -> None:
        self.sampler = build(seeded(self.node, self.seed, trial.number))
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
    """Draws, reports and prunes in a study of its own; raises UserError for a sampler or pruner that cannot work."""
    sampler, pruner = EachTrial(plan.sampler, plan.seed), build(plan.pruner)
    try:
        study = optuna.create_study(sampler=sampler, pruner=pruner)
        for _ in range(3):
            trial = study.ask()
            suggest(plan.dimensions, trial)
            trial.report(0.0, 1)
            trial.should_prune()
            study.tell(trial, 0.0)
    except Exception as error:
        kinds = f"{plan.sampler['_target_']}, {plan.pruner['_target_']}"
        raise UserError(f"sampler or pruner ({kinds}): {' '.join(str(error).split())}") from error


def seeded(node: dict[str, Any], seed: int, number: int) -> dict[str, Any]:
    """The node, and samplers inside it, with a seed where it has none."""
    inside = {key: seeded(part, seed, number) for key, part in node.items() if isinstance(part, dict)}
    digest = hashlib.sha256(f"{seed} {number} {node['_target_']}".encode()).hexdigest()
    return {"seed": int(digest[:7], 16)} | node | inside
