"""Tiny FER2013s in every layout, and an untrained network; no test sees the user's cache or data."""

import importlib.util
import os
import re
import shutil
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from PIL import Image

from fer import trust
from fer.classifier import Classifier
from fer.data.emotions import EMOTIONS, USAGES
from fer.data.faces import Faces

torch.set_num_threads(1)
EXPERIMENTS = Path(__file__).parents[1] / "experiments"

Writer = Callable[[Path, Faces], Faces]
"""Writes a data set into an existing folder; returns what a reader should find there, in any order."""


@pytest.fixture(scope="session", autouse=True)
def _alone(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))  # for fixtures of modules
        patch.delenv("FER2013_ROOT", raising=False)
        yield


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))


@pytest.fixture(autouse=True)
def _trusts_nothing(monkeypatch):
    monkeypatch.setattr(trust, "TRUSTED", set())


@pytest.fixture(autouse=True)
def _without_pictures(request, monkeypatch):
    """Runs leave out their pictures and report, which take three times as long as a tiny training."""
    if "pictures" not in request.keywords:
        monkeypatch.setattr("fer.training.scoring.write_report", lambda *_, **__: None)


@pytest.fixture(scope="session")
def require() -> Callable[[str, str], None]:
    """`require("fish", reason)`: skips, or fails where FER_REQUIRE names it."""
    return _lacking


def _lacking(what: str, reason: str) -> None:
    if what in os.environ.get("FER_REQUIRE", "").split(","):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def real_root() -> Path:
    """A directory that holds the real fer2013.csv."""
    return _place("FER2013_TEST_ROOT")


@pytest.fixture
def real_fer4() -> Path:
    """A directory that holds Train_400.zip, Test_100.zip and Test_250.zip."""
    return _place("FER4_TEST_ROOT")


def _place(variable: str) -> Path:
    if variable not in os.environ:
        pytest.skip(f"{variable} names no real data")
    return Path(os.environ[variable])


@pytest.fixture
def make_faces() -> Callable[..., Faces]:
    """Builds a record of random, all different images: `make_faces(labels)`, `make_faces([0, 1], usage=[0, 2])`."""

    def make(labels, usage=-1, folder=-1, classes=EMOTIONS, seed=0) -> Faces:
        n = len(labels)
        return Faces(
            images=np.random.default_rng(seed).integers(0, 256, (n, 48, 48), dtype=np.uint8),
            labels=np.array(labels, dtype=np.int64),
            usage=np.broadcast_to(np.array(usage, dtype=np.int8), n).copy(),
            folder=np.broadcast_to(np.array(folder, dtype=np.int8), n).copy(),
            ids=np.array([f"face_{row}" for row in range(n)]),
            classes=tuple(classes),
            layout="made",
            sources=("here",),
        )

    return make


@pytest.fixture
def faces(make_faces) -> Faces:
    """Two images of each emotion for each Usage."""
    return make_faces(np.tile(np.arange(7), 6), usage=np.repeat([0, 1, 2], 14))


@pytest.fixture
def write_csv() -> Callable[..., Path]:
    """`write_csv(path, faces, "emotion,pixels,Usage")`: any order and spelling of the columns."""
    return _write_csv


def _write_csv(path: Path, faces: Faces, header: str = "emotion,pixels,Usage", end: str = "\n") -> Path:
    columns = [column.strip(' "').lower() for column in header.split(",")]
    lines = [header]
    for image, label, usage in zip(faces.images, faces.labels, faces.usage, strict=True):
        fields = {"emotion": str(label), "pixels": " ".join(map(str, image.ravel())), "usage": USAGES[usage]}
        lines.append(",".join(fields[column] for column in columns))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(end.join([*lines, ""]).encode())
    return path


@pytest.fixture
def made(make_faces):
    """FER2013 in small: 8 happy and 2 images of every other class in each split, one blank, one copy across splits."""
    labels = np.tile([*range(7), *range(7), *[3] * 6], 3)
    faces = make_faces(labels, usage=np.repeat([0, 1, 2], 20))
    faces.images[4] = 0
    faces.images[45] = faces.images[5]
    return faces


@pytest.fixture
def csv(made, tmp_path, write_csv) -> Path:
    return write_csv(tmp_path / "here" / "fer2013.csv", made)


