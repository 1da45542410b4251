"""Measures training speed, beside a plain PyTorch loop and the bare training step.

    python -m fer.benchmark model=cnn3 data=synthetic
    python -m fer.benchmark model=cnn3 growth=batch_size 'columns=[ceiling,whole]'

It times four training loops, called columns, in one process and in turn, block by block: the ceiling (the network alone
on one batch that lies ready), the whole (a fit as fer.train runs it), the default (a plain loop over a DataLoader of
single samples) and, where tensorflow is installed, Keras' model.fit in a separate process. It writes into
experiments/speed/ (output_dir): benchmark.csv (a row for each column; a new measurement of the same setting on the same
machine replaces the old one), costs.csv (parts of a step, validation, checkpoint, memory), with growth=…
growth_<axis>.csv, the figures as PNG, and README.md, which shows them all.
"""

import hydra
from omegaconf import DictConfig, OmegaConf

from fer import config, validation
from fer.benchmarking import AXES, COLUMNS
from fer.errors import UserError

REQUIRED = {"resume": None, "trainer.devices": 1, "trainer.num_nodes": 1, "trainer.accumulate_grad_batches": 1}
"""Options with a single value that can be measured."""


def benchmark(cfg: DictConfig) -> list[str]:
    """Runs the benchmark and returns the names of the files written into `cfg.output_dir`.

    Raises UserError for options that cannot be measured.
    """
    check(cfg)
    validation.check(cfg)
    from fer.benchmarking import growth, report, rounds  # heavy imports follow the check of the options

    return report.write(cfg, growth.grow(cfg) if cfg.growth else rounds.measure(cfg))


def check(cfg: DictConfig) -> None:
    """Raises UserError for an invalid value of the benchmark's own options."""
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
        if optional and value is None:
            continue
        if type(value) is not int or value < 1:
            raise UserError(f"{name}={value}: expected a positive integer")
    if type(cfg.seconds) not in (int, float) or cfg.seconds <= 0:
        raise UserError(f"seconds={cfg.seconds}: expected a number > 0")
    for key, required in REQUIRED.items():
        value = OmegaConf.select(cfg, key)
        if value != required:
            raise UserError(f"{key}={value}: the benchmark measures one new run on one device; leave this option out")


@hydra.main(config_path=str(config.CONF), config_name="benchmark", version_base="1.3")
def main(cfg: DictConfig) -> None:
    with config.one_line_errors():
        benchmark(cfg)


if __name__ == "__main__":
    config.run_command(main, "benchmark")
