"""The image is not built here; what it installs is what the extras say, and enough to serve."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_image_installs_what_the_extras_ask_for():
    installed = set(re.findall(r'"([a-z-]+[<>=][^"]*)"', (ROOT / "Dockerfile").read_text()))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    photos = {name for name in extras["photos"] if not name.startswith("av")}  # the server reads no videos
    assert {*extras["serve"], *photos} <= installed
    assert installed <= {*extras["serve"], *extras["photos"], *project["dependencies"]}


def test_what_the_image_copies_is_there_and_not_ignored():
    copied = re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().split()
    for name in " ".join(copied).split():
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored
