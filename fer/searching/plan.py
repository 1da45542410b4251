"""The plan that all trials of a search share; checked before anything starts, then sent to the workers."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer import config, hints, naming, options, validation
from fer.errors import UserError
from fer.identity import run_identity
from fer.searching import space as spaces
from fer.searching.space import Space, Values, text

OURS = ("search", "sampler", "pruner", "study", "seed", "retry", "hydra", "launcher")
"""Typed options that say how to search rather than what a trial is."""
REFUSED = {
    "output_dir": "each trial has a folder of its own in runs/<study>/",
    "resume": "the same command goes on with the search",
    "existing": "the same command goes on with the search",
    "test": "no trial reads the test split",
}


@dataclass(frozen=True)
class Plan:
    """What a worker has to know, plain enough for JSON.

    name: of the study in the storage; study: of the runs. base: the options that all trials share, as typed.
    config_dir: the folder of own configs that they may name. spread: each trial has the next seed (a confirmation)
    instead of the same `seeds` seeds from `seed` on.
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

    def chosen(self, values: Values) -> list[str]:
        """The options of fer.train that make the trial with these values."""
        return [*self.base, *spaces.overrides(self.dimensions, values)]

    def seeds_of(self, place: int) -> list[int]:
        """The seeds of the trial that is number `place` of those that count."""
        first, count = (self.seed + place, 1) if self.spread else (self.seed, self.seeds)
        return list(range(first, first + count))

    def run(self, chosen: list[str], seed: int) -> list[str]:
        """What to type for one run of a trial."""
        folder = self.folder / naming.run_name(chosen) / f"seed-{seed}"
        kept = ["test=false", "existing=continue", *["retry=true"] * self.retry]
        return [*chosen, f"study={text(self.study)}", f"seed={seed}", *kept, f"output_dir={text(str(folder))}"]

    def confirmation(self, count: int, number: int, chosen: list[str]) -> "Plan":
        """The plan that trains trial `number` over seeds that the search has not seen."""
        name = f"{self.name}, trial {number} confirmed"
        nothing = {"space": [], "pruner": {"_target_": "optuna.pruners.NopPruner"}}
        seeds = {"seed": self.seed + self.seeds, "seeds": 1, "spread": True, "trials": count}
        return replace(self, name=name, base=chosen, **nothing, **seeds)

    def meaning(self) -> dict[str, Any]:
        """What must be the same for all that work on one study: {what it is called: content}."""
        cfg = self.composed([*self.base, "output_dir=x", "seed=0"])
        same = {"search space": self.space, "monitor": self.monitor, "seed": self.seed}
        return same | {"search.seeds": self.seeds, "setting beside the space": run_identity(cfg, "")}

    def composed(self, overrides: list[str], **more: Any) -> DictConfig:
        """The config of fer.train with these overrides."""
        return config.compose_config(overrides, config_dir=self.config_dir, **more)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def read(cfg: DictConfig, typed: list[str]) -> Plan:
    """The plan that a composed config and the options typed for it describe. Raises UserError for an impossible one."""
    names = {override: options.name_of(override) for override in typed}
    for name in names.values():
        if name in REFUSED:
            raise UserError(f"{name}: leave it out, {REFUSED[name]}")
    check(cfg)
    wanted, space = cfg.search, spaces.read(OmegaConf.to_container(cfg.search.space, resolve=True))
    for dimension in space:
        if dimension.option in names.values():
            fix = f"leave it out, or search without: search.space.{dimension.name}=null"
            raise UserError(f"{dimension.option} is set, and searched as search.space.{dimension.name}; {fix}")
    plan = Plan(
        name=cfg.study,
        study=cfg.study,
        base=[override for override, name in names.items() if name.split(".")[0] not in OURS],
        space=spaces.plain(space),
        sampler=OmegaConf.to_container(cfg.sampler, resolve=True),
        pruner=OmegaConf.to_container(cfg.pruner, resolve=True),
        monitor=cfg.monitor,
        retry=cfg.retry,
        config_dir=config.config_dir(),
        seed=cfg.seed,
        **{name: wanted[name] for name in ("seeds", "trials", "storage", "heartbeat")},
    )
    check_space(plan)
    return plan


def check(cfg: DictConfig) -> None:
    """Raises UserError for a value of the search's own options that is out of range, or of fer.train's."""
    validation.check(cfg)
    if cfg.search.trials is None and cfg.search.hours is None:
        raise UserError("search.trials and search.hours are both null: give the search an end")
    if cfg.monitor is None:
        raise UserError("monitor=null: trials are compared by it; name a figure of the validation split")
    if cfg.trainer.devices not in (1, "1") or cfg.trainer.num_nodes != 1:
        raise UserError("a trial trains on one device: leave trainer.devices out, and use search.workers, search.gpus")
    if cfg.search.gpus is not None and (isinstance(cfg.search.gpus, int | str) or not cfg.search.gpus):
        raise UserError(f"search.gpus={cfg.search.gpus}: expected a list such as [0,1]")
    if "/" in cfg.study:
        raise UserError(f"study={cfg.study}: expected a name without slashes")


def check_space(plan: Plan) -> None:
    """Composes a run for each end of each dimension; raises UserError where fer.train knows no such option."""
    for values in spaces.corners(plan.dimensions):
        typed = spaces.overrides(plan.dimensions, values)
        where = f"(search.space, with {' '.join(typed)})"
        try:
            validation.check(plan.composed(plan.run([*plan.base, *typed], plan.seed)))
        except UserError as error:
            raise UserError(f"{error} {where}") from error
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(f"{explained(error, [*plan.base, *typed])} {where}") from error


def explained(error: Exception, typed: list[str]) -> str:
    """Hydra's complaint; where the option exists in the defaults but not beside these choices, how to say so."""
    unknown = hints.UNKNOWN.search(str(error))
    if unknown and OmegaConf.select(config.compose_config(["output_dir=x"]), unknown[1]) is not None:
        return f"no option {unknown[1]} there; say with when: which choices it belongs to"
    return config.explain(error, "train", typed)
