"""Identities of runs and of configurations, by which runs are found again whatever their folders are called."""

import copy
import hashlib
import json
import shlex
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer import compat, option_table, options
from fer.containers import plain

BY_MACHINE = ("trainer.precision", "trainer.sync_batchnorm", "channels_last")
"""Options whose `auto` a run replaces by what suits its machine."""


def run_identity(cfg: DictConfig, fingerprint: str, initial: str | None = None) -> str:
    """Returns 16 hex digits that two runs share if and only if they do the same on the same data.

    cfg: the configuration as typed, with `auto` unresolved; `fer.options` says which options count. fingerprint: of the
    data and soft labels. initial: the digest of the weights that the run starts from; None for random ones.
    """
    cfg = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    cfg.output_dir = ""  # paths of loggers and callbacks lie below it
    for key in ("hydra", "launcher"):
        cfg.pop(key, None)  # they interpolate values that only a command has
    content = hashed(plain(cfg))
    text = json.dumps(content, sort_keys=True)
    if initial:
        text += f"\n{initial}"
    return hashlib.sha256(f"{fingerprint}\n{text}".encode()).hexdigest()[:16]


def configuration_identity(record: dict[str, Any]) -> str:
    """Returns 16 hex digits that the runs of one configuration share, whatever their seeds.

    record: the content of metrics.json. Options that a run sets by its machine (`auto`) count only where they were
    typed.
    """
    content = hashed(copy.deepcopy(record.get("config") or {}))
    content.pop("logger", None)
    for name in ("seed", "data.seed", *BY_MACHINE):
        above, key = options.parent(content, name)
        if above is not None:
            above.pop(key, None)
    content = told_apart(content)
    words = shlex.split(record.get("command") or "")
    typed = sorted(word for word in words if options.name_of(word) in BY_MACHINE)
    data = record.get("data") or {}
    initial = record.get("initial") or {}
    known = [data.get("fingerprint"), *filter(None, [data.get("soft_labels"), initial.get("digest")])]
    text = json.dumps([content, typed, *known], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hashed(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the part of a plain configuration that a run's identity is made of; changes `config` in place.

    Targets have the names of the first version, so that moving a class does not change the identity.
    """
    for option in option_table.TABLE:
        if option.identity == option_table.HASHED:
            continue
        above, key = options.parent(config, option.name)
        if above is None or key not in above:
            continue
        if option.identity == option_table.IF_SET:
            if above[key] == option.default or (not above[key] and not option.default):
                del above[key]
        elif option.fixed is option_table.REMOVED:
            del above[key]
        else:
            above[key] = option.fixed
    return compat.retargeted(config, compat.first)


def told_apart(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the part of a plain configuration that differs between runs of any version; changes `config` in place."""
    for option in option_table.TABLE:
        above, key = options.parent(config, option.name)
        if above is not None and key in above and (option.hashed_only or above[key] == option.before):
            del above[key]
    return without_nothing(config)


def without_nothing(node: Any) -> Any:
    """Returns `node` without paths, nulls and empty mappings."""
    if isinstance(node, list):
        return [without_nothing(item) for item in node]
    if not isinstance(node, dict):
        return node
    left = {key: without_nothing(value) for key, value in node.items() if key not in options.PLACE_KEYS}
    return {key: value for key, value in left.items() if value is not None and value != {}}
