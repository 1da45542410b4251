"""Each case is a process of its own, for its standard streams are what is tested."""

import os
import signal
import subprocess
import sys

import pytest

from fer import streams

TEXT = "a ─ × … → é ж 😀 \udce9 b"
START = "import os, sys\nfrom fer.errors import UserError, Interrupted, one_line_errors\n"


def run(body: str, **given) -> subprocess.CompletedProcess:
    """A command whose body is `body`."""
    code = START + "with one_line_errors():\n" + "".join(f"    {line}\n" for line in body.splitlines())
    environment = os.environ | given.pop("env", {})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | given
    return subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=120, **pipes)


@pytest.mark.parametrize("code_page", ["utf-8", "cp1252", "ascii", "latin-1:strict", "cp437", "utf-16", "shift_jis"])
def test_any_text_goes_through_any_code_page(code_page):
    body = f"print({TEXT!r})\nprint({TEXT!r}, file=sys.stderr)\nraise UserError({TEXT!r})"
    done = run(body, env={"PYTHONIOENCODING": code_page})
    assert done.returncode == 2
    name = code_page.partition(":")[0]
    for said in (done.stdout.decode(name), done.stderr.decode(name)):
        assert said.startswith("a ")
        assert " b\n" in said.replace("\r", "")
        assert r"\xe9 b" in said  # a byte of a name that is no UTF-8
    if name == "cp1252":
        assert done.stdout.decode(name).rstrip() == r"a - × … -> é \u0436 \U0001f600 \xe9 b"


def test_a_reader_that_goes_away_ends_nothing(tmp_path):
    body = "for number in range(20000): print('line', number)\nopen('done', 'w').close()"
    with open(os.devnull) as nothing:
        reading, writing = os.pipe()
        os.close(reading)
        done = run(body, cwd=tmp_path, stdout=writing, stdin=nothing)
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_all_that_is_written_arrives_in_order(unbuffered):
    lines = [f"line {number} é" for number in range(3000)]
    done = run("for number in range(3000): print('line', number, 'é')", env={"PYTHONUNBUFFERED": unbuffered})
    assert done.stdout.decode().splitlines() == lines


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_costs_the_messages_and_one_line_says_so(tmp_path):
    with open("/dev/full", "w") as full:
        done = run("for number in range(20000): print(number)\nopen('done', 'w').close()", cwd=tmp_path, stdout=full)
    assert done.returncode == 0
    assert done.stderr.decode() == ("warning: standard output: No space left on device; further output is lost\n")
    assert (tmp_path / "done").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_closed_streams_are_none_of_its_business(tmp_path):
    """What is opened later does not get the number of a standard stream either."""
    body = "print('a')\nprint('b', file=sys.stderr)\nfile = open('made', 'w')\nos.write(1, b'stray')\nfile.write('x')"
    code = START + "with one_line_errors():\n" + "".join(f"    {line}\n" for line in body.splitlines())
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, code], check=False, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0
    assert (tmp_path / "made").read_text(encoding="utf-8") == "x"


def test_a_non_blocking_pipe_that_is_full_is_waited_for():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    code = START + "with one_line_errors():\n    print('x' * 300000)\n"
    with subprocess.Popen([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        with os.fdopen(reading, "rb") as file:
            assert file.read().split() == [b"x" * 300_000]
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


def test_signals_still_end_a_command_that_writes():
    code = START + "with one_line_errors():\n    print('ready', flush=True)\n    while True: print('x' * 1000)\n"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.read(5)
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(60) == 128 + signal.SIGTERM


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_second_call_changes_nothing(unbuffered):
    body = "from fer import streams\nbefore = sys.stdout\nstreams.harden()\nprint(sys.stdout is before)"
    assert run(body, env={"PYTHONUNBUFFERED": unbuffered}).stdout.split() == [b"True"]


def test_control_characters_do_not_reach_the_terminal():
    assert streams.printable("a\x1b[31m\n\udce9é\u202e") == r"a\x1b[31m\n\xe9é\u202e"
