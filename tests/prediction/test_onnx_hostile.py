"""ONNX files that somebody else wrote: refused in one line before anything runs, or ended where the graph attacks."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fer.errors import UserError
from fer.prediction import network, onnx_content, onnx_isolated, onnx_network, onnx_worker
from fer.shipped import WEIGHTS

pytestmark = pytest.mark.full  # each starts a child process

IMAGES = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 1, "h", "w"])
PROBABILITIES = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])
KNOWN = {"producer": "fer.export", "classes": json.dumps(["a", "b", "c"]), "temperature": "1.5"}


def tensor(name: str, values, kind: int = TensorProto.FLOAT) -> onnx.TensorProto:
    array = np.asarray(values, helper.tensor_dtype_to_np_dtype(kind))
    return helper.make_tensor(name, kind, array.shape, array.flatten().tolist())


def means(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """images -> mean (n, 1) before the nodes."""
    first = helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT)
    return [first, helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0), *nodes]


def model(nodes=None, tensors=(), inputs=(IMAGES,), outputs=(PROBABILITIES,), known=KNOWN) -> onnx.ModelProto:
    """A small file as fer.export could have written it, but for what is given: softmax of mean · weights."""
    usual = [helper.make_node("MatMul", ["mean", "weights"], ["logits"])]
    usual.append(helper.make_node("Softmax", ["logits"], ["probabilities"]))
    axes, weights = tensor("axes", [2, 3], TensorProto.INT64), tensor("weights", [[0.01, 0.0, -0.01]])
    graph = helper.make_graph(
        means(usual if nodes is None else nodes), "g", list(inputs), list(outputs), [axes, weights, *tensors]
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    for key, value in known.items():
        made.metadata_props.add(key=key, value=value)
    return made


def loop(trips: int, body: list[onnx.NodeProto], outer: str) -> list[onnx.NodeProto]:
    """A Loop over (n, 3) `outer`, whose body turns x into y."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    condition = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on")]
    counter = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    nodes = [helper.make_node("Identity", ["go"], ["on"]), *body]
    graph = helper.make_graph(nodes, "body", [counter, condition[0], value[0]], [condition[1], value[1]])
    return [
        helper.make_node("Constant", [], ["trips"], value=tensor("t", trips, TensorProto.INT64)),
        helper.make_node("Constant", [], ["yes"], value=tensor("y", True, TensorProto.BOOL)),
        helper.make_node("Loop", ["trips", "yes", outer], ["probabilities"], body=graph),
    ]


SOFTMAX = [helper.make_node("MatMul", ["mean", "weights"], ["logits"]), helper.make_node("Softmax", ["logits"], ["p"])]
ENDLESS = [*SOFTMAX, *loop(2**62, [helper.make_node("Softmax", ["x"], ["y"])], "p")]


def elsewhere(name: str = "outside") -> onnx.TensorProto:
    made = tensor(name, [[0.0, 0.0, 0.0]])
    del made.float_data[:]
    made.data_location = TensorProto.EXTERNAL
    made.external_data.add(key="location", value="/etc/hostname")
    return made


def unmarked() -> onnx.TensorProto:
    """External data without the mark that says so."""
    made = tensor("outside", [[0.0, 0.0, 0.0]])
    made.external_data.add(key="location", value="../secret.bin")
    return made


def with_constant(value: onnx.TensorProto) -> onnx.ModelProto:
    return model([helper.make_node("Constant", [], ["unused"], value=value), *SOFTMAX[:1], renamed()])


def renamed() -> onnx.NodeProto:
    return helper.make_node("Softmax", ["logits"], ["probabilities"])


def in_a_body() -> onnx.ModelProto:
    constant = helper.make_node("Constant", [], ["c"], value=elsewhere("c"))
    return model([*SOFTMAX, *loop(1, [constant, helper.make_node("Add", ["x", "c"], ["y"])], "p")])