@pytest.fixture
def write_pictures() -> Callable[..., Path]:
    """`write_pictures(root, faces, "train/{emotion}/{usage}_{row}.png")`."""
    return _write_pictures


def _write_pictures(root: Path, faces: Faces, pattern: str) -> Path:
    for row, (image, label, usage) in enumerate(zip(faces.images, faces.labels, faces.usage, strict=True)):
        part = "train" if usage == 0 else "test"
        name = pattern.format(part=part, emotion=faces.classes[label], usage=USAGES[usage], row=row)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / name)
    return root


def _expect(faces: Faces, usage: bool = True, folder: np.ndarray | int = -1) -> Faces:
    usage = faces.usage if usage else np.full_like(faces.usage, -1)
    return replace(faces, usage=usage, folder=np.broadcast_to(np.int8(folder), len(faces)))


def _fer2013_csv(root: Path, faces: Faces) -> Faces:
    _write_csv(root / "fer2013.csv", faces)
    return _expect(faces)


def _icml_csv(root: Path, faces: Faces) -> Faces:
    _write_csv(root / "icml_face_data.csv", faces, "emotion, Usage, pixels")
    return _expect(faces)


def _challenge_csv(root: Path, faces: Faces) -> Faces:
    training = faces.take(faces.usage == 0)
    _write_csv(root / "train.csv", training, "emotion,pixels")
    _write_csv(root / "test.csv", faces.take(faces.usage > 0), "pixels")
    return _expect(training, usage=False, folder=0)


def _ferplus_beside(root: Path, faces: Faces) -> Faces:
    _write_csv(root / "fer2013.csv", faces)
    _write_ferplus(root)
    return _expect(faces)


def _train_test_folders(root: Path, faces: Faces) -> Faces:
    _write_pictures(root, faces, "{part}/{emotion}/{usage}_{row}.png")
    return _expect(faces, folder=np.where(faces.usage == 0, 0, 2))


def _train_validation_folders(root: Path, faces: Faces) -> Faces:
    for split, rows in (("train", faces.usage < 2), ("validation", faces.usage == 2)):
        _write_pictures(root, faces.take(rows), f"images/{split}/{{emotion}}/{{row}}.png")
    return _expect(faces, usage=False, folder=np.where(faces.usage < 2, 0, 1))


def _four_classes_in_two_cases(root: Path, faces: Faces) -> Faces:
    few = faces.take(np.isin(faces.labels, [0, 3, 4, 6]))
    names = tuple(name.capitalize() for name in faces.classes)
    capitalised = replace(few.take(few.usage == 0), classes=names)
    _write_pictures(root, capitalised, "Train/{emotion}/{usage}_{row}.png")
    _write_pictures(root, few.take(few.usage > 0), "Test/{emotion}/{usage}_{row}.png")
    return _expect(few, folder=np.where(few.usage == 0, 0, 2))


LAYOUTS: dict[str, Writer] = {
    writer.__name__.strip("_"): writer
    for writer in (
        _fer2013_csv,
        _icml_csv,
        _challenge_csv,
        _ferplus_beside,
        _train_test_folders,
        _train_validation_folders,
        _four_classes_in_two_cases,
    )
}


@pytest.fixture(params=sorted(LAYOUTS))
def layout(request) -> Writer:
    """Each layout in turn."""
    return LAYOUTS[request.param]


def _packed(kind: str) -> Callable[[Path], Path]:
    def pack(folder: Path) -> Path:
        return Path(shutil.make_archive(str(folder.parent / "packed" / "data"), kind, root_dir=folder))

    return pack


PACKINGS: dict[str, Callable[[Path], Path]] = {
    "directory": lambda folder: folder,
    "directory above": lambda folder: folder.parent,
    "zip": _packed("zip"),
    "tar.gz": _packed("gztar"),
    "directory with a zip": lambda folder: _packed("zip")(folder).parent,
    "directory with a tar.gz": lambda folder: _packed("gztar")(folder).parent,
}


@pytest.fixture(params=sorted(PACKINGS))
def packing(request) -> Callable[[Path], Path]:
    """Each way of handing a folder over in turn: takes the folder, returns what data.root would name."""
    return PACKINGS[request.param]


@pytest.fixture
def write_ferplus() -> Callable[[Path], Path]:
    return _write_ferplus


