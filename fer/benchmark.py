"""Measures training speed, beside a plain PyTorch loop and the bare training step.

    python -m fer.benchmark model=cnn3 data=synthetic
    python -m fer.benchmark model=cnn3 growth=batch_size 'columns=[ceiling,whole]'

In one process, in turn, block by block: the ceiling (the network alone on one batch that lies ready), the whole (a fit
as fer.train runs it), the default user's way (a plain loop over a DataLoader of single samples); where tensorflow is
installed, Keras' model.fit in a process of its own. Writes into experiments/speed/ (output_dir): benchmark.csv (a row a
column; the same setting on the same machine is replaced, all else kept), costs.csv (where a step's time goes,
validation, checkpoint, memory), with growth=… growth_<what>.csv, the figures as PNG, and README.md made from these.
"""

import hydra
from omegaconf import DictConfig, OmegaConf

from fer import config, validation
from fer.errors import UserError

COLUMNS = ("ceiling", "whole", "default", "keras")
AXES = ("batch_size", "threads", "width", "data")
FIXED = {"resume": None, "trainer.devices": 1, "trainer.num_nodes": 1, "trainer.accumulate_grad_batches": 1}


def benchmark(cfg: DictConfig) -> list[str]:
    """Measures as `cfg` says; returns the names of the files written into `cfg.output_dir`.

    Raises UserError for options that cannot be measured.
    """
    check(cfg)
    validation.check(cfg)
    from fer.benchmarking import growth, report, rounds  # everything heavy waits until the options are right

    return report.write(cfg, growth.grow(cfg) if cfg.growth else rounds.measure(cfg))


def check(cfg: DictConfig) -> None:
    """Raises UserError for a value of the benchmark's own options that is not known or out of range."""
    if isinstance(cfg.columns, str) or not cfg.columns:
        raise UserError(f"columns={cfg.columns}: expected a list such as [ceiling,whole]")
    unknown = [str(name) for name in cfg.columns if name not in COLUMNS]
    if unknown:
        raise UserError(f"columns: no '{unknown[0]}'; there are {', '.join(COLUMNS)}")
    if "ceiling" not in cfg.columns:
        raise UserError("columns: ceiling must be one of them, since the ratios are to it")
    if cfg.growth is not None and cfg.growth not in AXES:
        raise UserError(f"growth={cfg.growth}: expected one of {', '.join(AXES)}, null")
    for name, optional in (("rounds", False), ("warmup_steps", False), ("steps", True), ("threads", True)):
        value = cfg[name]
        if not (optional and value is None) and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise UserError(f"{name}={value}: expected a positive integer")
    if isinstance(cfg.seconds, bool) or not isinstance(cfg.seconds, int | float) or cfg.seconds <= 0:
        raise UserError(f"seconds={cfg.seconds}: expected a number > 0")
    for path, value in FIXED.items():
        if (found := OmegaConf.select(cfg, path)) != value:
            raise UserError(f"{path}={found}: the benchmark measures one new run on one device; leave this option out")


@hydra.main(config_path=str(config.CONF), config_name="benchmark", version_base="1.3")
def main(cfg: DictConfig) -> None:
    with config.one_line_errors():
        benchmark(cfg)


if __name__ == "__main__":
    config.run_command(main, "benchmark")
