"""The command `fer`: its list, its commands, and completion in bash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fer import completion
from fer.__main__ import COMMANDS, main
from fer.errors import UserError

BIN = Path(sys.executable).parent


def test_every_command_is_listed(capsys):
    assert main([]) == 0
    listed = capsys.readouterr().out
    modules = {path.stem for path in Path(completion.__file__).parent.glob("*.py") if "def main(" in path.read_text()}
    assert modules - {"__main__"} == set(COMMANDS)
    assert all(f"fer {name}" in listed for name in COMMANDS)


def test_a_wrong_command_is_answered(capsys):
    assert main(["trian"]) == 2
    assert capsys.readouterr().err == "error: fer trian: no such command; did you mean fer train?\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fer tr", ["train"]),
        ("fer train model=cnn3", ["model=cnn3", "model=cnn3_dense2", "model=cnn3_light"]),
        ("fer train model=cnn2 optimizer=ad", ["optimizer=adagrad", "optimizer=adam", "optimizer=adamw"]),
        ("fer train optimizer.l", ["optimizer.lr="]),
        ("fer search sampler=t", ["sampler=tpe"]),
        ("fer predict ", []),
    ],
)
def test_the_words_that_may_follow(line, expected):
    assert completion.following(line, COMMANDS) == expected


def test_other_shells_are_refused():
    with pytest.raises(UserError, match="bash, zsh, fish"):
        completion.script("tcsh")


@pytest.mark.typed
@pytest.mark.skipif(not (BIN / "fer").exists(), reason="the console script is not installed")
def test_bash_completes(tmp_path):
    typed = "fer train model=cnn3_d"
    code = f"""
    eval "$(fer --completion bash)"
    COMP_LINE='{typed}' COMP_POINT={len(typed)}
    _fer
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["model=cnn3_dense2"]


@pytest.mark.typed
def test_a_command_runs_under_the_short_name(tmp_path):
    words = [
        "train",
        "data=synthetic",
        "model=cnn2",
        "trainer=debug",
        "data.synthetic.train=70",
        "data.synthetic.val=35",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "fer", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "the trial passed" in done.stdout
