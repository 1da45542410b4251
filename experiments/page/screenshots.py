"""Takes screenshots of the server's page in headless Chromium, with a photo of scikit-image and drawn faces.

    python experiments/page/screenshots.py --checkpoint RUN --out experiments/page

Serves the network on a free port of this machine and writes light.png, dark.png, phone.png, camera.png, error.png and
docs.png, each with 128 colours. Needs playwright and scikit-image (of the test extra) and Chromium (Debian:
apt-get install chromium).
"""

import argparse
import runpy
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from skimage import data

from fer.errors import UserError, one_line_errors
from fer.prediction import detect, network
from fer.prediction.predictor import Predictor
from fer.serving import listen
from fer.serving.app import application
from fer.serving.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCENE = Path(__file__).with_name("scene.py")
SAMPLE = Path(__file__).parents[2] / "fer" / "serving" / "page" / "sample.jpg"
COLORS = 128
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium refuses to run as root with its sandbox, and otherwise connects to its maker's hosts."""
WIDE, PHONE = {"width": 1100, "height": 800}, {"width": 390, "height": 844}


def chromium_path() -> str | None:
    """Returns the path of Chromium, None if it is not installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def browser(film: Path | None = None) -> Iterator["Browser"]:
    """Yields headless Chromium with `film` in place of a camera. Raises UserError without playwright or Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise UserError("playwright is not installed: pip install 'fer-lightning[test]'") from None
    if (path := chromium_path()) is None:
        raise UserError("Chromium is not installed (Debian: apt-get install chromium)")
    camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    camera += [f"--use-file-for-fake-video-capture={film}"] if film else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=[*QUIET, *camera])
        try:
            yield running
        finally:
            running.close()


def screenshots(address: str, out: Path) -> list[Path]:
    """Writes all screenshots to the folder `out`; returns their paths."""
    drawing = runpy.run_path(str(SCENE))
    with tempfile.TemporaryDirectory() as folder:
        photo, text = Path(folder) / "astronaut.jpg", Path(folder) / "letter.jpg"
        Image.fromarray(data.astronaut()).save(photo, quality=95)
        text.write_text("not a picture", encoding="utf-8")
        film = drawing["film"](Path(folder) / "camera.y4m", Image.open(SAMPLE).resize(drawing["SIZE"]))
        with browser(film) as chromium:
            paths = [
                photo_page(chromium, address, out / "light.png", photo),
                photo_page(chromium, address, out / "dark.png", SAMPLE, color_scheme="dark"),
                photo_page(chromium, address, out / "phone.png", SAMPLE, viewport=PHONE),
                photo_page(chromium, address, out / "error.png", text),
                camera_page(chromium, address, out / "camera.png"),
                docs_page(chromium, address, out / "docs.png"),
            ]
    for path in paths:
        with Image.open(path) as picture:
            reduced = picture.convert("RGB").quantize(COLORS)
        reduced.save(path, optimize=True)
    return paths


def photo_page(chromium: "Browser", address: str, path: Path, photo: Path, **options) -> Path:
    """The page with the answer to a file."""
    with open_page(chromium, address, **options) as page:
        page.set_input_files("#file", photo)
        page.wait_for_selector("#faces li, #error:not([hidden])")
        page.wait_for_timeout(300)  # until the picture has its final size
        page.screenshot(path=path, full_page=True)
    return path


def camera_page(chromium: "Browser", address: str, path: Path) -> Path:
    with open_page(chromium, address, color_scheme="dark") as page:
        page.click("#camera")
        page.wait_for_selector("#faces li")
        page.wait_for_timeout(2000)
        page.screenshot(path=path, full_page=True)
    return path


def docs_page(chromium: "Browser", address: str, path: Path) -> Path:
    with open_page(chromium, f"{address}/docs") as page:
        page.wait_for_selector("#paths table")
        page.screenshot(path=path, full_page=True)
    return path


@contextmanager
def open_page(chromium: "Browser", address: str, **options) -> Iterator["Page"]:
    page = chromium.new_page(**{"viewport": WIDE, **options})
    page.goto(address)
    yield page
    page.close()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="as for fer.serve")
    parser.add_argument("--out", type=Path, default=Path("page"), metavar="FOLDER")
    args = parser.parse_args(arguments)
    settings, predictor = Settings(), Predictor(network.load(args.checkpoint), detect.Haar())
    args.out.mkdir(parents=True, exist_ok=True)
    listener = listen.bind("127.0.0.1", 0)
    with listener, listen.in_background(application(predictor, settings), listener, settings.limits) as address:
        paths = screenshots(address, args.out)
    print("\n".join(f"wrote {path}" for path in paths))
    return 0


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
