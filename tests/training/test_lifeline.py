"""Children end with the process that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fer.training import lifeline
from fer.training.lifeline import Lifeline

CHILD = """
import signal, sys, time
from fer.training import lifeline
def save(*_):
    print("saved", flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
lifeline.watch()
print("ready", flush=True)
time.sleep({seconds})
"""
PARENT = """
import os, subprocess, sys, time
from fer.training.lifeline import Lifeline
with Lifeline() as line:
    child = subprocess.Popen([sys.executable, "-c", {between!r}], env=os.environ | line.environment)
    time.sleep({seconds})
"""
BETWEEN = "import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"


def test_a_lock_is_held_until_it_is_let_go():
    with Lifeline() as line:
        path = Path(line.environment[lifeline.VARIABLE])
        assert lifeline.is_held(path)
        assert lifeline.is_held(path)
    assert not lifeline.is_held(path)
    assert not path.exists()


@pytest.mark.full
@pytest.mark.parametrize("between", [False, True], ids=["child", "child of a child"])
def test_a_child_of_a_killed_process_stops_as_on_sigterm(between):
    """Its standard output, shared with the parent, ends when the last of them has ended."""
    code = CHILD.format(seconds=60)
    if between:
        code = BETWEEN.format(child=code)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(between=code, seconds=60)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "ready\n"
    began = time.monotonic()
    parent.kill()
    said, _ = parent.communicate(timeout=30)
    assert said == "saved\n"
    assert time.monotonic() - began < 10


@pytest.mark.full
def test_a_child_of_a_living_process_goes_on():
    with Lifeline() as line:
        child = subprocess.run(
            [sys.executable, "-c", CHILD.format(seconds=2.5 * lifeline.CHECK_SECONDS)],
            env=os.environ | line.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (child.stdout, child.returncode) == ("ready\n", 0)


def test_without_a_parent_to_watch_nothing_is_watched():
    environment = {name: value for name, value in os.environ.items() if name != lifeline.VARIABLE}
    child = subprocess.run(
        [sys.executable, "-c", CHILD.format(seconds=0)], env=environment, capture_output=True, text=True, check=False
    )
    assert (child.stdout, child.returncode) == ("ready\n", 0)
    assert signal.getsignal(signal.SIGTERM) is not None
