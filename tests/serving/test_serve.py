"""The command: its first lines, its last one, and what it says to bad input."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from fer import serve
from fer.errors import UserError
from fer.prediction import network, options
from fer.prediction.detect import Haar
from fer.serving import listen

STAND_INS = """
import sys
import numpy as np
from fer import serve
from fer.errors import one_line_errors
from fer.prediction import detect, network

class Flat(network.Network):
    name, classes, temperature = "flat", ("dark", "bright"), None
    def probabilities(self, faces):
        return np.full((len(faces), 2), 0.5, np.float32)

network.load = lambda path, differentiable=False, tta=None: Flat()
detect.Haar = lambda: lambda grey: [(0, 0, 48, 48)]
with one_line_errors():
    sys.exit(serve.main())
"""


@pytest.fixture(autouse=True)
def _no_token(monkeypatch):
    monkeypatch.delenv(serve.TOKEN, raising=False)


@pytest.fixture
def command():
    """`command("--port", "0")`: the running command, with a network and a detector that stand in."""
    started = []

    def start(*arguments: str, stand_ins: str = STAND_INS, **environment: str) -> subprocess.Popen:
        line = [sys.executable, "-c", stand_ins, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(line, env=os.environ | environment, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ask(address: str, picture: bytes, **headers: str):
    request = urllib.request.Request(f"{address}/v1/predict", picture, {"Content-Type": "image/png", **headers})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_at_the_end_what_it_served(command, picture, number):
    process = command("--port", "0")
    assert process.stdout.readline().startswith("flat: dark, bright; ")
    line = process.stdout.readline()
    address = re.fullmatch(r"listening on (http://127.0.0.1:\d+) \(this machine only\)\n", line)[1]
    assert process.stdout.readline().startswith(f"next: open {address} in a browser, or curl -F file=@photo.jpg")
    assert b'"dark"' in ask(address, picture(230))
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert re.fullmatch(r"served 1 request, 1 picture, 1 face in \d+ s; 0 requests refused\n", out)
    assert (process.returncode, err) == (0, "")


def test_a_request_at_work_is_answered_before_the_end(serve, picture, monkeypatch):
    """In a thread: the server is told to end while it looks at a picture."""
    begun, go, running, make = threading.Event(), threading.Event(), [], listen.server
    monkeypatch.setattr(listen, "server", lambda *given: running.append(make(*given)) or running[-1])

    def slow(grey):
        begun.set()
        go.wait(10)
        return [(0, 0, 48, 48)]

    server = serve(detector=slow)
    found = []
    asking = threading.Thread(target=lambda: found.append(server.post(("a.png", picture(230)))))
    asking.start()
    begun.wait(10)
    running[0].should_exit = True
    time.sleep(0.3)  # it closes its doors meanwhile
    go.set()
    asking.join()
    assert found[0].status == 200


SLOW = STAND_INS.replace("lambda grey:", "lambda grey: time.sleep(0.3) or").replace("import sys", "import sys, time")


@pytest.mark.full
@pytest.mark.parametrize("signals", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_is_queued_at_the_end_gets_503_and_the_log_no_line(command, picture, signals):
    """One picture takes 0.3 s, and 20 are sent. A second signal ends a grace that would be long enough for all."""
    grace = 0.5 if signals == 1 else 60
    process = command("--port", "0", "--workers", "1", "--limit", f"grace={grace}", stand_ins=SLOW)
    address = [process.stdout.readline() for _ in range(3)][1].split()[2]
    host, port = address.removeprefix("http://").split(":")
    uploading = socket.create_connection((host, int(port)))
    uploading.sendall(
        b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n"
    )
    statuses = []
    asking = [threading.Thread(target=lambda: statuses.append(status(address, picture(230)))) for _ in range(20)]
    for thread in asking:
        thread.start()
    while not statuses:
        time.sleep(0.01)
    begun = time.monotonic()
    for _ in range(signals):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)  # the first one is noticed
    out, err = process.communicate(timeout=30)
    for thread in asking:
        thread.join()
    assert time.monotonic() - begun < 15
    assert statuses.count(200) + statuses.count(503) == 20
    assert statuses.count(200) >= 1
    assert statuses.count(503) >= 5
    assert uploading.recv(100).startswith(b"HTTP/1.1 503")
    uploading.close()
    assert (process.returncode, err) == (0, "")
    assert out.startswith("served 21 requests")


def status(address: str, picture: bytes) -> int:
    """Of the answer to a picture."""
    try:
        ask(address, picture)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


@pytest.mark.slow
def test_clients_that_never_read_do_not_keep_the_server_from_its_end(command):
    process = command("--port", "0", "--limit", "grace=0.3", "--limit", "taking=600")
    address = [process.stdout.readline() for _ in range(3)][1].split()[2]
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = address.removeprefix("http://").split(":")
        deaf.connect((host, int(port)))
        deaf.setblocking(False)
        with pytest.raises(BlockingIOError):  # noqa: PT012
            for _ in range(100_000):
                deaf.send(b"GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        _, err = process.communicate(timeout=30)
    assert time.monotonic() - begun < 15
    assert (process.returncode, err) == (0, "")


def test_the_token_may_come_from_the_environment(command, picture):
    token = "0123456789abcdef"
    process = command("--port", "0", FER_TOKEN=token)
    process.stdout.readline()
    line = process.stdout.readline()
    assert "with the token" in line
    assert token not in line + process.stdout.readline()
    address = line.split()[2]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(address, picture(230))
    assert ask(address, picture(230), Authorization=f"Bearer {token}")


def test_a_port_that_is_taken_is_said_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr(network, "load", lambda path, differentiable=False, tta=None: pytest.fail("loaded"))
    with listen.bind("127.0.0.1", 0) as taken, pytest.raises(UserError, match="is taken"):
        serve.main(["--port", str(taken.getsockname()[1])])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--checkpoint", "no/such.onnx"], "no such file: no/such.onnx"),
        (["--token", "short"], "--token: expected 16"),
        (["--limit", "size=1"], "no limit 'size'"),
        (["--cors", "*"], "expected scheme and host"),
        (["--yunet", "no/such.onnx"], "no such file: no/such.onnx"),
    ],
)
def test_bad_input_is_said_in_a_line(arguments, reason):
    with pytest.raises(UserError, match=re.escape(reason)):
        serve.main(["--port", "0", *arguments])


@pytest.mark.parametrize("option", ["--threshold=2", "--threshold=nan", "--workers=0"])
def test_numbers_out_of_range_are_refused(option, capsys):
    with pytest.raises(SystemExit, match="2"):
        serve.main([option])
    assert option.partition("=")[0] in capsys.readouterr().err


def test_packages_that_are_missing_are_named(monkeypatch):
    from importlib import util

    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "uvicorn" else name)
    with pytest.raises(UserError, match=r"needs uvicorn: pip install 'fer-lightning\[serve\]'"):
        serve.main([])


def test_limits_are_listed(capsys):
    assert serve.main(["--limit", "help"]) == 0
    assert "pictures in a request" in capsys.readouterr().out


def test_names_guard_this_machine_and_are_free_on_a_network():
    plain = serve.settings_from(serve.parser().parse_args([]))
    named = serve.settings_from(serve.parser().parse_args(["--name", "A.example"]))
    with socket.create_server(("127.0.0.1", 0)) as here, socket.create_server(("0.0.0.0", 0)) as everywhere:
        assert serve.with_host_names(plain, here).names == listen.LOCAL
        assert serve.with_host_names(plain, everywhere).names == ()
        assert serve.with_host_names(named, everywhere).names == ("a.example", *listen.LOCAL)


@pytest.mark.slow
def test_the_astronaut_gets_the_same_answer_as_from_fer_predict(tmp_path, capsys):
    """The whole way with real parts: a trained-for-a-moment network, its export, the cascade, HTTP."""
    pytest.importorskip("onnxruntime")
    astronaut = pytest.importorskip("skimage.data").astronaut()
    import json

    from PIL import Image

    from fer import export, predict, train
    from fer.config import compose_config

    photo = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(photo)
    options = ["data=synthetic", "data.synthetic.train=140", "model=cnn2", "trainer.max_epochs=1"]
    train.train(compose_config([*options, f"output_dir={tmp_path / 'run'}"]))
    export.main([str(tmp_path / "run"), "--out", str(tmp_path / "net.onnx")])
    capsys.readouterr()
    predict.main([str(photo), "--json", "--checkpoint", str(tmp_path / "net.onnx")])
    [expected] = json.loads(capsys.readouterr().out)
    line = [sys.executable, "-m", "fer.serve", "--port", "0", "--checkpoint", str(tmp_path / "net.onnx")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        answer = json.loads(ask(process.stdout.readline().split()[2], photo.read_bytes()))
        process.terminate()
        assert process.stdout.read().splitlines()[-1].startswith("served 1 request, 1 picture, 1 face")
    [found] = answer["pictures"]
    assert found["faces"] == expected["faces"]
    assert len(found["faces"]) == 1


def test_the_smallest_face_is_set_for_the_cascade_only():
    haar = Haar()
    options.search_from(0.125, haar)
    assert haar.divisor == 8
    for detector, share in ((None, 0.125), (haar, 0.0)):
        with pytest.raises(UserError, match="--min-face"):
            options.search_from(share, detector)


def test_settings_hold_the_path_and_the_proxies():
    args = serve.parser().parse_args(["--root-path", "/fer/", "--trusted-proxies", "127.0.0.1,10.0.0.0/8"])
    settings = serve.settings_from(args)
    assert settings.root_path == "/fer"
    assert [str(network) for network in settings.proxies] == ["127.0.0.1/32", "10.0.0.0/8"]
