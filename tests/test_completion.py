"""The command `fer`: its list, its commands, and completion in three shells."""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


SHELLS = {
    "bash": (["bash", "--norc", "-i"], 'eval "$(fer --completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -u; eval "$(fer --completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "fer --completion fish | source"),
}
"""Shell -> its command without the user's settings, and the line that switches completion on."""


@pytest.mark.typed
@pytest.mark.skipif(not (BIN / "fer").exists(), reason="the console script is not installed")
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(shell, tmp_path, require):
    if not shutil.which(shell):
        require(shell, f"{shell} is not installed (Debian: apt-get install {shell})")
    command, switch_on = SHELLS[shell]
    with terminal(command, tmp_path) as typed:
        typed(f"{switch_on}; echo re''ady\n", "ready")
        typed("fer tr\t", "fer train")
        typed("model=cnn3_d\t", "cnn3_dense2")
        typed("\x01echo to type: \n", "to type: fer train model=cnn3_dense2")  # Ctrl-A: to the line's start


@contextmanager
def terminal(command: list[str], folder: Path) -> Iterator[Callable[[str, str], None]]:
    """Starts a shell in a pseudo-terminal; the function types a text and waits until another is on the screen."""
    import pty  # not on Windows

    process, file = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "TERM": "dumb", "COLUMNS": "200"}
        os.execvp(command[0], command)

    def typed(text: str, expected: str) -> None:
        os.write(file, text.encode())
        screen, end = "", time.monotonic() + 60
        while expected not in screen and time.monotonic() < end:
            if select.select([file], [], [], 0.2)[0]:
                screen += os.read(file, 65536).decode(errors="replace")
        assert expected in screen

    yield typed
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(file)


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
