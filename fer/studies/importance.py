"""Importance of each searched option for the results of the trials."""

from typing import Any

import pandas as pd

from fer.studies.factors import DEFAULT, Factors, is_range

MIN_TRIALS = 10


def shares(runs: pd.DataFrame, factors: Factors, figure: str) -> dict[str, float]:
    """Returns the share of the variance that each option explains, which sum to 1.

    By functional ANOVA over a random forest (Hutter et al. 2014), as in Optuna. Empty for a grid, for fewer than
    MIN_TRIALS runs, where all gave the same, and without Optuna.
    """
    if len(runs) < MIN_TRIALS or runs[figure].nunique() == 1 or not any(is_range(runs[factor]) for factor in factors):
        return {}
    try:
        import optuna
    except ImportError:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {factor: distribution(optuna.distributions, runs[factor]) for factor in factors}
    study = optuna.create_study(direction="maximize")
    for row in runs.to_dict("records"):
        params = {factor: float(row[factor]) if is_continuous(runs[factor]) else row[factor] for factor in factors}
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=row[figure]))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def is_continuous(column: pd.Series) -> bool:
    """Whether every trial has a number for an option that was drawn from a range."""
    return is_range(column) and DEFAULT not in set(column)


def distribution(kinds: Any, column: pd.Series) -> Any:
    """Returns Optuna's distribution of a range or of a list of choices."""
    if not is_continuous(column):
        return kinds.CategoricalDistribution(sorted(set(column)))
    numbers = pd.to_numeric(column)
    spans_decades = numbers.min() > 0 and numbers.max() / numbers.min() >= 30
    return kinds.FloatDistribution(float(numbers.min()), float(numbers.max()), log=bool(spans_decades))