def in_a_function() -> onnx.ModelProto:
    made = model()
    constant = helper.make_node("Constant", [], ["y"], value=elsewhere("c"))
    made.functions.append(helper.make_function("own", "F", [], ["y"], [constant], [helper.make_opsetid("", 18)], []))
    return made


def sparse_elsewhere() -> onnx.ModelProto:
    made = model()
    indices = tensor("s.indices", [0], TensorProto.INT64)
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(elsewhere("s"), indices, [3]))
    return made


def known(**changes) -> onnx.ModelProto:
    """A file with other metadata; None leaves one out."""
    return model(known={key: value for key, value in (KNOWN | changes).items() if value is not None})


def nested(depth: int) -> onnx.ModelProto:
    graph = helper.make_graph([], "inner", [], [])
    for _ in range(depth):
        node = onnx.NodeProto(op_type="If")
        node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.CopyFrom(graph)
        graph = helper.make_graph([node], "outer", [], [])
    made = model()
    made.graph.node.extend(graph.node)
    return made


def value(name: str, kind: int, sizes) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, sizes)


REFUSED: dict[str, Callable[[], onnx.ModelProto]] = {
    "no classes": lambda: known(classes=None),
    "classes no JSON": lambda: known(classes="a, b, c"),
    "classes deep": lambda: known(classes="[" * 100_000),
    "classes a text": lambda: known(classes='"abc"'),
    "classes numbers": lambda: known(classes="[1, 2, 3]"),
    "classes twice": lambda: known(classes='["a", "b", "a"]'),
    "classes empty": lambda: known(classes='["a", "b", ""]'),
    "classes for the terminal": lambda: known(classes=json.dumps(["a", "b", "\x1b[2J"])),
    "one class": lambda: known(classes='["a"]'),
    "too few classes": lambda: known(classes='["a", "b"]'),
    "too many classes": lambda: known(classes=json.dumps([str(i) for i in range(100_000)])),
    "no temperature": lambda: known(temperature=None),
    "temperature a text": lambda: known(temperature='"1.5"'),
    "temperature true": lambda: known(temperature="true"),
    "temperature a list": lambda: known(temperature="[1.5]"),
    "temperature no JSON": lambda: known(temperature="warm"),
    "temperature zero": lambda: known(temperature="0"),
    "temperature negative": lambda: known(temperature="-1.5"),
    "temperature infinite": lambda: known(temperature="Infinity"),
    "temperature nan": lambda: known(temperature="NaN"),
    "temperature too large": lambda: known(temperature="1" + "0" * 400),
    "another producer": lambda: known(producer="somebody"),
    "another input": lambda: model(inputs=[value("pictures", TensorProto.UINT8, ["n", 1, "h", "w"])]),
    "two inputs": lambda: model(inputs=[IMAGES, value("more", TensorProto.UINT8, [1])]),
    "input of floats": lambda: model(inputs=[value("images", TensorProto.FLOAT, ["n", 1, "h", "w"])]),
    "input of three colours": lambda: model(inputs=[value("images", TensorProto.UINT8, ["n", 3, "h", "w"])]),
    "input of rank 3": lambda: model(inputs=[value("images", TensorProto.UINT8, ["n", "h", "w"])]),
    "no output": lambda: model(outputs=[]),
    "another output": lambda: model(outputs=[value("logits", TensorProto.FLOAT, ["n", 3])]),
    "output of whole numbers": lambda: model(outputs=[value("probabilities", TensorProto.INT64, ["n", 3])]),
    "output of rank 3": lambda: model(outputs=[value("probabilities", TensorProto.FLOAT, ["n", 3, 1])]),
    "weights elsewhere": lambda: model(tensors=[elsewhere()]),
    "weights elsewhere, unmarked": lambda: model(tensors=[unmarked()]),
    "a constant elsewhere": lambda: with_constant(elsewhere()),
    "elsewhere in a loop": in_a_body,
    "elsewhere in a function": in_a_function,
    "elsewhere and sparse": sparse_elsewhere,
    "nested too deep": lambda: nested(20),
}


