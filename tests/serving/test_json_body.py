"""JSON of many clients, and what they do wrong."""

import base64
import json
import socket

import pytest

URLENCODED = "application/x-www-form-urlencoded"


def labels(answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [face["label"] for picture in answer.json["pictures"] for face in picture["faces"]]


def nested(text):
    """What frameworks and browsers send: Hugging Face, TensorFlow Serving, FileReader, an object for each picture."""
    yield from ({key: text} for key in ("imageBase64", "image_data", "img", "frame", "base64", "data", "inputs"))
    yield from ([text], text, {"image": {"data": text}}, {"instances": [{"b64": text}]})
    yield from ({"images": [{"name": "a.png", "image": text}]}, {"image": text, "threshold": 0.5, "filename": "a.png"})


def test_json_of_other_frameworks_is_read(server, picture):
    for content in nested(base64.b64encode(picture(230)).decode()):
        body = json.dumps(content).encode()
        assert labels(server("/v1/predict", body, Content_Type="application/json")) == ["bright"], content


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b'{"colour": 1, "size": 2}', "application/json", "the keys are: colour, size"),
        (b'{"image": "https://example.org/a.jpg"}', "application/json", "downloads nothing; send the picture itself"),
        (b"\xff\xd8\xff\xe0", "application/json", "it is binary; send a picture as image/*"),
        (b"\xff\xd8\xff\xe0" + bytes(9000), URLENCODED, "curl -d removes line ends; send it with --data-binary"),
    ],
)
def test_what_clients_do_wrong_is_named(server, body, kind, reason):
    answer = server("/v1/predict", body, Content_Type=kind)
    assert answer.status in (400, 422)
    assert reason in answer.json["error"]


def test_a_path_with_a_slash_is_answered_without_a_redirection(server, picture):
    assert labels(server("/v1/predict/", picture(230), Content_Type="image/png")) == ["bright"]


def test_monitors_with_http_1_0_name_no_host(server):
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
