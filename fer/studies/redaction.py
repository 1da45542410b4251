"""Removes the paths of this machine from the records of runs."""

import re
import shlex
from typing import Any

from fer import options

PATH_KEYS = options.PLACE_KEYS | {"path", "checkpoint"}
"""Keys of metrics.json whose values are paths."""
ABSOLUTE = re.compile(r"(?<![\w.>])(?:~[\w-]*|[A-Za-z]:)?[/\\][^\s'\",;()\[\]{}]+")


def without_paths(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the record of a run with PATH in place of every path of this machine."""
    root = record["config"]["data"].get("root") or []
    sources = [*([root] if isinstance(root, str) else root), *record["data"].get("path", [])]
    sources = sorted((path for path in sources if re.search(r"[/\\]", path)), key=len, reverse=True)

    def clean(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: clean(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [clean(item, key) for item in value]
        if not value or not isinstance(value, str):
            return value
        if key in PATH_KEYS:
            return "PATH"
        if key == "command":
            return command_without_paths(value)
        for path in sources:
            value = value.replace(path, "PATH")
        return ABSOLUTE.sub("PATH", value)

    return clean(record)


def command_without_paths(command: str) -> str:
    """Returns a command line with PATH in place of every path."""
    return shlex.join(ABSOLUTE.sub("PATH", _without_path(word)) for word in shlex.split(command))


def _without_path(word: str) -> str:
    """Returns `data.root=PATH` for any value of a path option; other words are unchanged."""
    key, equals, _ = word.partition("=")
    is_path = key == "--config-dir" or options.is_place(options.name_of(word))
    return f"{key}=PATH" if equals and is_path else word
