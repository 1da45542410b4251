"""Imports run one way: library files know no command, models know no data, nothing knows another command."""

import ast
from pathlib import Path

import pytest

FER = Path(__file__).parents[1] / "fer"
COMMANDS = {"eda", "train", "study", "benchmark", "evaluate", "search", "predict", "webcam", "serve", "export"}
ALONE = {
    "data.emotions",
    "hardware",
    "losses",
    "schedulers",
    "confusion",
    "counting",
    "palette",
    "filenames",
    "streams",
    "preprocess",
    "threads",
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(FER).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """The modules of fer that a file imports, at its top or later."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("fer.") for name in found if name.startswith("fer.")}


FILES = {name_of(path): path for path in FER.rglob("*.py")}


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_command_is_imported(name):
    assert not imports(FILES[name]) & COMMANDS


@pytest.mark.parametrize("name", sorted(ALONE))
def test_leaves_import_nothing_of_fer(name):
    assert not imports(FILES[name]) & set(FILES)


@pytest.mark.parametrize(
    ("package", "further"), [("plots", {"palette", "counting"}), ("models", set()), ("augment", {"build"})]
)
def test_packages_that_know_little_but_themselves(package, further):
    for name, path in FILES.items():
        if name.split(".")[0] == package:
            assert {module.split(".")[0] for module in imports(path)} <= {package} | further, name


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.startswith("data.")))
def test_data_knows_no_model_and_no_classifier(name):
    known = imports(FILES[name]) & set(FILES)
    assert {module for module in known if not module.startswith("data")} <= {
        "augment",
        "build",
        "counting",
        "errors",
        "filenames",
        "files",
        "pictures",
        "preprocess",
        "streams",
        "threads",
    }


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_commands_import_nothing_heavy_at_their_top(command):
    tree = ast.parse(FILES[command].read_text())
    top = {
        name.split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module])
    }
    heavy = {
        "torch",
        "torchvision",
        "torchmetrics",
        "lightning",
        "matplotlib",
        "optuna",
        "submitit",
        "cv2",
        "av",
        "onnxruntime",
    }
    assert not top & heavy


def test_packages_import_each_other_one_way():
    pairs = [(name, module) for name in FILES for module in imports(FILES[name]) & set(FILES)]
    packages = {(name.split(".")[0], module.split(".")[0]) for name, module in pairs}
    left = {(package, other) for package, other in packages if package != other}
    assert len(left) > 100
    while ends := {package for pair in left for package in pair} - {package for package, _ in left}:
        left = {(package, other) for package, other in left if other not in ends}
    assert not left