def _write_ferplus(root: Path) -> Path:
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    path = root / "fer2013new.csv"
    path.write_text(f"{header}\nTraining,fer0000000.png,4,0,0,1,3,2,0,0,0,0\n")
    return path


@pytest.fixture
def rows_of() -> Callable[[Faces], list]:
    """(pixels, label's name, usage, folder) of each row, sorted: equal for equal content in any order."""

    def rows(faces: Faces) -> list:
        names = [faces.classes[label] for label in faces.labels]
        pixels = [image.tobytes() for image in faces.images]
        return sorted(zip(pixels, names, faces.usage.tolist(), faces.folder.tolist(), strict=True))

    return rows


NETWORK_DATA = {"source": "synthetic", "synthetic": {"train": 21, "val": 14, "test": 14}}
NETWORK = {
    "model": {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8]},
    "loss": {"_target_": "fer.losses.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
    "scheduler": {"_target_": "torch.optim.lr_scheduler.ConstantLR"},
}


@pytest.fixture(scope="session")
def checkpoint_file(tmp_path_factory) -> Path:
    """An untrained network whose answers differ from face to face, far from its run."""
    torch.manual_seed(0)
    experiment = {"data": NETWORK_DATA}
    module = Classifier(**NETWORK, classes=EMOTIONS, class_counts=[3] * 7, mean=0.5, std=0.1, experiment=experiment)
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
def grey_faces() -> np.ndarray:
    """(9, 48, 48) uint8, smooth and all different."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 6, 6), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(face).resize((48, 48), Image.Resampling.BICUBIC)) for face in coarse])


@pytest.fixture
def astronaut() -> Image.Image:
    """512×512, one face: about 98×98 at 174, 66."""
    data = pytest.importorskip("skimage.data")
    return Image.fromarray(data.astronaut())


class Screen:
    """What a terminal of `columns` columns was sent, and what it shows."""

    def __init__(self, columns: int):
        self.columns, self.text = columns, ""

    def frames(self) -> Iterator[list[str]]:
        """Yields the lines that stand there after each control sequence, without empty ones at the end."""
        lines, row, column = [""], 0, 0
        for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.", self.text, re.DOTALL):
            if token.startswith("\x1b["):
                yield "\n".join(lines).rstrip().split("\n")
                row -= int(token[2:-1] or 1) if token[-1] == "A" else 0
                lines[row] = "" if token == "\x1b[2K" else lines[row]
            elif token == "\r":
                column = 0
            elif token == "\n" or column == self.columns:
                row, column = row + 1, 0
                lines += [""] * (row == len(lines))
            if token >= " " and not token.startswith("\x1b"):
                lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + 1 :]
                column += 1
        yield "\n".join(lines).rstrip().split("\n")

    def lines(self) -> list[str]:
        """Returns what stands there at the end."""
        return [line.rstrip() for line in [*self.frames()][-1]]

    def shows_cursor(self) -> bool:
        return self.text.rfind("\x1b[?25h") >= self.text.rfind("\x1b[?25l")


@pytest.fixture
def terminal(monkeypatch) -> Callable[..., AbstractContextManager[Screen]]:
    """`with terminal(80) as screen`: standard output is a pseudo-terminal of 80 columns."""
    pty = pytest.importorskip("pty")
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")

    @contextmanager
    def open_terminal(columns: int, rows: int = 24) -> Iterator[Screen]:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        for name, value in {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)}.items():
            monkeypatch.setenv(name, value)  # rich asks the standard streams of the process, which are no terminal here
        screen, parts = Screen(columns), []
        reader = threading.Thread(target=lambda: parts.extend(iter(lambda: read(ours), b"")))
        reader.start()
        with monkeypatch.context() as patch, open(theirs, "w", encoding="utf-8") as file:
            patch.setattr("sys.stdout", file)
            yield screen
        reader.join()
        screen.text = b"".join(parts).decode().replace("\r\n", "\n\r")

    def read(descriptor: int) -> bytes:
        try:
            return os.read(descriptor, 65536)
        except OSError:  # the other end is closed
            return b""

    return open_terminal


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    """`load_script("page/scene.py")`: a script of experiments/ as a module."""
    return script_module


@cache
def script_module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.replace("/", "_").removesuffix(".py"), EXPERIMENTS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
