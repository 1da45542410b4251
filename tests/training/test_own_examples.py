"""The examples of fer/training/README.md: every module and every command line as it stands there."""

import re
import shlex
import sys

import pytest

from fer import commandline, config, places, validation
from fer.training.building import resolve_auto
from fer.training.rehearsal import rehearse
from fer.training.start import train

README = (places.HERE / "training" / "README.md").read_text(encoding="utf-8")
MODULES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", README, flags=re.DOTALL))
ALL_COMMANDS = re.findall(r"^python -m fer\.train (.+)$", README, flags=re.MULTILINE)
COMMANDS = [line for line in ALL_COMMANDS if not re.search(r"^-m|RUN|opinions\.csv", line)]
SPANS = [span for span in re.findall(r"`('?[~+]*[a-z_.]+=[^`]+)`", README) if not re.search(r"RUN|PATH|…", span)]
SMALL = ["data=synthetic", "data.synthetic.train=70", "data.synthetic.val=35", "data.synthetic.test=35",
         "trainer.max_epochs=1", "trainer.accelerator=cpu", "trainer.precision=32-true"]  # fmt: skip


@pytest.fixture(autouse=True)
def modules(tmp_path, monkeypatch):
    for name, code in MODULES.items():
        (tmp_path / name).write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield
    for name in MODULES:
        sys.modules.pop(name.removesuffix(".py"), None)


def test_the_examples_are_there():
    assert len(MODULES) >= 5
    assert len(COMMANDS) >= 7
    assert len(SPANS) >= 8


@pytest.mark.full
@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_trains(line):
    words = [*shlex.split(line), *SMALL, "output_dir=run"]
    assert train(config.compose_config(commandline.prepared(words)))["status"] == "finished"


@pytest.mark.full
@pytest.mark.parametrize("span", SPANS)
def test_an_option_of_the_readme_works(span):
    words = [*commandline.prepared(shlex.split(span)), "output_dir=run"]
    cfg = config.compose_config(words)
    needs_more = ("gpu", "mps", "wandb", "pretrained")  # hardware, an account, a download
    if not any(word in span for word in needs_more):
        validation.check(cfg)
        rehearse(resolve_auto(cfg))
