"""Trains one classifier.

    python -m fer.train model=cnn3 optimizer=sgd
    python -m fer.train -m optimizer=sgd,adam scheduler=step,cosine seed=0,1,2
    python -m fer.train resume=runs/train/cnn3_sgd/seed-0
    python -m fer.train resume=latest

Writes into runs/<study>/<name>/seed-<n>/: config.yaml, metrics.json, predictions.csv, report.html and report.md with
their pictures, checkpoints/, metrics.csv and TensorBoard events. The name says which options were set or, in a sweep,
which differ between its runs. `latest` stands for the newest run.
"""

import hydra
from omegaconf import DictConfig

from fer import config
from fer.training import lifeline
from fer.training.start import train


@hydra.main(config_path=str(config.CONF), config_name="train", version_base="1.3")
def main(cfg: DictConfig) -> None:
    with config.one_line_errors():
        train(cfg)


if __name__ == "__main__":
    lifeline.watch()  # in a process that another run started: ends with it
    config.run_command(main, "train")
