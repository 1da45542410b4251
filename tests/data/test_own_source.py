"""`data=own`: the example of fer/data/README.md, and functions that do not work."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import fer
from fer import eda, trust
from fer.config import compose_config
from fer.data.datamodule import FERDataModule
from fer.data.faces import Faces
from fer.errors import UserError
from fer.evaluation.images import read_data
from fer.training.building import build_datamodule

README = (Path(fer.__file__).parent / "data" / "README.md").read_text()
BROKEN = """
import numpy as np
from fer.data.faces import Faces

LABELS = np.arange(8) % 2
def faces(images=np.zeros((8, 48, 48), np.uint8), labels=LABELS, classes=("a", "b"), **more):
    return Faces.of(images, labels, classes, **more)
def nothing(root): return [1, 2]
def fails(root): return {}["pixels"]
def small(root): return faces(np.zeros((8, 32, 32), np.uint8))
def floats(root): return faces(np.zeros((8, 48, 48)))
def codes(root): return faces(labels=LABELS + 1)
def names(root): return faces(labels=["a", "c"] * 4)
def one(root): return faces(classes=("a",), labels=LABELS * 0)
def same(root): return faces(ids=["x"] * 8)
def part(root): return faces(split="dev")
def none(root): return faces(np.zeros((0, 48, 48), np.uint8), labels=[])
number = 3
"""


@pytest.fixture
def mydata(tmp_path, monkeypatch):
    """A folder with the README's module and its arrays, which is the current one."""
    [module] = re.findall(r"^```python\n(# mydata.py.*?)^```", README, re.DOTALL | re.MULTILINE)
    (tmp_path / "mydata.py").write_text(module)
    (tmp_path / "broken.py").write_text(BROKEN)
    np.save(tmp_path / "X.npy", np.random.default_rng(0).integers(0, 256, (40, 2304), dtype=np.uint8))
    np.save(tmp_path / "y.npy", np.tile(["sad", "happy"], 20))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("mydata", "broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def commands() -> list[list[str]]:
    lines = re.findall(r"^python -m fer\.(train|eda) (data=own .*)$", README, re.MULTILINE)
    return [[command, *words.replace("PATH", ".").split()] for command, words in lines]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_readmes_example_is_read(mydata, words):
    cfg = compose_config(words[1:], words[0])
    module = build_datamodule(cfg) if words[0] == "train" else eda.load(cfg).module
    module.setup()
    assert module.origin == "own data (mydata.read)"
    assert module.classes == ("happy", "sad")
    assert list(module.counts["test"].values()) == [4, 4]
    assert sum(len(part) for part in module.splits.values()) == 40
    images = np.load("X.npy").reshape(-1, 48, 48)
    row = int(module.splits["test"].ids[0].rpartition("_")[2])
    assert np.array_equal(module.splits["test"].images[0, 0], images[row])


def test_pixels_and_labels_are_in_the_identity(mydata):
    def identity() -> str:
        return FERDataModule("own", ".", reader="mydata.read").identity

    first = identity()
    assert first == identity()
    np.save("y.npy", np.tile(["happy", "sad"], 20))
    assert identity() != first


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        ("nomodule.read", r"^data.reader=nomodule.read: no module 'nomodule'; start from the folder"),
        ("broken.read", "^data.reader=broken.read: module 'broken' has no 'read'"),
        ("read", "^data.reader=read: expected an import path"),
        ("broken.number", "neither a class nor a function"),
        ("broken.nothing", "returned an object of type list; expected fer.data.faces.Faces"),
        ("broken.fails", r"KeyError: 'pixels' \(broken.py, line 9\)"),
        ("broken.small", r"expected images \(N, 48, 48\)"),
        ("broken.floats", "images of float64, expected uint8"),
        ("broken.codes", "labels of int64 from 1 to 2, expected integers -1 to 1"),
        ("broken.names", "label 'c', expected one of a, b"),
        ("broken.one", "expected two or more different names"),
        ("broken.same", "8 faces have the id 'x'"),
        ("broken.part", "split 'dev', expected one of train, val, test"),
        ("broken.none", "no faces"),
        (None, "data=own: no function that reads the data; name one with data.reader=mymodule.read"),
    ],
)
def test_a_function_that_does_not_work_is_one_line(mydata, reader, message):
    with pytest.raises(UserError, match=message) as error:
        FERDataModule("own", ".", reader=reader).setup()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "auto", "reader": "mydata.read"}, "^data.reader=mydata.read reads data=own"),
        ({"source": "own", "reader": "mydata.read", "numbers": "fer2013"}, "^labels.numbers=fer2013: the function"),
        ({"source": "own", "reader": "mydata.read", "labels": "x.csv"}, "^data.labels=x.csv: the function"),
    ],
)
def test_options_of_other_readers_do_not_mix(mydata, options, message):
    with pytest.raises(UserError, match=message):
        FERDataModule(root=".", **options).setup()


def test_a_stored_reader_needs_trust(mydata):
    options = {"source": "own", "root": ".", "reader": "mydata.read"}
    with pytest.raises(UserError, match=r"names 'mydata.read', a function that reads data; .*--trust mydata"):
        read_data(options, None, None)
    assert "mydata" not in sys.modules
    config = {"data": {"_target_": "fer.data.datamodule.FERDataModule", **options}}
    with pytest.raises(UserError, match="add trust=mydata"):
        trust.check_config(config, ".", "config.yaml")
    with pytest.raises(UserError, match=r"not loaded$"):
        trust.check_config({"data": config["data"] | {"reader": "os.system"}}, ".", "config.yaml")
    trust.allow("mydata")
    trust.check_config(config, ".", "config.yaml")
    assert read_data(options, None, None).classes == ("happy", "sad")


def test_faces_of_arrays_have_no_roles_without_a_split():
    faces = Faces.of(np.zeros((3, 48, 48), np.uint8), [0, 1, 1], ("a", "b"), persons=["x", "x", "y"])
    assert faces.labels.tolist() == [0, 1, 1]
    assert (faces.folder == -1).all()
    assert faces.persons is not None
    assert faces.persons.tolist() == ["x", "x", "y"]
