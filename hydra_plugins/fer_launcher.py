"""Launcher of sweeps. Hydra searches for plugins only in this package; the work is done in fer.training.sweep."""

from collections.abc import Sequence
from typing import Any

from hydra.plugins.launcher import Launcher


class SweepLauncher(Launcher):
    """Runs the jobs of a sweep one after the other in this process, or in parallel in child processes."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        from fer.training.sweep import Sweep

        return Sweep(self.context, self.task, self.config, job_overrides).run()
