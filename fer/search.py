"""Searches hyperparameters with Optuna, by validation figures.

    python -m fer.search search=optimizer model=cnn2 search.trials=30 search.workers=2
    python -m fer.search search=regularisation sampler=cmaes pruner=hyperband search.hours=8 search.confirm=5
    python -m fer.search study=big search.storage=postgresql+psycopg://USER@HOST/DATABASE

Each trial is a run of fer.train in runs/<study>/, which also holds trials.csv, logs/ and, without a database,
journal.log. The same command continues the search; on another machine with access to the database it joins the search.
No trial reads the test split. The last lines show how to train the best trial.
"""

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from fer import config
from fer.errors import UserError


def search(cfg: DictConfig, typed: list[str]) -> list[str]:
    """Runs the search that `cfg` describes and returns the closing lines; `typed` are the options `cfg` comes from.

    Raises UserError for options that cannot be searched, and where no trial finished.
    """
    from fer.searching import plan as plans

    plan = plans.read(cfg, typed)
    try:
        from fer.searching import session  # Optuna waits until the options are known to be right
    except ModuleNotFoundError as error:
        raise UserError(f"a search needs {error.name}: pip install 'fer-lightning[search]'") from error
    return session.search(plan, cfg.search, typed)


@hydra.main(config_path=str(config.CONF), config_name="search", version_base="1.3")
def main(cfg: DictConfig) -> None:
    with config.one_line_errors():
        hydra_cfg = HydraConfig.get()
        if hydra_cfg.mode == RunMode.MULTIRUN:
            raise UserError("fer.search takes no -m: a search is many runs already")
        print("\n".join(search(cfg, list(hydra_cfg.overrides.task))), flush=True)


if __name__ == "__main__":
    config.run_command(main, "search")
