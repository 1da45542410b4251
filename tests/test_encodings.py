"""Every text file is opened with its encoding named: on Windows the default is another one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [path for folder in ("fer", "hydra_plugins", "experiments") for path in sorted((ROOT / folder).rglob("*.py"))]
NOT_TEXT = {"Image", "tarfile", "archive", "os"}
"""Whose `open` opens no text file."""
MODE = re.compile("[rwaxt+]+")


def nameless(call: ast.Call) -> bool:
    """Whether a call opens text without an `encoding`."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    owner = getattr(getattr(call.func, "value", None), "id", "")
    if "encoding" in given or (owner in NOT_TEXT and name == "open"):
        return False
    if name in ("read_text", "write_text"):
        return isinstance(call.func, ast.Attribute)  # fer.files.write_text writes UTF-8
    if name in ("run", "Popen", "check_output"):
        return "text" in given
    if name not in ("open", "fdopen", "TemporaryFile", "NamedTemporaryFile"):
        return False
    first = isinstance(call.func, ast.Attribute) and name != "fdopen"  # path.open(mode), open(path, mode)
    position = 0 if first else 1
    mode = given.get("mode") or (call.args[position] if len(call.args) > position else None)
    if mode is None:
        return name in ("open", "fdopen")
    return isinstance(mode, ast.Constant) and bool(MODE.fullmatch(str(mode.value)))


@pytest.mark.parametrize("code", ["open(p)", "p.open('a')", "p.read_text()", "os.fdopen(h, 'w')", "p.open()"])
def test_what_names_no_encoding_is_seen(code):
    assert nameless(ast.parse(code).body[0].value)


@pytest.mark.parametrize("code", ["open(p, 'rb')", "p.open('w', encoding='utf-8')", "Image.open(p)", "f.open(name)"])
def test_what_needs_none_is_not(code):
    assert not nameless(ast.parse(code).body[0].value)


def test_every_text_file_is_opened_with_its_encoding():
    found = []
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        found += [f"{path.relative_to(ROOT)}:{call.lineno}" for call in calls if nameless(call)]
    assert not found
