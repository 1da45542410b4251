"""The README is short, its Python runs, its links lead somewhere, and conf/README.md is what the YAML files say."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
TEXTS = [ROOT / "README.md", ROOT / "conf" / "README.md", *ROOT.glob("fer/*/README.md")]


def test_the_readme_is_read_in_one_sitting():
    assert len(README.splitlines()) <= 170
    assert len(README.split()) <= 1800


def test_a_photo_is_recognised_as_the_readme_does(tmp_path, monkeypatch, capsys):
    data = pytest.importorskip("skimage.data")
    Image.fromarray(data.astronaut()).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(compile(PYTHON[0], "README.md", "exec"), {})
    assert "happy" in capsys.readouterr().out


def test_the_readmes_own_network_is_one(tmp_path, monkeypatch):
    (tmp_path / "mynet.py").write_text(PYTHON[1], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    from fer import parts

    network = parts.model({"_target_": "mynet.Net", "width": 8}, 7)
    sys.modules.pop("mynet")
    assert network(torch.zeros(2, 1, 48, 48)).shape == (2, 7)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for place in re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / place).exists(), place


def test_the_list_of_options_is_current():
    spec = importlib.util.spec_from_file_location("conf_readme", ROOT / "conf" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "conf" / "README.md").read_text(encoding="utf-8") == module.readme()
