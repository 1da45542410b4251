"""Classifier, the LightningModule of every network: normalisation, model, loss, optimizer, scheduler, metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fer import layers, parts
from fer.data.emotions import EMOTIONS
from fer.errors import UserError
from fer.given import TARGET as GIVEN
from fer.metrics import EpochMetrics, figures
from fer.optimisation import OptimisedModule
from fer.preprocess import SIZE
from fer.trust import check_parts, without_loading
from fer.views import CROP, check_views, views

Batch = Any  # unpacks into images and labels, see `fer.data.batches.Batch`; other loaders' tuples serve as well
LOSS = {"_target_": "fer.losses.CrossEntropy"}
OPTIMIZER = {"_target_": "torch.optim.AdamW", "lr": 0.001}
SCHEDULER = {"_target_": "torch.optim.lr_scheduler.ConstantLR", "factor": 1.0, "total_iters": 0}


class Classifier(OptimisedModule):
    """Classifies 48×48 grey faces with a network, and trains it.

    model, loss, optimizer and scheduler are plain mappings with a `_target_`, built by `fer.build`; the checkpoint
    keeps them. model may also be an nn.Module; then `load_from_checkpoint` needs it again, as `model=`. Where its class
    has arguments of these names, a model in a mapping gets `num_classes` and `in_channels` (1), the loss `class_counts`
    and `num_classes`, and the scheduler `total_steps`, `T_max` and, for a plateau schedule, `mode`. A model whose first
    convolution takes three channels gets the grey picture three times. A scheduler's `interval` is "step" or "epoch";
    the default is "step" for schedules that take the steps of the whole run, else "epoch".

    classes: names of the classes, in the order of the logits.
    class_counts: training images of each class, in the order of `classes`.
    mean, std: of pixels in [0, 1].
    monitor: the validation figure that a plateau schedule watches. mode: "min" or "max".
    tta: "none", "flip", "fivecrop", "tencrop" or "affine": the views whose logits are averaged in validation, test
        and use, see `fer.views`. crop, crop_to: side in pixels of the windows, and the side they are scaled to.
    decay_biases_and_norms: whether weight decay also acts on tensors with fewer than two dimensions.
    l1: factor of the sum of the absolute values of the other tensors, which is added to the training loss.
    layer_decay: factor of the learning rate from each layer to the one before it, in (0, 1]; None for one rate.
    experiment: the whole config of the run, kept in the checkpoint for the record.

    Raises ValueError or UserError for options that cannot be used.
    """

    mean: Tensor
    std: Tensor

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
        network = model if isinstance(model, nn.Module) else parts.model(model, len(classes))
        model = {"_target_": GIVEN} if isinstance(model, nn.Module) else without_loading(model)
        class_counts = [1] * len(classes) if class_counts is None else class_counts
        self.save_hyperparameters(logger=False)
        self.classes = tuple(classes)
        self.model = network
        self.loss: nn.Module = parts.loss(loss, class_counts)
        self.channels = parts.channels(self.model)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.model.to(memory_format=self.memory_format)
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))
        self.example_input_array = torch.zeros(2, 1, SIZE, SIZE)
        self.train_metrics, self.val_metrics, self.test_metrics = (EpochMetrics(len(classes)) for _ in range(3))

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> "Classifier":
        """As in Lightning, after the checks of `fer.checkpoint.load`. Raises UserError where they fail."""
        content = torch.load(checkpoint_path, map_location="cpu", weights_only=True)
        check_parts(content.get("hyper_parameters"), checkpoint_path)
        return super().load_from_checkpoint(checkpoint_path, *args, **kwargs | {"weights_only": True})

    def forward(self, images: Tensor) -> Tensor:
        """Returns the logits (B, C) of images (B, 1, H, W), uint8 in 0–255 or float in [0, 1]."""
        return self.model(self.normalise(images).expand(-1, self.channels, -1, -1))

    def normalise(self, images: Tensor) -> Tensor:
        """Returns images (B, 1, H, W), uint8 in 0–255 or float in [0, 1], less the mean, over the deviation."""
        if images.dtype == torch.uint8:
            images = images / 255
        images = (images.float() - self.mean) / self.std
        return images.to(self.dtype, memory_format=self.memory_format)  # float32 but for precisions such as bf16-true

    def logits(self, images: Tensor) -> Tensor:
        """Returns the mean logits (B, C), float32, of the views that `tta` names, as used outside training.

        images: (B, 1, 48, 48), uint8 in 0–255 or float in [0, 1].
        """
        return self.mean_logits(images, self.hparams.tta)

    def mean_logits(self, images: Tensor, tta: str) -> Tensor:
        """Returns what `logits` does, with another `tta`."""
        logits = [self(view).float() for view in views(images, tta, self.hparams.crop, self.hparams.crop_to)]
        return torch.stack(logits).mean(0) if len(logits) > 1 else logits[0]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch[0], batch[1]
        logits = self(images).float()
        loss = self.loss(logits, labels)
        self.train_metrics.add(loss, logits, labels)
        if self.hparams.l1:
            loss = loss + self.hparams.l1 * sum(p.abs().sum() for p in self.parameters() if p.ndim > 1)
        if self._trainer is not None:
            interval = self._trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]  # set dynamically
            if (batch_idx + 1) % interval == 0:
                self._log_now("train/loss_step", loss.item())
        return loss * getattr(batch, "weight", 1.0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate(self.val_metrics, batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate(self.test_metrics, batch)

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Returns (rows, labels, logits) of the batch; rows count from 0 where the batch has none."""
        images, labels = batch[0], batch[1]
        rows = batch.rows if hasattr(batch, "rows") else torch.arange(len(images))
        return rows, labels, self.logits(images)

    def _evaluate(self, metrics: EpochMetrics, batch: Batch) -> None:
        images, labels = batch[0], batch[1]
        logits = self.logits(images)
        metrics.add(self.loss(logits, labels), logits, labels)

    def on_train_start(self) -> None:
        if self.global_step == 0:  # LearningRateMonitor begins with step `log_every_n_steps`
            self._log_now("lr", self.trainer.optimizers[0].param_groups[0]["lr"])

    def _log_now(self, name: str, value: float) -> None:
        """Logs a value of the current step. `self.log` would lose it where the run is stopped after this step."""
        for logger in self.loggers:
            logger.log_metrics({name: value}, step=self.global_step)

    def on_train_epoch_end(self) -> None:
        self._log_figures("train", self.train_metrics)

    def on_validation_epoch_end(self) -> None:
        self._log_figures("val", self.val_metrics)

    def on_test_epoch_end(self) -> None:
        self._log_figures("test", self.test_metrics)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Saves the training metrics of the epoch so far, summed over all ranks, to resume within an epoch."""
        checkpoint["counted"] = self.train_metrics.summed_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.global_rank == 0:  # the saved sums are over all ranks
            self.train_metrics.load(checkpoint.get("counted", {}), self.device)

    def _log_figures(self, split: str, metrics: EpochMetrics) -> None:
        loss, self.confusion = metrics.results()
        for name, value in {"loss": loss, **figures(self.confusion, self.classes)}.items():
            self.log(f"{split}/{name}", value, prog_bar=name in ("loss", "accuracy"))

    @property
    def backbone(self) -> nn.Module:
        """All layers but the output layer, for Lightning's BackboneFinetuning."""
        return layers.backbone(self.model)

    def train(self, mode: bool = True) -> "Classifier":
        """As in torch; norms that are frozen keep their statistics."""
        super().train(mode)
        layers.keep_frozen_statistics(self.model)
        return self
