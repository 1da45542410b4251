"""The column "keras": Keras' model.fit on the architecture of fer.models.cnn.CNN, in a separate process."""

import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from fer.containers import plain
from fer.errors import UserError
from fer.models import cnn

CNN = "fer.models.cnn.CNN"
COMMAND = [sys.executable, "-m", "fer.benchmarking.keras_fit"]
OPTIMIZERS = {"SGD": "SGD", "Adam": "Adam", "AdamW": "AdamW", "NAdam": "Nadam", "RMSprop": "RMSprop"}
"""Class of torch.optim -> its name in Keras."""
SHARED_OPTIONS = ("weight_decay", "momentum", "nesterov")
"""Options of optimizers that have the same name and meaning in both libraries."""
SUPPORTED_VALUES = {
    "activation": ("relu", "elu", "gelu", "silu", "tanh", "sigmoid", "leaky_relu", "selu", "softplus", "mish"),
    "attention": (None,),
    "head_pool": (None, 1),
    "pool_padding": (0,),
}
"""Values that Keras supports, for the options of CNN with values that it lacks."""


class Keras:
    """The column: starts the process and asks it for blocks.

    Its images are random float32 arrays in memory, shuffled and batched by tf.data and not augmented, which favours it;
    the loss is cross-entropy. Raises UserError if the process ends before it answers.
    """

    def __init__(self, cfg: Any, num_classes: int):
        request = {
            "options": arguments(cfg.model),
            "num_classes": num_classes,
            "batch_size": cfg.data.batch_size,
            "optimizer": optimizer(cfg.optimizer),
            "threads": cfg.threads,
        }
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
        self.stderr = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (it lives as long as the process)
        self.process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        answer = self.ask(request)
        self.parameters = answer["parameters"]
        self.how = f"{answer['library']}: model.fit on arrays in memory, no augmentation"

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a line of JSON and returns the answer. Raises UserError if the process has ended."""
        with suppress(BrokenPipeError):
            print(json.dumps(question), file=self.process.stdin, flush=True)
        for line in self.process.stdout or ():
            if line.startswith("{"):  # the other lines are messages of libraries
                return json.loads(line)
        self.stderr.seek(0)
        lines = self.stderr.read().splitlines() or ["no message"]
        raise UserError(f"keras: its process ended ({lines[-1]}); leave it out with columns=[ceiling,whole,default]")

    def block(self, warmup: int, steps: int) -> float:
        return self.ask({"warmup": warmup, "steps": steps})["images_per_s"]

    def close(self) -> None:
        self.process.communicate()
        self.stderr.close()


def reason_to_skip(cfg: Any) -> str | None:
    """Returns why this config cannot run in Keras here; None where it can."""
    if find_spec("tensorflow") is None:
        return "tensorflow is not installed"
    if cfg.model._target_ != CNN:
        return f"only {CNN} is translated"
    if cfg.optimizer._target_.rpartition(".")[2] not in OPTIMIZERS:
        return f"{cfg.optimizer._target_} has no counterpart there"
    options = arguments(cfg.model)
    for name, values in SUPPORTED_VALUES.items():
        if options[name] not in values:
            return f"model.{name}={options[name]} has no counterpart there"
    return None


def arguments(node: Any) -> dict[str, Any]:
    """Returns all arguments of CNN except num_classes: those of the config, the others at their defaults."""
    parameters = inspect.signature(cnn.CNN).parameters
    values = {name: parameter.default for name, parameter in parameters.items() if name != "num_classes"}
    return values | {name: value for name, value in plain(node).items() if not name.startswith("_")}


def optimizer(node: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the optimizer's name in Keras and the options that both libraries have."""
    name = OPTIMIZERS[node["_target_"].rpartition(".")[2]]
    return {"name": name, "learning_rate": node["lr"], **{key: node[key] for key in SHARED_OPTIONS if key in node}}
