"""A network that tells dark from bright, an untrained real one, its export, and a short film."""

from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from PIL import Image

from fer.classifier import Classifier
from fer.data.emotions import EMOTIONS

DATA = {"source": "synthetic", "synthetic": {"train": 21, "val": 14, "test": 14}}
PARTS = {
    "model": {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8]},
    "loss": {"_target_": "fer.losses.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
    "scheduler": {"_target_": "torch.optim.lr_scheduler.ConstantLR"},
}


class Brightness:
    """Stands in for a network: the probability of "bright" is the mean brightness."""

    name = "brightness"
    classes = ("dark", "bright")
    temperature = None

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        bright = faces.mean((1, 2)) / 255
        return np.stack([1 - bright, bright], 1).astype(np.float32)


@pytest.fixture
def brightness() -> Brightness:
    return Brightness()


@pytest.fixture(scope="session")
def checkpoint_file(tmp_path_factory) -> Path:
    """An untrained network whose answers differ from face to face, far from its run."""
    torch.manual_seed(0)
    experiment = {"data": DATA}
    module = Classifier(**PARTS, classes=EMOTIONS, class_counts=[3] * 7, mean=0.5, std=0.1, experiment=experiment)
    with torch.no_grad():
        module.model(torch.randn(64, 1, 48, 48))  # BatchNorm sees something
        for weight in module.model.parameters():
            weight.mul_(3 if weight.ndim > 1 else 1)
    path = tmp_path_factory.mktemp("network") / "net.ckpt"
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(path)
    return path


@pytest.fixture(scope="session")
def exported(checkpoint_file, tmp_path_factory) -> Path:
    """The same network as fer.export writes it."""
    from fer import export

    out = tmp_path_factory.mktemp("exported") / "net.onnx"
    export.main([str(checkpoint_file), "--out", str(out)])
    return out


@pytest.fixture
def faces() -> np.ndarray:
    """(9, 48, 48) uint8, smooth and all different."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 6, 6), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(face).resize((48, 48), Image.Resampling.BICUBIC)) for face in coarse])


@pytest.fixture
def astronaut() -> Image.Image:
    """512×512, one face: about 98×98 at 174, 66."""
    data = pytest.importorskip("skimage.data")
    return Image.fromarray(data.astronaut())


@pytest.fixture
def film(tmp_path) -> Path:
    """30 frames, 10 a second: a square of 60 pixels moves right by 4 a frame, dark for a second, then bright."""
    from fer.prediction.video import VideoWriter

    path = tmp_path / "film.mp4"
    writer = VideoWriter(path, (240, 120))
    for number in range(30):
        pixels = np.full((120, 240, 3), 128, np.uint8)
        pixels[30:90, 10 + 4 * number : 70 + 4 * number] = 20 if number < 10 else 235
        writer.add(Image.fromarray(pixels), number / 10)
    writer.close()
    return path


def square_of(grey: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Finds the square of the film, and nothing in a picture without one."""
    rows, columns = np.nonzero(np.abs(grey.astype(int) - 128) > 60)
    if not len(rows):
        return []
    left, top = int(columns.min()), int(rows.min())
    return [(left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1)]


@pytest.fixture
def find_square():
    return square_of
