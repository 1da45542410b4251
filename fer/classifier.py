"""Classifier, the LightningModule of every network: normalisation, model, loss, optimizer, scheduler, metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from fer import layers, parts
from fer.data.emotions import EMOTIONS
from fer.errors import UserError
from fer.given import TARGET as GIVEN
from fer.metrics import figures, metric_collection
from fer.preprocess import SIZE
from fer.trust import check_parts, without_loading
from fer.views import CROP, check_views, views

Batch = Any  # unpacks into images and labels, see `fer.data.batches.Batch`; other loaders' tuples serve as well
LOSS = {"_target_": "fer.losses.CrossEntropy"}
OPTIMIZER = {"_target_": "torch.optim.AdamW", "lr": 0.001}
SCHEDULER = {"_target_": "torch.optim.lr_scheduler.ConstantLR", "factor": 1.0, "total_iters": 0}


class Classifier(pl.LightningModule):
    """Classifies 48×48 grey faces with a network, and trains it.

    model, loss, optimizer and scheduler are plain mappings with a `_target_`, built by `fer.build`; the checkpoint
    keeps them. model may also be an nn.Module; then `load_from_checkpoint` needs it again, as `model=`. A model in a
    mapping is offered `num_classes` and `in_channels` (1); the loss `class_counts` and `num_classes`; the scheduler
    `total_steps`, `T_max` and, for a plateau schedule, `mode`. A model whose first convolution takes three
    channels gets the grey picture three times. A scheduler's `interval` is "step" or "epoch"; by default it is "step"
    for schedules that take the steps of the whole run, else "epoch".

    classes: names of the classes, in the order of the logits.
    class_counts: training images of each class, in the order of `classes`.
    mean, std: of pixels in [0, 1].
    monitor: the validation figure that a plateau schedule watches. mode: "min" or "max".
    tta: "none", "flip", "fivecrop" or "tencrop": the views whose logits are averaged in validation, test and use, see
        `fer.views`. crop, crop_to: side in pixels of the windows, and the side they are scaled to.
    decay_biases_and_norms: whether weight decay also acts on tensors with fewer than two dimensions.
    l1: factor of the sum of the absolute values of the other tensors, which is added to the training loss.
    layer_decay: factor of the learning rate from each layer to the one before it, in (0, 1]; None for one rate.
    experiment: the whole config of the run, kept in the checkpoint for the record.

    Raises ValueError or UserError for options that cannot be used.
    """

    done = (0, 0)
    """Optimizer steps and epochs of the run that a prolonged one goes on from, over which no schedule is planned."""

    def __init__(
        self,
        model: Mapping[str, Any] | nn.Module,
        loss: Mapping[str, Any] = LOSS,
        optimizer: Mapping[str, Any] = OPTIMIZER,
        scheduler: Mapping[str, Any] = SCHEDULER,
        classes: Sequence[str] = EMOTIONS,
        class_counts: Sequence[int] | None = None,
        mean: float = 0.0,
        std: float = 1.0,
        monitor: str = "val/accuracy",
        mode: str = "max",
        tta: str = "none",
        crop: int = CROP,
        crop_to: int = SIZE,
        decay_biases_and_norms: bool = True,
        l1: float = 0.0,
        layer_decay: float | None = None,
        channels_last: bool = False,
        experiment: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        check_views(tta, crop, crop_to)
        if layer_decay is not None and not 0 < layer_decay <= 1:
            raise UserError(f"classifier.layer_decay={layer_decay}: expected a number in (0, 1]")
        given = model if isinstance(model, nn.Module) else None
        model = {"_target_": GIVEN} if given else model
        class_counts = [1] * len(classes) if class_counts is None else class_counts
        self.save_hyperparameters(logger=False, ignore=["given"])
        self.hparams.model = without_loading(model)
        self.classes = tuple(classes)
        self.model: nn.Module = given or parts.model(model, len(classes))
        self.loss: nn.Module = parts.loss(loss, class_counts)
        self.channels = parts.channels(self.model)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.model.to(memory_format=self.memory_format)
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))
        self.example_input_array = torch.zeros(2, 1, SIZE, SIZE)
        metrics = metric_collection(len(classes))
        self.metrics = nn.ModuleDict({f"{split}_metrics": metrics.clone() for split in ("train", "val", "test")})

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> "Classifier":
        """As in Lightning, after the checks of `fer.checkpoint.load`. Raises UserError where they fail."""
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
        """(B, 1, 48, 48) -> (B, C) float32: the mean logits of the views that `tta` names, as used outside training."""
        return self.mean_logits(images, self.hparams.tta)

    def mean_logits(self, images: Tensor, tta: str) -> Tensor:
        """As `logits`, with another `tta`."""
        logits = [self(view).float() for view in views(images, tta, self.hparams.crop, self.hparams.crop_to)]
        return torch.stack(logits).mean(0) if len(logits) > 1 else logits[0]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch[0], batch[1]
        logits = self(images).float()
        loss = self.loss(logits, labels)
        self._update("train", loss, logits, labels)
        if self.hparams.l1:
            loss = loss + self.hparams.l1 * sum(p.abs().sum() for p in self.parameters() if p.ndim > 1)
        if self._trainer is not None and (batch_idx + 1) % self.trainer.log_every_n_steps == 0:
            self._log_now("train/loss_step", loss.item())
        return loss * getattr(batch, "weight", 1.0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("test", batch)

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Returns (rows, labels, logits) of the batch; rows count from 0 where the batch has none."""
        images, labels = batch[0], batch[1]
        rows = batch.rows if hasattr(batch, "rows") else torch.arange(len(images))
        return rows, labels, self.logits(images)

    def _evaluate(self, split: str, batch: Batch) -> None:
        images, labels = batch[0], batch[1]
        logits = self.logits(images)
        self._update(split, self.loss(logits, labels), logits, labels)

    def _update(self, split: str, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        metrics = self.metrics[f"{split}_metrics"]
        metrics["loss"].update(loss.detach() * len(logits))
        metrics["confusion"].update(logits.detach().argmax(1), labels if labels.ndim == 1 else labels.argmax(1))

    def on_train_start(self) -> None:
        if self.global_step == 0:  # LearningRateMonitor begins with step `log_every_n_steps`
            self._log_now("lr", self.trainer.optimizers[0].param_groups[0]["lr"])

    def _log_now(self, name: str, value: float) -> None:
        """Logs a value of the current step. `self.log` would lose it where the run is stopped after this step."""
        for logger in self.loggers:
            logger.log_metrics({name: value}, step=self.global_step)

    def on_train_epoch_end(self) -> None:
        self._log_figures("train")

    def on_validation_epoch_end(self) -> None:
        self._log_figures("val")

    def on_test_epoch_end(self) -> None:
        self._log_figures("test")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Saves the training metrics of the epoch so far, summed over all ranks, to resume within an epoch."""
        checkpoint["counted"] = {}
        for name, metric in self.metrics["train_metrics"].items():
            with metric.sync_context():
                checkpoint["counted"][name] = {key: value.clone() for key, value in metric.metric_state.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.global_rank == 0:  # the saved sums are over all ranks
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
        scheduler, interval = self.schedule(optimizer)
        watched = {"monitor": self.hparams.monitor} if isinstance(scheduler, ReduceLROnPlateau) else {}
        schedule = {"scheduler": scheduler, "interval": interval, "name": "lr", **watched}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def schedule(self, optimizer: torch.optim.Optimizer) -> tuple[parts.Schedule, str]:
        """Returns the learning-rate schedule over the run, without what `done` has of it, and its interval."""
        steps, epochs = self.done
        whole = self.trainer.max_epochs
        return parts.scheduler(
            self.hparams.scheduler,
            optimizer,
            total_steps=lambda: int(self.trainer.estimated_stepping_batches) - steps,
            epochs=whole - epochs if whole and whole > 0 else whole,
            mode=self.hparams.mode,
        )

    def parameter_groups(self) -> list[Any]:
        """Returns the trainable parameters in one group; without decay of biases and norms, in two: matrices, the rest.

        With `layer_decay`, each layer has separate groups.
        """
        if self.hparams.layer_decay is not None:
            return self._groups_by_layer()
        parameters = [p for p in self.parameters() if p.requires_grad]
        if self.hparams.decay_biases_and_norms:
            return parameters
        return groups(parameters)

    def _groups_by_layer(self) -> list[dict[str, Any]]:
        depths = layers.depths(self.model)
        top, rate = max(depths.values()), self.lr
        by_depth: dict[int, list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                by_depth.setdefault(depths[name], []).append(parameter)
        found = []
        for depth, parameters in sorted(by_depth.items()):
            scale = self.hparams.layer_decay ** (top - depth)
            parts_of_layer = [{"params": parameters}] if self.hparams.decay_biases_and_norms else groups(parameters)
            found += [{**group, "lr": rate * scale, parts.LR_SCALE: scale} for group in parts_of_layer]
        return found

    @property
    def backbone(self) -> nn.Module:
        """All layers but the output layer, for Lightning's BackboneFinetuning."""
        return layers.backbone(self.model)

    @property
    def lr(self) -> float:
        """The optimizer's learning rate, which Lightning's learning-rate finder replaces."""
        return self.hparams.optimizer["lr"]

    @lr.setter
    def lr(self, value: float) -> None:
        factor = value / self.lr
        self.hparams.optimizer = {**self.hparams.optimizer, "lr": value}
        if self._trainer is not None:
            for config in self._trainer.lr_scheduler_configs:
                parts.rescale(config.scheduler, factor)

    def lr_scheduler_step(self, scheduler: parts.Schedule, metric: Any) -> None:
        """As in Lightning, also for parameter groups that a callback has added."""
        parts.cover_new_groups(scheduler)
        super().lr_scheduler_step(scheduler, metric)

    def train(self, mode: bool = True) -> "Classifier":
        """As in torch; norms that are frozen keep their statistics."""
        super().train(mode)
        layers.keep_frozen_statistics(self.model)
        return self


def groups(parameters: Sequence[nn.Parameter]) -> list[dict[str, Any]]:
    """Returns the matrices as one parameter group, and biases and norms as another one without weight decay."""
    matrices, others = ([p for p in parameters if (p.ndim > 1) == is_matrix] for is_matrix in (True, False))
    both = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return [group for group in both if group["params"]] or both[:1]
