"""Finds `experiment=NAME` in the folders of conf/experiment/, so that `recipe/` or `study/` need not be typed."""

from pathlib import Path
from typing import Any

from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin

GROUP = "experiment"


class ExperimentSource(ConfigSource):
    """The files of conf/experiment/*/, as if they stood in conf/experiment/."""

    def __init__(self, provider: str, path: str):
        super().__init__(provider, path)
        from hydra._internal.core_plugins.file_config_source import FileConfigSource

        from fer.places import CONF

        self.files = FileConfigSource(provider, f"file://{CONF}")
        found = sorted((CONF / GROUP).glob("*/*.yaml"))
        self.paths = {f"{GROUP}/{path.stem}": f"{GROUP}/{path.parent.name}/{path.stem}" for path in found}

    @staticmethod
    def scheme() -> str:
        return "fer-experiments"

    def load_config(self, config_path: str) -> ConfigResult:
        return self.files.load_config(self.paths[config_path.removesuffix(".yaml")])

    def available(self) -> bool:
        return bool(self.paths)

    def is_group(self, config_path: str) -> bool:
        return config_path.rstrip("/") == GROUP

    def is_config(self, config_path: str) -> bool:
        return config_path.removesuffix(".yaml") in self.paths

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        if not self.is_group(config_path) or results_filter == ObjectType.GROUP:
            return []
        return [path.removeprefix(f"{GROUP}/") for path in self.paths]


class ExperimentSearchPath(SearchPathPlugin):
    """Adds the source to programs whose config folder is that of fer."""

    def manipulate_search_path(self, search_path: Any) -> None:
        from fer.places import CONF

        if any(Path(element.path.removeprefix("file://")) == CONF for element in search_path.get_path()):
            search_path.append("fer", f"{ExperimentSource.scheme()}://")
