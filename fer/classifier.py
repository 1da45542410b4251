"""Classifier, the LightningModule of every network: normalisation, model, loss, optimizer, scheduler, metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from fer import parts
from fer.metrics import figures, metric_collection
from fer.trust import check_parts, without_loading

Batch = tuple[Tensor, Tensor, Tensor, float]  # images, labels, rows, weight: see FERDataModule


class Classifier(pl.LightningModule):
    """A network that tells the classes of 48×48 grey faces apart.

    model, loss, optimizer and scheduler are plain mappings with a `_target_`, built by `fer.build`. The checkpoint
    keeps them and so describes itself. Offered are, to the model, `num_classes` and `in_channels` (1); to the loss,
    `class_counts` (training images of each class, in the order of `classes`) and `num_classes`; to the scheduler,
    `total_steps`, `T_max` and, on a plateau schedule, `mode`. A model whose first convolution takes three channels gets
    the grey picture three times. A scheduler's `interval` is "step" or "epoch"; without one it is "step" for schedules
    that know the steps of the whole run, else "epoch".
    mean, std: of pixels in [0, 1]. monitor: the validation figure that a plateau schedule watches; mode: "min" or
    "max". tta: "none", or "flip" to average the logits of image and mirror image outside of training.
    decay_biases_and_norms: whether weight decay acts on tensors with fewer than two dimensions as well.
    l1: times the sum of the absolute values of those with two and more, it is added to the training loss.
    experiment: its whole config, kept in the checkpoint for the record.
    """

    def __init__(
        self,
        model: Mapping[str, Any],
        loss: Mapping[str, Any],
        optimizer: Mapping[str, Any],
        scheduler: Mapping[str, Any],
        classes: Sequence[str],
        class_counts: Sequence[int],
        mean: float = 0.0,
        std: float = 1.0,
        monitor: str = "val/accuracy",
        mode: str = "max",
        tta: str = "none",
        decay_biases_and_norms: bool = True,
        l1: float = 0.0,
        channels_last: bool = False,
        experiment: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        if tta not in ("none", "flip"):
            raise ValueError(f"classifier.tta: no '{tta}'; there are none, flip")
        self.save_hyperparameters(logger=False)
        self.hparams.model = without_loading(model)
        self.classes = tuple(classes)
        self.model: nn.Module = parts.model(model, len(classes))
        self.loss: nn.Module = parts.loss(loss, class_counts)
        self.channels = parts.channels(self.model)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.model.to(memory_format=self.memory_format)
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))
        metrics = metric_collection(len(classes))
        self.metrics = nn.ModuleDict({f"{split}_metrics": metrics.clone() for split in ("train", "val", "test")})

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> "Classifier":
        """As in Lightning, after the check that `fer.checkpoint.load` makes. Raises UserError where that refuses."""
        content = torch.load(checkpoint_path, map_location="cpu", weights_only=True)
        check_parts(content.get("hyper_parameters"), checkpoint_path)
        return super().load_from_checkpoint(checkpoint_path, *args, **kwargs | {"weights_only": True})

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, H, W) uint8 in 0–255 or float in [0, 1] -> (B, C) logits."""
        return self.model(self.normalise(images).expand(-1, self.channels, -1, -1))

    def normalise(self, images: Tensor) -> Tensor:
        if images.dtype == torch.uint8:
            images = images / 255
        images = (images.float() - self.mean) / self.std
        return images.to(self.dtype, memory_format=self.memory_format)  # float32 but for precisions such as bf16-true

    def logits(self, images: Tensor) -> Tensor:
        """Float32 logits as outside of training, with test-time augmentation if asked for."""
        logits = self(images).float()
        if self.hparams.tta == "flip":
            logits = (logits + self(images.flip(-1)).float()) / 2
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels, _, weight = batch
        logits = self(images).float()
        loss = self.loss(logits, labels)
        self._update("train", loss, logits, labels)
        if self.hparams.l1:
            loss = loss + self.hparams.l1 * sum(p.abs().sum() for p in self.parameters() if p.ndim > 1)
        return loss * weight

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("test", batch)

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """(rows, labels, logits) of the batch."""
        images, labels, rows, _ = batch
        return rows, labels, self.logits(images)

    def _evaluate(self, split: str, batch: Batch) -> None:
        images, labels, *_ = batch
        logits = self.logits(images)
        self._update(split, self.loss(logits, labels), logits, labels)

    def _update(self, split: str, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        metrics = self.metrics[f"{split}_metrics"]
        metrics["loss"].update(loss.detach() * len(logits))
        metrics["confusion"].update(logits.detach().argmax(1), labels if labels.ndim == 1 else labels.argmax(1))

    def on_train_epoch_end(self) -> None:
        self._log_figures("train")

    def on_validation_epoch_end(self) -> None:
        self._log_figures("val")

    def on_test_epoch_end(self) -> None:
        self._log_figures("test")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps what the epoch has counted so far, over all ranks, for a run that goes on in its midst."""
        checkpoint["counted"] = {}
        for name, metric in self.metrics["train_metrics"].items():
            with metric.sync_context():
                checkpoint["counted"][name] = {key: value.clone() for key, value in metric.metric_state.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.global_rank == 0:  # one rank brings it in for all
            for name, state in checkpoint.get("counted", {}).items():
                for key, value in state.items():
                    setattr(self.metrics["train_metrics"][name], key, value.to(self.device))

    def _log_figures(self, split: str) -> None:
        metrics = self.metrics[f"{split}_metrics"]
        values = metrics.compute()
        metrics.reset()
        self.confusion = values["confusion"]
        loss = values["loss"].float() / self.confusion.sum()
        named = {"loss": loss, **figures(self.confusion, self.classes)}
        for name, value in named.items():
            self.log(f"{split}/{name}", value, prog_bar=name in ("loss", "accuracy"))

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = parts.optimizer(self.hparams.optimizer, self.parameter_groups())
        scheduler, interval = parts.scheduler(
            self.hparams.scheduler,
            optimizer,
            total_steps=lambda: self.trainer.estimated_stepping_batches,
            epochs=self.trainer.max_epochs,
            mode=self.hparams.mode,
        )
        watched = {"monitor": self.hparams.monitor} if isinstance(scheduler, ReduceLROnPlateau) else {}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": interval, **watched}}

    def parameter_groups(self) -> list[Any]:
        """All parameters, or, without decay of biases and norms, matrices and the rest apart."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        if self.hparams.decay_biases_and_norms:
            return parameters
        matrices = [p for p in parameters if p.ndim > 1]
        return [{"params": matrices}, {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}]
