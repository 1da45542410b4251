"""Weights to start from: those of another run (`init_from`), or of a network trained on other data (`pretrained`)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from fer import checkpoint, parts, places, shipped
from fer.containers import plain
from fer.errors import UserError
from fer.prediction.network import checkpoint_at
from fer.training.pretrained import pretrained_state

NETWORK = "model."
"""What a Classifier puts before the names of its network's parameters."""


@dataclass(frozen=True)
class InitialWeights:
    """Weights that a run starts from. source: where they come from, for messages. tensors: by their name in a run."""

    source: str
    tensors: Mapping[str, Tensor]

    @property
    def digest(self) -> str:
        """16 hex digits that follow from the content."""
        content = hashlib.sha256()
        for name, tensor in sorted(self.tensors.items()):
            content.update(f"{name} {tuple(tensor.shape)}".encode())
            content.update(tensor.detach().float().contiguous().numpy().tobytes())
        return content.hexdigest()[:16]

    def fitting(self, classifier: torch.nn.Module) -> dict[str, Tensor]:
        """Returns the weights whose name and shape a classifier has. Raises UserError where none is of its network."""
        own = classifier.state_dict()
        found = {name: value for name, value in self.tensors.items() if name in own and own[name].shape == value.shape}
        if not any(name.startswith(NETWORK) for name in found):
            names = ", ".join([name for name in own if name.startswith(NETWORK)][:3])
            raise UserError(
                f"{self.source}: no weight has a name and shape of the network, which has {names} …; "
                f"choose the model of {self.source}"
            )
        return found

    def put_into(self, classifier: torch.nn.Module) -> str:
        """Copies the weights whose name and shape fit; returns a line that says which ones."""
        fitting = self.fitting(classifier)
        classifier.load_state_dict(fitting, strict=False)
        new = [name for name in classifier.state_dict() if name.startswith(NETWORK) and name not in fitting]
        named = f"{', '.join(new[:4])}{' …' if len(new) > 4 else ''}"
        rest = f"{len(new)} start at random: {named}" if new else "none starts at random"
        return f"{self.source}: {len(fitting)} tensors taken, {rest}"


def initial_weights(cfg: DictConfig) -> InitialWeights | None:
    """Returns the weights that `init_from` or `model.pretrained` names; None without either.

    Raises UserError for both, and for files that cannot be used.
    """
    ours, node = parts.separated(plain(cfg.model))
    pretrained = ours.get("pretrained")
    if cfg.get("init_from") and pretrained:
        raise UserError("init_from and model.pretrained are both set; leave one out")
    if cfg.get("init_from"):
        return weights_of_run(str(cfg.init_from))
    if pretrained:
        state = pretrained_state({**node, "pretrained": pretrained}, len(cfg.labels.classes or (0, 1)))
        source = f"model.pretrained={pretrained}"
        return InitialWeights(source, {f"{NETWORK}{name}": tensor for name, tensor in state.items()})
    return None


def weights_of_run(name: str) -> InitialWeights:
    """Returns the weights of a run's best checkpoint, of a checkpoint file, or of a network that ships."""
    path = shipped.checkpoint_named(name) or places.run(name)
    if not path.exists():
        known = ", ".join(shipped.names())
        raise UserError(f"init_from={name}: no such run or checkpoint; a shipped network is named {known}")
    path = checkpoint_at(path)
    if path.suffix == ".onnx":
        raise UserError(f"init_from={path}: an ONNX file cannot be trained further; name the run or its checkpoint")
    content = checkpoint.read(path)
    return InitialWeights(f"init_from={Path(name)}", content["state_dict"])
