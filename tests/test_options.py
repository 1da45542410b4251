"""The table of options: complete, and what follows from it."""

import re
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from fer import option_table, options
from fer.config import CONF, compose_config

COMMANDS = ("train", "search", "eda", "benchmark")
LOOKS_LIKE_A_PLACE = re.compile(
    r"(.*_)?(root|roots|dir|directory|dirpath|path|paths|file|files|filename|folder|place|held_out|resume|from|ckpt)"
)
NO_PLACES = {"data.max_bytes.file", "callbacks.checkpoint.filename"}  # a name within a folder


def keys() -> set[str]:
    """The dotted name of every key that some command or choice of conf/ has."""
    found = set()
    for command in COMMANDS:
        found |= set(options.paths(OmegaConf.to_container(compose_config(["output_dir=x"], command))))
    for path in CONF.glob("*/*.yaml"):
        group = path.parent.name
        content = OmegaConf.to_container(OmegaConf.load(path))
        if content and group != "experiment":
            found |= {f"{group}.{name}" for name in options.paths(content) if not name.startswith("defaults")}
    return found


@pytest.fixture(scope="module")
def known() -> set[str]:
    return keys()


def test_every_key_at_the_top_has_a_row(known):
    top = {name.split(".")[0] for name in known}
    assert top - {"hydra"} <= {row.name for row in option_table.TABLE}


def test_every_key_that_looks_like_a_place_is_one(known):
    suspects = {name for name in known if LOOKS_LIKE_A_PLACE.fullmatch(name.rpartition(".")[2])} - NO_PLACES
    assert {"data.root", "data.held_out", "labels.votes_file", "output_dir", "resume"} <= suspects
    assert not {name for name in suspects if not options.is_place(name)}


def test_every_folder_of_conf_is_a_group():
    folders = {path.name for path in CONF.iterdir() if path.is_dir()} - {"__pycache__"}  # readme.py leaves it
    assert folders == options.GROUPS


def test_no_option_has_two_rows():
    names = [row.name for row in option_table.TABLE]
    assert len(names) == len(set(names))


def test_a_row_holds_for_what_is_below_it():
    assert options.row("launcher.submit.partition").name == "launcher"
    assert options.row("logger.mine.save_dir").place
    assert options.row("data.root").resume
    assert not options.row("data.batch_size").resume
    assert options.row("a.key.of.a.recipe") is option_table.UNKNOWN


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("~callbacks.timer", "callbacks.timer"),
        ("+a.b=1", "a.b"),
        ("++a=x=y", "a"),
        ("hydra/launcher=x", "hydra.launcher"),
        ("model@other=cnn", "model"),
    ],
)
def test_the_name_of_an_override(typed, name):
    assert options.name_of(typed) == name


def test_the_table_imports_nothing_heavy():
    code = "import sys, fer.options; print([n for n in ('torch', 'hydra', 'omegaconf', 'pandas') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
