"""Takes pictures of the page in a real browser, with drawn faces.

    python -m fer.serving.screenshots --checkpoint RUN --out experiments/page

Serves the network on a free port of this machine, drives headless Chromium through the page, and writes light.png,
dark.png, phone.png, camera.png, error.png and docs.png. Needs playwright (of the test extra) and Chromium (Debian:
apt-get install chromium).
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fer.errors import UserError, one_line_errors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium refuses to run as root with its sandbox, and looks for its maker's hosts unless told not to."""
WIDE, PHONE = {"width": 1100, "height": 760}, {"width": 360, "height": 740}
FACES = (16, 17)


def program() -> str | None:
    """Chromium, where it is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def browser(film: Path | None = None) -> Iterator["Browser"]:
    """Headless, with `film` in place of a camera. Raises UserError without playwright or Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise UserError("playwright drives the browser, and is missing: pip install 'fer-lightning[test]'") from None
    if (path := program()) is None:
        raise UserError("no Chromium here (Debian: apt-get install chromium)")
    camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    camera += [f"--use-file-for-fake-video-capture={film}"] if film else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=[*QUIET, *camera])
        try:
            yield running
        finally:
            running.close()


def screenshots(address: str, out: Path) -> list[Path]:
    """Writes them all; returns their paths."""
    from fer.serving.scene import film, scene

    with tempfile.TemporaryDirectory() as folder:
        photo, text = Path(folder) / "two_faces.jpg", Path(folder) / "letter.jpg"
        scene(*FACES).save(photo, quality=92)
        text.write_text("not a picture", encoding="utf-8")
        with browser(film(Path(folder) / "camera.y4m", scene(FACES[0]))) as chromium:
            photos = [
                shown(chromium, address, out / "light.png", photo),
                shown(chromium, address, out / "dark.png", photo, color_scheme="dark"),
                shown(chromium, address, out / "phone.png", photo, viewport=PHONE),
                shown(chromium, address, out / "error.png", text),
            ]
            return [*photos, watched(chromium, address, out / "camera.png"), described(chromium, address, out)]


def shown(chromium: "Browser", address: str, path: Path, photo: Path, **options) -> Path:
    """The page once it has answered to a file."""
    with opened(chromium, address, **options) as page:
        page.set_input_files("#file", photo)
        page.wait_for_selector("#faces li, #error:not([hidden])")
        page.screenshot(path=path, full_page=True)
    return path


def watched(chromium: "Browser", address: str, path: Path) -> Path:
    with opened(chromium, address, color_scheme="dark") as page:
        page.click("#camera")
        page.wait_for_selector("#faces li")
        page.wait_for_timeout(2000)
        page.screenshot(path=path, full_page=True)
    return path


def described(chromium: "Browser", address: str, out: Path) -> Path:
    with opened(chromium, f"{address}/docs") as page:
        page.wait_for_selector("#paths table")
        page.screenshot(path=out / "docs.png", full_page=True)
    return out / "docs.png"


@contextmanager
def opened(chromium: "Browser", address: str, **options) -> Iterator["Page"]:
    page = chromium.new_page(**{"viewport": WIDE, **options})
    page.goto(address)
    yield page
    page.close()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="as for fer.serve")
    parser.add_argument("--out", type=Path, default=Path("page"), metavar="FOLDER")
    args = parser.parse_args(arguments)
    from fer.prediction import detect, network
    from fer.prediction.predictor import Predictor
    from fer.serving import listen
    from fer.serving.app import application
    from fer.serving.settings import Settings

    settings, predictor = Settings(), Predictor(network.load(args.checkpoint), detect.Haar())
    args.out.mkdir(parents=True, exist_ok=True)
    listener = listen.bound("127.0.0.1", 0)
    with listener, listen.in_background(application(predictor, settings), listener, settings.limits) as address:
        paths = screenshots(address, args.out)
    print("\n".join(f"wrote {path}" for path in paths))
    return 0


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
