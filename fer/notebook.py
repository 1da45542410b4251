"""Trains from Python and opens runs: `run = fer.fit("model=cnn3", "optimizer=sgd")`."""

import base64
import html
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from fer import commandline, places, runs
from fer.config import compose
from fer.errors import UserError
from fer.training.start import train

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "loss")
PICTURES = ("results.png",)


class Run:
    """A run's folder: what it found, its figures and its files.

    path: the folder, or `latest`. Raises UserError where there is no run.
    """

    def __init__(self, path: str | os.PathLike):
        self.folder = places.run(str(path))
        if not (self.folder / runs.METRICS).is_file():
            raise UserError(f"{self.folder}: not a run (no {runs.METRICS} in it); name the folder that a run wrote to")

    @property
    def record(self) -> dict[str, Any]:
        """The content of metrics.json: status, config, data, figures, versions, command."""
        return json.loads((self.folder / runs.METRICS).read_text(encoding="utf-8"))

    @property
    def metrics(self) -> dict[str, float]:
        """The final metrics by split and name, such as "val/accuracy", in [0, 1]."""
        record = self.record
        splits = record["data"]["counts"]
        return {name: value for name, value in record.items() if name.partition("/")[0] in splits and "/" in name}

    @property
    def checkpoint(self) -> Path:
        """The file with the weights that were scored, for `fer.Recogniser` or `Classifier.load_from_checkpoint`."""
        return self.folder / self.record["checkpoint"]

    def predictions(self) -> pd.DataFrame:
        """Returns a row for each validation and test image: split, id, true and predicted class, probabilities."""
        return pd.read_csv(self.folder / runs.PREDICTIONS)

    def curves(self) -> pd.DataFrame:
        """Returns the metrics of training and validation by epoch, from 1; NaN where an epoch was not validated."""
        table = pd.read_csv(self.folder / runs.HISTORY).filter(regex=r"^((train|val)/|images_per_s|epoch$)")
        by_epoch = table.groupby("epoch").last()
        by_epoch.index = by_epoch.index.astype(int) + 1
        return by_epoch

    def to_pandas(self) -> pd.DataFrame:
        """Returns a row for each scored split with its main metrics."""
        metrics = self.metrics
        splits = list(dict.fromkeys(name.partition("/")[0] for name in metrics))
        rows = {split: [metrics[f"{split}/{name}"] for name in FIGURES] for split in splits}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(FIGURES))

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}), {self.record['status']}\n{self.to_pandas().round(4)}"

    def _repr_html_(self) -> str:
        images = "".join(picture(self.folder / name) for name in PICTURES if (self.folder / name).is_file())
        title = f"<p>{html.escape(str(self.folder))}: {html.escape(self.record['status'])}</p>"
        return f"{title}{self.to_pandas().round(4).to_html()}{images}"


def picture(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/png;base64,{content}" alt="{html.escape(path.stem)}" style="max-width:100%">'


def word_of(option: object) -> str:
    """Returns an option of `fit` as typed. Raises UserError for what is no string."""
    if not isinstance(option, str):
        raise UserError(
            f"fer.fit takes options as strings, such as fer.fit('model=cnn3', 'seed=1'), or one config of fer.compose "
            f"alone; got an object of type {type(option).__name__}"
        )
    return option


def fit(
    *options: str | DictConfig, data_root: str | os.PathLike | None = None, config_dir: str | os.PathLike | None = None
) -> Run:
    """Trains one classifier, as `python -m fer.train OPTIONS` does, and returns its run.

    options: overrides such as "model=cnn3", or one composed config. data_root: where the data lies, short for
    `data.root`. config_dir: a folder of own configs. Raises UserError for options or data that cannot be used, and for
    a loss that became NaN or infinite; a trial (`trainer.fast_dev_run=true`) leaves no run, so it raises one as well.
    """
    if len(options) == 1 and isinstance(options[0], DictConfig):
        cfg, command, words = options[0].copy(), None, []
    else:
        words = [word_of(option) for option in options]
        if data_root is not None:
            words.append(commandline.assigned("data.root", os.fspath(data_root)))
        folder = None if config_dir is None else os.fspath(config_dir)
        cfg = compose(*words, config_dir=folder)
        command = commandline.command("fer.train", words, folder)
    if command is None and data_root is not None:
        OmegaConf.update(cfg, "data.root", os.fspath(data_root))
    record = train(cfg, command, words)
    if "folder" not in record:
        raise UserError("this was a trial, which leaves no run")
    return Run(record["folder"])
