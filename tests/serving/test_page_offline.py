"""`fer.export --page` in real headless Chromium: the page runs from a folder and asks nobody else."""

import io
import json
import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from fer import export
from fer.exporting.page_folder import runtime_files, write_page
from fer.prediction import network
from fer.prediction.predictor import Predictor
from fer.preprocess import to_face

pytestmark = pytest.mark.full  # a browser

FACE_DETECTOR = """window.FaceDetector = class { async detect() {
    const boxes = [{x: 300, y: 100, width: 100, height: 120}, {x: 20, y: 30, width: 60, height: 60}];
    return boxes.map((boundingBox) => ({boundingBox}));
} }"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="module")
def runtime(require) -> dict[str, bytes]:
    """onnxruntime-web, from the folder that FER_ORT_WEB names."""
    folder = os.environ.get("FER_ORT_WEB")
    if not folder:
        require("onnxruntime-web", "npm install onnxruntime-web, and FER_ORT_WEB=its folder")
    return runtime_files(Path(folder))


@pytest.fixture(scope="module")
def serve_folder(runtime, tmp_path_factory):
    """`serve_folder(FILE)`: the address of the page with a network, by default the one that ships."""
    servers = []

    def start(file: Path | None = None) -> str:
        folder = tmp_path_factory.mktemp("page")
        write_page(file, folder, runtime)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def address(serve_folder) -> str:
    return serve_folder()


@pytest.fixture(scope="module")
def photo(load_script) -> Image.Image:
    """640×480, with a drawn face of 240 pixels in the middle."""
    return load_script("page/scene.py").scene(10)


def file(picture: Image.Image, kind: str = "PNG") -> dict:
    content = io.BytesIO()
    picture.save(content, kind, quality=95)
    return {"name": f"photo.{kind.lower()}", "mimeType": f"image/{kind.lower()}", "buffer": content.getvalue()}


def opened(page, address: str, picture: Image.Image, kind: str = "PNG"):
    page.goto(address)
    page.locator("#model", has_text="happy").wait_for()
    page.set_input_files("#file", file(picture, kind))
    page.wait_for_selector("#faces li")
    return page


def saved(page) -> dict:
    """The answer on the page, as its button saves it."""
    with page.expect_download() as download:
        page.click("#save-json")
    [picture] = json.loads(Path(download.value.path()).read_text())
    return picture


def settled(page, count: int) -> list[dict]:
    """The faces on the page once it shows `count`."""
    page.locator(f"#faces li:nth-child({count})").wait_for()
    page.wait_for_timeout(200)
    return saved(page)["faces"]


def expected(picture: Image.Image, box: list[int], file: Path | None = None) -> dict[str, float]:
    """What fer.predict --no-detect answers to the crop."""
    left, top, width, height = box
    [[face]] = Predictor(network.load(file), None)([picture.crop((left, top, left + width, top + height))])
    return face.probabilities


def test_answers_are_those_of_fer_predict_on_the_same_crop_without_a_network_connection(address, page, photo):
    opened(page, address, photo)
    page.context.set_offline(True)
    for kind in ("PNG", "JPEG"):
        content = file(photo, kind)
        page.set_input_files("#file", content)
        page.locator("#picture").wait_for()
        [face] = settled(page, 1)
        assert face["box"] == [200, 120, 240, 240]
        picture = Image.open(io.BytesIO(content["buffer"]))
        assert face["probabilities"] == pytest.approx(expected(picture, face["box"]), abs=0.01)
    assert page.inner_text("#how").startswith("This page does not find faces")
    hosts = {urlsplit(url).netloc for url in page.asked if urlsplit(url).scheme not in ("blob", "data")}
    assert hosts == {urlsplit(address).netloc}


def test_a_photograph_is_answered_alike(address, page, astronaut):
    opened(page, address, astronaut)
    page.focus("#boxes button")
    for key in ["ArrowUp"] * 8 + ["-"] * 4:
        page.keyboard.press(key)
    [face] = settled(page, 1)
    assert face["box"][1] < 60
    assert face["label"] == "happy"
    assert face["probabilities"] == pytest.approx(expected(astronaut, face["box"]), abs=0.01)


def test_pixels_are_exactly_those_of_pillow(address, page):
    levels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    picture = Image.fromarray(levels)
    data = [int(value) for value in np.dstack([levels, np.full((60, 80), 255, np.uint8)]).ravel()]
    page.goto(address)
    for left, top, side in ((0, 0, 60), (20, 0, 60), (7, 11, 48), (3, 5, 16), (26, 6, 54)):
        found = page.evaluate(
            """async ([data, square]) => { const { face, grey } = await import("./pixels.js");
                const levels = grey({ data: new Uint8ClampedArray(data), width: 80, height: 60 });
                return [...face(levels, 80, square)]; }""",
            [data, [left, top, side]],
        )
        crop = picture.convert("L").crop((left, top, left + side, top + side))
        assert np.array_equal(np.reshape(found, (48, 48)), to_face(crop)), side


def test_what_is_no_picture_is_said(address, page):
    page.goto(address)
    page.set_input_files("#file", {"name": "letter.png", "mimeType": "image/png", "buffer": b"hello"})
    page.wait_for_selector("#error:not([hidden])")
    assert page.inner_text("#error") == "letter.png: not a picture that this browser can read."


def drag(page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Drags the mouse over the picture, between places in its pixels; the picture is 640 pixels wide."""
    frame = page.locator("#boxes").bounding_box()
    for (x, y), act in ((start, page.mouse.down), (end, page.mouse.up)):
        page.mouse.move(frame["x"] + x * frame["width"] / 640, frame["y"] + y * frame["width"] / 640)
        act()


