"""POST /v1/predict: what it takes, what it answers, what it refuses."""

import base64
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from fer.pictures import decode
from fer.prediction.network import Network
from fer.serving.settings import Limits

SMALL = Limits(body=20_000, pictures=2, pixels=50_000, faces=1, seconds=1)


def labels(answer) -> list[list[str]]:
    return [[face["label"] for face in one["faces"]] for one in answer.json["pictures"]]


def as_json(server, content, **headers):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return server("/v1/predict", body, Content_Type="application/json", **headers)


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_file_is_answered_as_fer_predict_writes_it(server, picture):
    answer = server.post(("a.png", picture(230)))
    assert answer.status == 200
    [one] = answer.json["pictures"]
    assert (one["picture"], one["width"], one["height"]) == ("a.png", 160, 120)
    [face] = one["faces"]
    assert (face["box"], face["label"]) == ([10, 30, 60, 60], "bright")
    assert face["probabilities"] == {"dark": pytest.approx(0.098, abs=0.01), "bright": pytest.approx(0.902, abs=0.01)}


def test_several_files_are_answered_in_their_order(server, picture):
    answer = server.post(("a.png", picture(230)), ("b.png", picture(10)), ("c.png", picture()), ("d", picture(9, 240)))
    assert labels(answer) == [["bright"], ["dark"], [], ["dark", "bright"]]
    assert [one["picture"] for one in answer.json["pictures"]] == ["a.png", "b.png", "c.png", "d"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_body_may_be_a_picture_of_any_usual_kind(server, picture, kind):
    answer = server("/v1/predict", picture(230, kind=kind), Content_Type=f"image/{kind.lower()}")
    assert labels(answer) == [["bright"]]


def test_json_holds_one_picture_or_a_list_in_base64(server, picture):
    one, other = base64_of(picture(230)), f"data:image/png;base64,{base64_of(picture(10))}"
    assert labels(as_json(server, {"image": one})) == [["bright"]]
    assert labels(as_json(server, {"images": [one, other]})) == [["bright"], ["dark"]]


def test_crops_are_what_the_network_saw(server, picture):
    [one] = server.post(("a.png", picture(230)), path="/v1/predict?crops=true").json["pictures"]
    head, _, content = one["faces"][0]["input"].partition(",")
    assert head == "data:image/png;base64"
    crop = Image.open(io.BytesIO(base64.b64decode(content)))
    assert (crop.size, crop.mode) == ((48, 48), "L")
    assert np.asarray(crop).mean() == 230


def test_one_broken_file_among_others_is_said_and_the_rest_answered(server, picture):
    answer = server.post(("a.png", picture(230)), ("b.png", b"no picture"))
    assert answer.status == 200
    assert labels(answer) == [["bright"], []]
    assert answer.json["pictures"][1]["error"] == "not a picture of a known kind"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "a.jpg: the file is empty"),
        (b"hello", "a.jpg: not a picture of a known kind"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a.jpg: not a picture of a known kind (PostScript)"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(server, content, reason):
    answer = server.post(("a.jpg", content))
    assert (answer.status, answer.json) == (422, {"error": reason})


def test_a_truncated_picture_is_refused_with_the_reason(server, picture):
    answer = server.post(("a.jpg", picture(230, kind="JPEG")[:-300]))
    assert answer.status == 422
    assert "unreadable picture" in answer.json["error"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"image": 7}', "application/json", 400),
        (b'{"image": "\xff"}', "application/json", 400),
        (b'{"more": 1}', "application/json", 400),
        (b"[[]]", "application/json", 400),
        (b'{"image": {"type": "x"}}', "application/json", 400),
        (b'{"image": {"type": "Buffer", "data": [255, 216]}}', "application/json", 400),
        (b'{"image": "a"}', "application/json", 400),
        (b'{"images": "a"}', "application/json", 400),
        (b"a=b", "application/x-www-form-urlencoded", 400),
        (b"hello", "", 415),
        (b"hello", "multipart/form-data", 400),
        (b"hello", "multipart/form-data; boundary=x", 400),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 400),
    ],
)
def test_other_bodies_are_refused_with_a_reason(server, body, kind, status):
    answer = server("/v1/predict", body, Content_Type=kind)
    assert answer.status == status
    assert len(answer.json["error"]) > 10
    assert "Traceback" not in answer.json["error"]