@pytest.fixture
def write(tmp_path) -> Callable[[onnx.ModelProto], Path]:
    def write(made: onnx.ModelProto) -> Path:
        path = tmp_path / "net.onnx"
        path.write_bytes(made.SerializeToString())
        return path

    return write


@pytest.fixture
def nothing_runs(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something was run")

    monkeypatch.setattr(onnx_worker, "session_of", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)


def one_line(path: Path) -> str:
    with pytest.raises(UserError) as error:
        network.load(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert text.isprintable()
    assert len(text) < 300 + len(str(path))
    return text


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_does_not_fit_is_refused_before_anything_runs(name, write, nothing_runs):
    one_line(write(REFUSED[name]()))


@pytest.mark.parametrize("cut", [1, 10, 1000])
def test_a_file_that_is_cut_is_refused(cut, tmp_path, nothing_runs):
    whole = (WEIGHTS / "pocket.onnx").read_bytes()
    path = tmp_path / "net.onnx"
    path.write_bytes(whole[: len(whole) // cut - 1])
    one_line(path)


def test_the_outline_is_that_of_onnx_own_reader():
    data = (WEIGHTS / "pocket.onnx").read_bytes()
    ours, theirs = onnx_content.content_of(data), onnx.ModelProto.FromString(data)
    assert ours.metadata == {entry.key: entry.value for entry in theirs.metadata_props}
    assert [one.name for one in ours.inputs] == [one.name for one in theirs.graph.input]
    assert [one.name for one in ours.outputs] == [one.name for one in theirs.graph.output]
    sizes = [dim.dim_value or -1 for dim in theirs.graph.output[0].type.tensor_type.shape.dim]
    assert list(ours.outputs[0].sizes) == sizes
    assert ours.external == []


def test_every_place_of_a_graph_or_tensor_is_looked_into():
    """By the description of the messages that the onnx package has."""
    held = set(onnx_content.CHILDREN)
    for message in held:
        described = getattr(onnx, message, None) or getattr(onnx.onnx_ml_pb2, message)
        children = {
            field.number: field.message_type.name
            for field in described.DESCRIPTOR.fields
            if field.message_type is not None and field.message_type.name in held
        }
        if message == "ModelProto":
            assert children.items() >= onnx_content.CHILDREN[message].items()
        harmless = {"StringStringEntryProto", "ValueInfoProto"}
        places = {number for number, name in children.items() if name not in harmless}
        assert places <= set(onnx_content.CHILDREN[message]), message
        assert onnx_content.CHILDREN[message].items() <= children.items(), message


def test_a_file_of_ours_is_taken_and_answers(write):
    there = network.load(write(model()))
    faces = np.stack([np.full((48, 48), level, np.uint8) for level in (0, 100, 255)])
    logits = np.array([[0], [100], [255]]) * np.array([[0.01, 0.0, -0.01]])
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert there.probabilities(faces) == pytest.approx(expected, abs=1e-5)
    assert (there.classes, there.temperature) == (("a", "b", "c"), 1.5)


UNFIT: dict[str, Callable[[], onnx.ModelProto]] = {
    "no sum of 1": lambda: model([*SOFTMAX, helper.make_node("Mul", ["p", "p"], ["probabilities"])]),
    "not finite": lambda: model([*SOFTMAX, helper.make_node("Log", ["logits"], ["probabilities"])]),
    "another shape": lambda: model(
        [*SOFTMAX, helper.make_node("Concat", ["p", "p"], ["probabilities"], axis=1)],
        outputs=[value("probabilities", TensorProto.FLOAT, ["n", "c"])],
    ),
    "an operator that does not exist": lambda: model([helper.make_node("Frob", ["mean"], ["probabilities"])]),
}


@pytest.mark.parametrize("name", UNFIT)
def test_answers_that_are_no_probabilities_are_refused(name, write):
    one_line(write(UNFIT[name]()))


def test_a_graph_without_end_is_ended(write, monkeypatch):
    monkeypatch.setattr(onnx_isolated, "TIMEOUT", 1)
    assert "no answer within 1 s" in one_line(write(model(ENDLESS)))


def test_an_endless_loading_is_ended(write, monkeypatch):
    """Constants are computed while a file is loaded, in one step that nothing in onnxruntime can stop."""
    monkeypatch.setattr(onnx_isolated, "TIMEOUT", 1)
    nodes = [
        helper.make_node("ConstantOfShape", ["side"], ["a"], value=tensor("v", [1.0])),
        helper.make_node("MatMul", ["a", "a"], ["b"]),
        helper.make_node("ReduceMean", ["b"], ["c"]),
        *SOFTMAX,
        helper.make_node("Mul", ["p", "c"], ["probabilities"]),
    ]
    assert "no answer within 1 s" in one_line(write(model(nodes, [tensor("side", [9000, 9000], TensorProto.INT64)])))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_graph_that_wants_more_memory_than_it_may_is_refused(write, monkeypatch):
    """400 MB, which it gets where it may have them."""
    nodes = [
        *SOFTMAX,
        helper.make_node("ReduceMax", ["mean"], ["one"], keepdims=1),
        helper.make_node("Expand", ["one", "side"], ["a"]),
        helper.make_node("ReduceMax", ["a"], ["b"], keepdims=0),
        helper.make_node("Div", ["b", "b"], ["c"]),
        helper.make_node("Mul", ["p", "c"], ["probabilities"]),
    ]
    path = write(model(nodes, [tensor("side", [1000, 100_000], TensorProto.INT64)]))
    assert network.load(path).classes == ("a", "b", "c")
    monkeypatch.setattr(onnx_isolated, "MEMORY", 200 << 20)
    one_line(path)


def test_no_answer_can_fill_the_memory_of_who_asks(write, monkeypatch):
    monkeypatch.setattr(onnx_isolated, "MAX_ANSWER", 100)
    one_line(write(model()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_obeyed_while_a_graph_runs(number, write, tmp_path):
    path = write(model(ENDLESS))
    code = "from fer.errors import one_line_errors\nfrom fer.prediction import network, onnx_isolated\n"
    code += "from pathlib import Path\nsay = onnx_isolated.Isolated._ask\n"
    code += "def ask(self, child, message):\n    print(child.process.pid, flush=True)\n"
    code += "    return say(self, child, message)\n"
    code += f"onnx_isolated.Isolated._ask = ask\nwith one_line_errors():\n    network.load(Path({str(path)!r}))\n"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes, text=True) as process:
        child = int(process.stdout.readline())
        process.stdout.readline()  # loaded: now it runs
        time.sleep(0.2)
        asked = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == 128 + number
        assert time.monotonic() - asked < 2
        assert process.stderr.read() == ""
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_the_next_call_starts_another_process(write):
    graph = onnx_isolated.Isolated(model().SerializeToString(), "net")
    images = np.zeros((2, 1, 48, 48), np.uint8)
    first = graph(images)
    graph.close()
    assert np.array_equal(graph(images), first)
    graph.close()


def test_the_network_that_ships_runs_in_this_process(nothing_runs, monkeypatch):
    monkeypatch.setattr(onnx_worker, "session_of", lambda model: "session")
    there = network.load(WEIGHTS / "pocket.onnx")
    assert isinstance(there.run, onnx_network.InProcess)


def test_large_batches_are_asked_in_parts(write):
    there = network.load(write(model()))
    faces = np.random.default_rng(0).integers(0, 256, (7, 48, 48), dtype=np.uint8)
    whole = there.probabilities(faces)
    there.at_once = 3
    assert np.allclose(there.probabilities(faces), whole, atol=1e-6)