def test_squares_are_moved_resized_drawn_and_deleted(address, page, photo):
    opened(page, address, photo)
    drag(page, (300, 200), (350, 180))
    [face] = settled(page, 1)
    assert face["box"] == pytest.approx([250, 100, 240, 240], abs=2)
    drag(page, (489, 339), (429, 279))
    [face] = settled(page, 1)
    assert face["box"] == pytest.approx([250, 100, 180, 180], abs=3)
    drag(page, (20, 20), (120, 90))
    faces = settled(page, 2)
    assert faces[1]["box"] == pytest.approx([20, 20, 100, 100], abs=2)
    page.focus("#boxes button:first-child")
    page.keyboard.press("Delete")
    page.locator("#faces li:nth-child(2)").wait_for(state="detached")
    [face] = settled(page, 1)
    assert face["box"] == pytest.approx([20, 20, 100, 100], abs=2)


def test_the_camera_is_recognised_frame_by_frame(address, page):
    """The film shows a bright square on the left, then a dark one, a second each."""
    page.goto(address)
    page.click("#camera")
    page.wait_for_selector("#faces li")
    drag(page, (20, 40), (60, 80))
    page.wait_for_selector("#faces li:nth-child(2)")
    second, inputs = page.locator("#faces li:nth-child(2) img"), set()
    for _ in range(100):
        inputs.add(second.get_attribute("src"))
        if len(inputs) > 1:
            break
        page.wait_for_timeout(50)
    assert len(inputs) > 1
    page.click("#camera")
    assert page.inner_text("#camera") == "Start camera"
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_faces_that_the_browser_finds_are_used(address, page, photo):
    page.add_init_script(FACE_DETECTOR)
    opened(page, address, photo)
    assert [face["box"] for face in settled(page, 2)] == [[20, 30, 60, 60], [290, 100, 120, 120]]
    assert "The browser found" in page.inner_text("#how")


def test_no_accessibility_rule_is_violated(address, page, photo, violations):
    opened(page, address, photo)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.typed
def test_a_file_for_fixed_sizes_runs_in_the_browser(serve_folder, page, photo, checkpoint_file, tmp_path):
    fixed = tmp_path / "fixed.onnx"
    export.main([str(checkpoint_file), "--fixed", "--out", str(fixed)])
    opened(page, serve_folder(fixed), photo)
    [face] = saved(page)["faces"]
    assert face["probabilities"] == pytest.approx(expected(photo, face["box"], fixed), abs=1e-3)
