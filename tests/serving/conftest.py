"""A server on a free port of this machine, in a thread, whose network tells dark from bright and finds squares."""

import io
import json
import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from fer.pictures import decode
from fer.prediction.network import Network
from fer.prediction.predictor import Predictor
from fer.serving import listen
from fer.serving.app import application
from fer.serving.meters import Meters
from fer.serving.settings import Settings

ROOT = Path(__file__).parents[2]
VIOLATIONS = """async () => (await axe.run()).violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)} (${node.failureSummary})`))"""


class Brightness(Network):
    """The probability of "bright" is the mean brightness. `batches` holds how many faces came at a time."""

    name = "somewhere/brightness.onnx"
    classes = ("dark", "bright")
    temperature = None

    def __init__(self):
        self.batches: list[int] = []

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        self.batches.append(len(faces))
        bright = faces.mean((1, 2)) / 255
        return np.stack([1 - bright, bright], 1).astype(np.float32)


def squares(grey: np.ndarray) -> list[tuple[int, int, int, int]]:
    """What is not grey, in the left and in the right half of a picture."""
    found, half = [], grey.shape[1] // 2
    for start in (0, half):
        rows, columns = np.nonzero(np.abs(grey[:, start : start + half].astype(int) - 128) > 60)
        if len(rows) > 16:
            left, top = int(columns.min()), int(rows.min())
            found.append((start + left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1))
    return found


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Served(NamedTuple):
    address: str
    network: Brightness
    meters: Meters

    def __call__(self, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """GET, or POST with a body; header names with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, body, named)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def post(self, *files: tuple[str, bytes], path: str = "/v1/predict", **headers: str) -> Answer:
        """A form with these files."""
        mark = uuid.uuid4().hex
        head = "--{}\r\nContent-Disposition: form-data; name=file; filename={}\r\n\r\n"
        parts = [head.format(mark, json.dumps(name)).encode() + content + b"\r\n" for name, content in files]
        kind = f"multipart/form-data; boundary={mark}"
        return self(path, b"".join([*parts, f"--{mark}--\r\n".encode()]), Content_Type=kind, **headers)


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """`serve(token=…, limits=…)`: a server with these settings, until the test ends."""
    with ExitStack() as stack:
        yield lambda **settings: started(stack, **settings)


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    """One with the usual settings, for all tests that only ask."""
    with ExitStack() as stack:
        yield started(stack)


def started(stack: ExitStack, network=None, detector=squares, **settings) -> Served:
    network, meters = network or Brightness(), Meters()
    known = replace(Settings(names=listen.LOCAL, workers=2), **settings)
    listener = stack.enter_context(listen.bind("127.0.0.1", 0))
    app = application(Predictor(network, detector), known, meters)
    return Served(stack.enter_context(listen.in_background(app, listener, known.limits)), network, meters)


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """`picture(230)`: 160×120, grey, with a square of 60 pixels of that value; two values, two squares."""
    return drawn


def drawn(*values: int, kind: str = "PNG", size: tuple[int, int] = (160, 120)) -> bytes:
    pixels = np.full(size[::-1], 128, np.uint8)
    for place, value in enumerate(values):
        left = 10 + place * size[0] // 2
        pixels[30:90, left : left + 60] = value
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="session")
def violations(require) -> Callable[..., list[str]]:
    """`violations(page)`: the rules of axe-core that a page violates.

    FER_AXE names the file axe.min.js; without it, node_modules/axe-core/axe.min.js of this folder is used.
    """
    path = Path(os.environ.get("FER_AXE") or ROOT / "node_modules/axe-core/axe.min.js")
    if not path.is_file():
        require("axe", f"{path} is missing: npm install axe-core, or FER_AXE=axe.min.js")
    source = path.read_text(encoding="utf-8")

    def violated(page) -> list[str]:
        page.evaluate(source)
        return page.evaluate(VIOLATIONS)

    return violated


@pytest.fixture(scope="session")
def chromium(load_script, require) -> str:
    """The browser's path."""
    if find_spec("playwright") is None:
        require("chromium", "playwright is not installed (pip install 'fer-lightning[test]')")
    if (path := load_script("page/screenshots.py").chromium_path()) is None:
        require("chromium", "Chromium is not installed (Debian: apt-get install chromium)")
    return path


@pytest.fixture(scope="module")
def driven(chromium, picture, load_script, tmp_path_factory):
    """The browser; its camera shows a bright square, then a dark one, a second each."""
    drawing, screenshots = load_script("page/scene.py"), load_script("page/screenshots.py")
    scenes = [decode(picture(value, size=drawing.SIZE), "").convert("RGB") for value in (230, 10)]
    with screenshots.browser(drawing.film(tmp_path_factory.mktemp("film") / "camera.y4m", *scenes)) as running:
        yield running


class Asked(list):
    """Every address a page asks for, and what its console says."""


@pytest.fixture
def page(driven):
    context = driven.new_context(viewport={"width": 1100, "height": 760})
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.asked = Asked()
    context.on("request", lambda request: page.asked.append(request.url))
    page.on("websocket", lambda socket: page.asked.append(socket.url))
    page.on("pageerror", lambda error: page.asked.append(f"http://error/{error}"))
    yield page
    context.close()
