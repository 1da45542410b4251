"""The names of the package `fer` itself."""

import subprocess
import sys

import pytest

import fer


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, fer; dir(fer); print(sorted({'torch', 'numpy', 'hydra', 'lightning', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_recognising_needs_no_torch():
    code = "import sys, numpy, fer; fer.recognise(numpy.zeros((90, 90), 'u1')); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", fer.__all__)
def test_every_name_is_there_with_its_documentation(name):
    assert getattr(fer, name).__doc__
    assert name in dir(fer)


def test_no_name_is_that_of_a_module():
    from pathlib import Path

    modules = {path.stem for path in Path(fer.__file__).parent.iterdir()}
    assert not modules & set(fer.__all__)


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert fer.__version__ == version("fer-lightning")


def test_other_names_do_not_exist():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fer.nothing  # noqa: B018
