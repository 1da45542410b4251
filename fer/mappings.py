"""Lets a mapping on the command line replace a default mapping, or add to it, where Hydra would merge or refuse them.

This file uses Hydra's private state. It was tested with hydra-core 1.3.8; pyproject.toml sets an upper bound.
"""

from collections.abc import Callable
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from fer import options

TARGET = "_target_"


def replaces(override: Override) -> bool:
    """Whether the value is a mapping with a `_target_`, or one for an option whose keys the user chooses."""
    if override.is_delete() or override.is_sweep_override():
        return False
    value = override.value()
    key = override.key_or_group
    return isinstance(value, dict) and (
        TARGET in value or options.is_free(key) or (key == "augment" and of_nodes(value))
    )


def adds(override: Override) -> bool:
    """Whether the value is a mapping of further callbacks or loggers, such as `callbacks={mine: {_target_: …}}`."""
    if override.is_delete() or override.is_sweep_override():
        return False
    return override.key_or_group in ("callbacks", "logger") and of_nodes(override.value())


def of_nodes(value: Any) -> bool:
    """Whether a value is a mapping of names to nodes."""
    return isinstance(value, dict) and bool(value) and all(isinstance(v, dict) and TARGET in v for v in value.values())


def there(cfg: DictConfig, key: str) -> bool:
    above = OmegaConf.select(cfg, key.rpartition(".")[0]) if "." in key else cfg
    return isinstance(above, DictConfig) and key.rpartition(".")[2] in above


def applying(original: Callable[[list[Override], DictConfig], None]) -> Callable[[list[Override], DictConfig], None]:
    """Wraps Hydra's function that applies overrides in order, so that mappings of `replaces` are set, not merged."""

    def apply(overrides: list[Override], cfg: DictConfig) -> None:
        for override in overrides:
            key = override.key_or_group
            if replaces(override) and override.package is None and (there(cfg, key) or not plain(override)):
                with open_dict(cfg):
                    OmegaConf.update(cfg, key, override.value(), merge=False, force_add=True)
            elif adds(override):
                with open_dict(cfg):
                    OmegaConf.update(cfg, key, override.value(), merge=True, force_add=True)
            else:
                original([override], cfg)

    apply.replacing = True  # type: ignore[attr-defined]
    return apply


def plain(override: Override) -> bool:
    """Whether the override has neither `+` nor `++`."""
    return not (override.is_add() or override.is_force_add())


def install() -> None:
    """Makes Hydra replace such mappings on the command line, in sweeps and in `compose`."""
    original: Any = ConfigLoaderImpl._apply_overrides_to_config
    if not getattr(original, "replacing", False):
        ConfigLoaderImpl._apply_overrides_to_config = staticmethod(applying(original))  # type: ignore[method-assign]
