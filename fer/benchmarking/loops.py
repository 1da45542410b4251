"""The columns "ceiling" and "default": the bare training step, and a DataLoader loop as tutorials write it."""

import warnings
from collections.abc import Generator

import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.utils.data import DataLoader

from fer import parts
from fer.benchmarking.per_sample import FaceDataset, transforms
from fer.benchmarking.timing import DeviceClock, timed
from fer.containers import plain
from fer.data.datamodule import FERDataModule
from fer.training.building import classifier_for

DTYPES = {"32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def format_name(precision: str, channels_last: bool) -> str:
    return f"{precision}, {'channels_last' if channels_last else 'contiguous'}"


class Loop:
    """Base of both loops: network, loss and optimizer of the config, and their timing."""

    def __init__(self, cfg: DictConfig, datamodule: FERDataModule, clock: DeviceClock, channels_last: bool):
        torch.manual_seed(cfg.seed)
        self.clock, self.device = clock, clock.device
        cfg = cfg.copy()
        cfg.channels_last = channels_last
        self.classifier = classifier_for(cfg, datamodule).to(self.device).train()
        self.model, self.loss = self.classifier.model, self.classifier.loss
        self.optimizer = parts.optimizer(plain(cfg.optimizer), self.classifier.parameter_groups())

    def train(self, steps: int) -> int:
        """Trains `steps` steps and returns the number of images."""
        raise NotImplementedError

    def block(self, warmup: int, steps: int) -> float:
        return timed(self.train, warmup, steps, self.clock)

    def close(self) -> None:
        """Ends the loop's other processes."""


class Ceiling(Loop):
    """Forward, loss, backward and optimizer step on one batch that lies ready on the device, augmented and normalised.

    precision: "32-true", "bf16-mixed" or "16-mixed", with Lightning's meaning. The network is compiled where the
    config says so.
    """

    def __init__(
        self,
        cfg: DictConfig,
        datamodule: FERDataModule,
        clock: DeviceClock,
        precision: str = "32-true",
        channels_last=False,
    ):
        super().__init__(cfg, datamodule, clock, channels_last)
        self.how = format_name(precision, channels_last)
        self.dtype = DTYPES[precision]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)
        if cfg.compile:
            self.model.compile()
        images, labels = next(iter(datamodule.train_dataloader()))
        with torch.no_grad():
            images, self.labels = datamodule.augmentation(images.to(self.device), labels.to(self.device))
            self.images = self.classifier.normalise(images)

    def train(self, steps: int) -> int:
        for _ in range(steps):
            self.optimizer.zero_grad()
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
                loss = self.loss(self.model(self.images).float(), self.labels)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return steps * len(self.labels)


class Default(Loop):
    """A usual training loop: float32, contiguous, torchvision transforms image by image in a DataLoader.

    The loop adds up the loss and the number of correct predictions.
    """

    def __init__(self, cfg: DictConfig, datamodule: FERDataModule, clock: DeviceClock, workers: int = 0):
        super().__init__(cfg, datamodule, clock, channels_last=False)
        split = datamodule.splits["train"].for_training()
        transform, missing = transforms(plain(cfg.augment), datamodule.mean, datamodule.std)
        self.how = f"{workers} workers"
        if missing:
            self.how += f", without {', '.join(missing)}"
        warnings.filterwarnings("ignore", ".*suggested max number of worker")  # fewer cores than workers are timed too
        self.loader = DataLoader(
            FaceDataset(split.images[:, 0].cpu().numpy(), split.labels.cpu(), transform),
            cfg.data.batch_size,
            shuffle=True,
            num_workers=workers,
            pin_memory=self.device.type == "cuda",
        )
        self.batches = self.endless_batches()
        self.total_loss = self.correct = 0.0

    def endless_batches(self) -> Generator[tuple[Tensor, Tensor]]:
        """Yields batches, epoch after epoch, except batches of one image, which BatchNorm refuses."""
        while True:
            for images, labels in self.loader:
                if len(labels) > 1:
                    yield images, labels

    def train(self, steps: int) -> int:
        images_seen = 0
        for _ in range(steps):
            images, labels = next(self.batches)
            images, labels = images.to(self.device), labels.to(self.device)
            self.optimizer.zero_grad()
            logits = self.model(images)
            loss = self.loss(logits, labels)
            loss.backward()
            self.optimizer.step()
            self.total_loss += loss.item()
            hard = labels if labels.ndim == 1 else labels.argmax(1)
            self.correct += (logits.argmax(1) == hard).sum().item()
            images_seen += len(labels)
        return images_seen

    def close(self) -> None:
        """Ends the worker processes of the DataLoader."""
        self.batches.close()