def test_a_file_name_comes_back_harmless(server, picture):
    [one] = server.post((f"{'x' * 300}\u0007.png", picture(230))).json["pictures"]
    assert len(one["picture"]) == 200
    assert one["picture"].isprintable()


def test_a_request_that_is_too_long_is_refused(serve, picture):
    server = serve(limits=SMALL)
    answer = server.post(("a.png", bytes(60_000)))
    assert answer.status == 413
    assert "MiB" in answer.json["error"]


def test_a_length_that_nobody_told_is_counted(serve):
    server = serve(limits=SMALL)
    chunks = (bytes(1000) for _ in range(60))
    answer = server("/v1/predict", chunks, Content_Type="image/png")
    assert answer.status == 413


def test_too_many_pictures_are_refused(serve, picture):
    server = serve(limits=SMALL)
    assert server.post(*[("a.png", picture(230))] * 3).status == 400
    assert as_json(server, {"images": [base64_of(picture(230))] * 3}).status == 413


def test_a_decompression_bomb_is_refused_undecoded(serve):
    file = io.BytesIO()
    Image.new("L", (2000, 2000)).save(file, "PNG")
    answer = serve(limits=SMALL).post(("bomb.png", file.getvalue()))
    assert answer.status == 422
    assert "4,000,000 pixels" in answer.json["error"]


def test_the_largest_faces_count(serve, picture):
    image = np.asarray(decode(picture(230), "")).copy()
    image[50:70, 100:120] = 10
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    assert labels(serve(limits=SMALL).post(("a.png", file.getvalue()))) == [["bright"]]


class Slow:
    """A detector that waits until it may go on."""

    def __init__(self):
        self.go, self.calls = threading.Event(), 0

    def __call__(self, grey):
        self.calls += 1
        self.go.wait(20)
        return [(0, 0, 48, 48)]


def test_who_waits_too_long_is_told_so_and_what_waits_behind_is_dropped(serve, picture):
    slow = Slow()
    server = serve(limits=SMALL, detector=slow, workers=1)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: server.post(("a.png", picture(230))), range(3)))
    slow.go.set()
    assert [one.status for one in answers] == [503] * 3
    assert "busy" in answers[0].json["error"]
    assert server("/healthz").status == 200
    assert slow.calls == 1


def test_too_many_at_a_time_are_told_to_come_again(serve, picture):
    slow = Slow()
    server = serve(limits=Limits(requests=1), detector=slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(server.post, ("a.png", picture(230)))
        wait_for(lambda: slow.calls)
        second = server.post(("a.png", picture(230)))
        slow.go.set()
        assert first.result().status == 200
    assert (second.status, second.headers["retry-after"]) == (503, "1")


def test_an_upload_that_never_ends_is_given_up(serve):
    import http.client

    server = serve(limits=Limits(seconds=0.3))
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/v1/predict")
    connection.putheader("Content-Type", "image/png")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"x")
    assert connection.getresponse().status == 408
    connection.close()


class Broken(Network):
    name, classes, temperature = "broken", ("dark", "bright"), None

    def probabilities(self, faces):
        raise RuntimeError("secret detail")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failure_inside_is_answered_without_its_details(serve, picture):
    server = serve(network=Broken())
    for _ in range(2):  # and it does not end the batches
        answer = server.post(("a.png", picture(230)))
        assert answer.status == 500
        assert b"secret" not in answer.body
    assert server.meters.total("fer_requests", lambda known: known["status"] == "500") == 2


def wait_for(condition, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
