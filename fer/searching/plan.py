"""The plan of a search: what all its trials share. It is checked before anything starts and sent to the workers."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer import config, hints, naming, option_table, options, validation
from fer.containers import plain
from fer.errors import UserError
from fer.identity import run_identity
from fer.searching import space as spaces
from fer.searching.space import Space, Values, hydra_value


@dataclass(frozen=True)
class Plan:
    """What a worker needs to know, in values that JSON can hold.

    name: the study's name in the storage. study: the study of the runs. base: the options that all trials share, as
    typed. space: the fields of each Dimension. sampler, pruner: config nodes. monitor: the figure that trials are
    compared by. seeds: runs of a trial, with the seeds from `seed` on. trials: the budget; None for no limit. storage:
    URL of the database; None for a journal file. heartbeat: seconds between signs of life. retry: whether failed trials
    run again. spread: each trial has one seed, the next one (a confirmation). config_dir: the folder of the user's
    configs.
    """

    name: str
    study: str
    base: list[str]
    space: list[dict[str, Any]]
    sampler: dict[str, Any]
    pruner: dict[str, Any]
    monitor: str
    seed: int
    seeds: int
    trials: int | None
    storage: str | None
    heartbeat: int
    retry: bool = False
    spread: bool = False
    config_dir: str | None = None

    @property
    def folder(self) -> Path:
        return Path("runs") / self.study

    @property
    def dimensions(self) -> Space:
        return [spaces.Dimension(**content) for content in self.space]

    def trial_options(self, values: Values) -> list[str]:
        """Returns the options of fer.train for the trial with these values."""
        return [*self.base, *spaces.overrides(self.dimensions, values)]

    def trial_seeds(self, position: int) -> list[int]:
        """Returns the seeds of a trial; `position` is the number of trials that count before it."""
        if self.spread:
            return [self.seed + position]
        return list(range(self.seed, self.seed + self.seeds))

    def run_options(self, options: list[str], seed: int) -> list[str]:
        """Returns the options of fer.train for one run of the trial with these options."""
        folder = self.folder / naming.run_name(options) / f"seed-{seed}"
        run = [f"study={hydra_value(self.study)}", f"seed={seed}", "test=false", "existing=continue"]
        if self.retry:
            run.append("retry=true")
        return [*options, *run, f"output_dir={hydra_value(str(folder))}"]

    def confirmation(self, count: int, number: int, options: list[str]) -> "Plan":
        """Returns the plan that trains trial `number` with `count` seeds that the search has not used."""
        return replace(
            self,
            name=f"{self.name}, trial {number} confirmed",
            base=options,
            space=[],
            pruner={"_target_": "optuna.pruners.NopPruner"},
            seed=self.seed + self.seeds,
            seeds=1,
            spread=True,
            trials=count,
        )

    def meaning(self) -> dict[str, Any]:
        """Returns what must be the same for all that work on one study, by its name in messages."""
        cfg = self.compose([*self.base, "output_dir=x", "seed=0"])
        return {
            "search space": self.space,
            "monitor": self.monitor,
            "seed": self.seed,
            "search.seeds": self.seeds,
            "setting beside the space": run_identity(cfg, ""),
        }

    def compose(self, overrides: list[str], **options: Any) -> DictConfig:
        """Composes the config of fer.train with these overrides; `options` are those of `config.compose_config`."""
        return config.compose_config(overrides, config_dir=self.config_dir, **options)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def read(cfg: DictConfig, typed: list[str]) -> Plan:
    """Reads the plan from a composed config and the options typed for it. Raises UserError for an impossible one."""
    names = {override: options.name_of(override) for override in typed}
    for name in names.values():
        if refusal := options.row(name).refusal:
            raise UserError(f"{name}: leave it out, {refusal}")
    check(cfg)
    space = spaces.read(plain(cfg.search.space))
    check_not_typed(space, list(names.values()))
    plan = Plan(
        name=cfg.study,
        study=cfg.study,
        base=[override for override, name in names.items() if options.top_row(name).in_search != option_table.SEARCH],
        space=spaces.plain(space),
        sampler=plain(cfg.sampler),
        pruner=plain(cfg.pruner),
        monitor=cfg.monitor,
        seed=cfg.seed,
        seeds=cfg.search.seeds,
        trials=cfg.search.trials,
        storage=cfg.search.storage,
        heartbeat=cfg.search.heartbeat,
        retry=cfg.retry,
        config_dir=config.config_dir(),
    )
    check_space(plan)
    return plan


def check_not_typed(space: Space, names: list[str]) -> None:
    """Raises UserError for a searched option that is also typed."""
    for dimension in space:
        if dimension.option in names:
            fix = f"leave it out, or search without: search.space.{dimension.name}=null"
            raise UserError(f"{dimension.option} is set, and searched as search.space.{dimension.name}; {fix}")


def check(cfg: DictConfig) -> None:
    """Raises UserError for a value of the search's own options that is out of range, or of fer.train's."""
    if cfg.monitor is None:
        raise UserError("monitor=null: trials are compared by it; name a metric of the validation split")
    validation.check(cfg)
    if cfg.search.trials is None and cfg.search.hours is None:
        raise UserError("search.trials and search.hours are both null: give the search an end")
    if cfg.trainer.devices not in (1, "1") or cfg.trainer.num_nodes != 1:
        raise UserError("a trial trains on one device: leave trainer.devices out, and use search.workers, search.gpus")
    if cfg.search.gpus is not None and (isinstance(cfg.search.gpus, int | str) or not cfg.search.gpus):
        raise UserError(f"search.gpus={cfg.search.gpus}: expected a list such as [0,1]")
    if "/" in cfg.study:
        raise UserError(f"study={cfg.study}: expected a name without slashes")


def check_space(plan: Plan) -> None:
    """Composes a run for each end of each dimension. Raises UserError where fer.train refuses it."""
    for values in spaces.corners(plan.dimensions):
        options = plan.trial_options(values)
        where = f"(search.space, with {' '.join(spaces.overrides(plan.dimensions, values))})"
        try:
            validation.check(plan.compose(plan.run_options(options, plan.seed)))
        except UserError as error:
            raise UserError(f"{error} {where}") from error
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(f"{explain(error, options)} {where}") from error


def explain(error: Exception, overrides: list[str]) -> str:
    """Explains Hydra's error; for an option of the default config that other choices lack, names the key `when`."""
    unknown = hints.UNKNOWN.search(str(error))
    if unknown and OmegaConf.select(config.compose_config(["output_dir=x"]), unknown[1]) is not None:
        return f"no option {unknown[1]} there; say with when: which choices it belongs to"
    return config.explain(error, "train", overrides)
