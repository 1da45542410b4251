"""Every module can be imported where Unix's own modules are missing, as on Windows."""

import subprocess
import sys

import pytest

CODE = """
import importlib, pkgutil, sys
for name in ("resource", "fcntl", "termios", "pwd", "grp", "tty"):
    sys.modules[name] = None
import fer
missing = []
for module in pkgutil.walk_packages(fer.__path__, "fer."):
    if module.name == "fer.__main__":
        continue
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        if error.name in ("resource", "fcntl", "termios", "pwd", "grp", "tty") or "None in sys.modules" in str(error):
            missing.append(f"{module.name}: {error}")
print("\\n".join(missing))
"""


@pytest.mark.full
def test_no_module_needs_unix():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
