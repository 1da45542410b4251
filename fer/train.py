"""Trains one classifier.

    python -m fer.train model=cnn3 optimizer=sgd
    python -m fer.train -m optimizer=sgd,adam scheduler=step,cosine seed=0,1,2
    python -m fer.train resume=runs/train/cnn3_sgd/seed-0
    python -m fer.train resume=latest

Writes into runs/<study>/<name>/seed-<n>/: config.yaml, metrics.json, predictions.csv, report.html and report.md with
their pictures, checkpoints/, metrics.csv and TensorBoard events. The name says which options were set or, in a sweep,
which differ between its runs. `latest` stands for the newest run.
"""

from typing import Any

import hydra
from omegaconf import DictConfig

from fer import config, trust, validation
from fer.training import lifeline, resume


def train(cfg: DictConfig) -> dict[str, Any]:
    """Fits, reloads the best checkpoint, scores every split once; returns what metrics.json holds.

    Raises UserError for a config or data that cannot be used, and for a loss that became NaN or infinite.
    """
    trust.allow(cfg.trust)
    checkpoint = None
    if cfg.resume:
        cfg, checkpoint = resume.resumed(cfg)
    validation.check(cfg)
    from fer.training import experiment  # imports torch, which waits until the options have been checked

    return experiment.run(cfg, checkpoint=checkpoint)


@hydra.main(config_path=str(config.CONF), config_name="train", version_base="1.3")
def main(cfg: DictConfig) -> None:
    with config.one_line_errors():
        train(cfg)


if __name__ == "__main__":
    lifeline.watch()
    config.run_command(main, "train")
