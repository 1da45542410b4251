"""Turns config nodes into plain containers."""

from typing import Any

from omegaconf import OmegaConf


def plain(node: Any, resolve: bool = True) -> Any:
    """Returns a part of a config as dicts and lists; a value that is no config node is returned as it is.

    resolve: whether interpolations are replaced by their values.
    """
    return OmegaConf.to_container(node, resolve=resolve) if OmegaConf.is_config(node) else node
