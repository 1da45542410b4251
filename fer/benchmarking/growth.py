"""Repeats a measurement over batch sizes, threads, network widths or data sizes."""

import os
from collections.abc import Sequence

import pandas as pd
import torch
from omegaconf import DictConfig

from fer.benchmarking.rounds import Measurement, measure
from fer.errors import UserError


def grow(cfg: DictConfig) -> Measurement:
    """Measures at each value of the axis `cfg.growth`; the table's column `value` holds it.

    Batches larger than the data are left out with a note. Raises UserError if the config lacks the axis or nothing
    could be measured.
    """
    threads, measurements = torch.get_num_threads(), {}
    for value in axis_values(cfg):
        print(f"\n{cfg.growth} = {value}", flush=True)
        try:
            measurement = measure(config_at(cfg, value), with_costs=False)
        except UserError as error:
            if cfg.growth not in ("batch_size", "data"):
                raise
            print(f"left out: {error}", flush=True)
            continue
        finally:
            torch.set_num_threads(threads)
        size = measurement.images  # with growth=data there may be fewer than asked for
        measurements[size if cfg.growth == "data" else value] = measurement
    if not measurements:
        raise UserError(f"growth={cfg.growth}: none of values.{cfg.growth} could be measured")
    tables = [measurement.table.assign(value=value) for value, measurement in measurements.items()]
    last = list(measurements.values())[-1]
    return Measurement(pd.concat(tables, ignore_index=True), {}, last.data, last.images)


def axis_values(cfg: DictConfig) -> Sequence[float]:
    """Returns the values of the config; for threads without values 1, 2, 4 … and the number of cores."""
    chosen = cfg["values"][cfg.growth]
    if cfg.growth == "threads" and chosen is None:
        cores = os.cpu_count() or 1
        return sorted({2**power for power in range(cores.bit_length())} | {cores})
    types, names = ((int, float), "numbers") if cfg.growth == "width" else ((int,), "integers")
    if not chosen or not all(type(value) in types and value > 0 for value in chosen):
        raise UserError(f"values.{cfg.growth}={chosen}: expected a list of {names} > 0")
    return list(chosen)


def config_at(cfg: DictConfig, value: float) -> DictConfig:
    """Returns the config with `value` on its axis `cfg.growth`."""
    cfg = cfg.copy()
    if cfg.growth == "width":
        if "blocks" not in cfg.model:
            raise UserError("growth=width scales model.blocks and model.head, which this model does not have")
        cfg.model.blocks = [[scaled(width, value) for width in block] for block in cfg.model.blocks]
        cfg.model.head = [scaled(width, value) for width in cfg.model.head]
    elif cfg.growth == "threads":
        cfg.threads = value
    elif cfg.growth == "batch_size":
        cfg.data.batch_size = value
    elif cfg.data.source == "synthetic":
        cfg.data.synthetic.train = value
    else:
        cfg.data.limit = value
    return cfg


def scaled(width: int, factor: float) -> int:
    return max(1, round(width * factor))
