"""Importance of each searched option for the trials' results."""

from collections.abc import Mapping

import pandas as pd

from fer.studies.factors import Factors, is_range

LEAST = 10  # trials, below which no share means anything


def of(runs: pd.DataFrame, factors: Factors, figure: str) -> Mapping[str, float]:
    """Shares that sum to 1, by functional ANOVA over a random forest (Hutter et al. 2014), as Optuna computes them.

    Nothing for a grid, which its effects describe, for fewer than LEAST runs, or without Optuna.
    """
    if len(runs) < LEAST or not any(is_range(runs[factor]) for factor in factors):
        return {}
    try:
        import optuna
    except ImportError:
        return {}
    space = {factor: distribution(optuna.distributions, runs[factor]) for factor in factors}
    study = optuna.create_study(direction="maximize")
    for row in runs.to_dict("records"):
        params = {factor: float(row[factor]) if is_range(runs[factor]) else row[factor] for factor in factors}
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=row[figure]))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(study, evaluator=evaluator)


def distribution(kinds, column: pd.Series):
    """What Optuna calls a range, or a choice."""
    if not is_range(column):
        return kinds.CategoricalDistribution(sorted(set(column)))
    numbers = pd.to_numeric(column)
    decades = numbers.min() > 0 and numbers.max() / numbers.min() >= 30
    return kinds.FloatDistribution(float(numbers.min()), float(numbers.max()), log=bool(decades))
