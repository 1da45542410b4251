"""The WebSocket of cameras."""

import base64
import json
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fer.serving.settings import Limits

TOKEN = "a-token-of-32-letters-0123456789"


def stream(server, **headers):
    return connect(f"{server.address.replace('http', 'ws')}/v1/stream", additional_headers=headers, proxy=None)


def answer(socket):
    return json.loads(socket.recv(timeout=10))


def test_a_frame_is_answered_with_its_faces(server, picture):
    with stream(server) as socket:
        socket.send(picture(230, kind="JPEG"))
        found = answer(socket)
    assert (found["frame"], found["dropped"], found["width"]) == (0, 0, 160)
    [face] = found["faces"]
    assert (face["track"], face["label"]) == (1, "bright")
    assert face["input"].startswith("data:image/png;base64,")
    assert found["milliseconds"] > 0


def test_faces_are_followed_and_smoothed_also_past_frames_without_one(server, picture):
    shares = []
    with stream(server) as socket:
        for frame in (picture(240), picture(), picture(10), picture(10)):
            socket.send(frame)
            shares.append([(face["track"], face["probabilities"]["bright"]) for face in answer(socket)["faces"]])
    [[(first, start)], none, [(track, after)], [(_, later)]] = shares
    assert (none, first, track) == ([], 1, 1)
    assert start > after > later > 0.05


def test_a_frame_that_cannot_be_read_is_said_and_the_next_answered(server, picture):
    with stream(server) as socket:
        socket.send(b"no picture")
        assert answer(socket) == {"frame": 0, "dropped": 0, "error": "not a picture of a known kind"}
        socket.send(picture(230))
        assert answer(socket)["frame"] == 1


def test_the_newest_frame_wins(serve, picture):
    go, begun = threading.Event(), threading.Event()

    def slow(grey):
        begun.set()
        go.wait(10)
        return []

    with stream(serve(detector=slow)) as socket:
        socket.send(picture(230))
        begun.wait(10)
        for _ in range(5):
            socket.send(picture(230))
        time.sleep(1)  # until the server has them
        go.set()
        first, second = answer(socket), answer(socket)
    assert (first["frame"], first["dropped"]) == (0, 0)
    assert (second["frame"], second["dropped"]) == (5, 4)


def closed_with(socket) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as error:
        socket.recv(timeout=10)
    return error.value.rcvd.code, error.value.rcvd.reason


def test_too_many_cameras_are_turned_away_until_one_leaves(serve, picture):
    server = serve(limits=Limits(streams=1))
    with stream(server) as first:
        first.send(picture(230))
        answer(first)
        with stream(server) as second:
            assert closed_with(second)[0] == 1013
    with stream(server) as third:
        third.send(picture(230))
        assert answer(third)["frame"] == 0


def test_a_silent_camera_is_let_go(serve):
    with stream(serve(limits=Limits(idle=0.1))) as socket:
        assert closed_with(socket) == (1001, "no frame for 0.1 s")


def test_a_camera_is_not_watched_for_ever(serve):
    with stream(serve(limits=Limits(watch=0.1))) as socket:
        assert closed_with(socket)[1].startswith("the limit of 0.1 s is reached")


def test_frames_come_at_no_higher_rate_than_allowed(serve, picture):
    with stream(serve(limits=Limits(rate=5))) as socket:
        started = time.monotonic()
        for _ in range(3):
            socket.send(picture(230))
            answer(socket)
        assert time.monotonic() - started >= 0.4


def test_a_frame_that_is_too_large_ends_the_stream(serve):
    with stream(serve(limits=Limits(frame=1000))) as socket:
        socket.send(bytes(1001))
        assert closed_with(socket)[0] == 1009


@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
def test_a_text_may_hold_a_frame_and_a_token_that_nobody_needs(server, picture, head):
    with stream(server) as socket:
        socket.send('{"token": "any"}')
        socket.send(head + base64.b64encode(picture(230)).decode())
        result = answer(socket)
        assert result["frame"] == 0
        assert [face["label"] for face in result["faces"]] == ["bright"]


@pytest.mark.parametrize("text", ["hello", "{}", '{"token": 7}'])
def test_other_text_is_no_frame(server, text):
    with stream(server) as socket:
        socket.send(text)
        assert closed_with(socket) == (1008, "expected frames as binary messages, or as text in base64")


def test_a_text_that_is_too_large_ends_the_stream(serve):
    with stream(serve(limits=Limits(frame=1000))) as socket:
        socket.send("A" * 2001)
        assert closed_with(socket)[0] == 1009


@pytest.mark.parametrize("first", ["{", "7", '{"token": 7}', '{"token": "wrong"}', b"\xff\xd8"])
def test_a_wrong_token_ends_the_stream(serve, first):
    with stream(serve(token=TOKEN)) as socket:
        socket.send(first)
        assert closed_with(socket)[0] == 1008


def test_the_token_comes_first_or_with_the_handshake(serve, picture):
    server = serve(token=TOKEN)
    with stream(server) as socket:
        socket.send(json.dumps({"token": TOKEN}))
        socket.send(picture(230))
        assert answer(socket)["frame"] == 0
    with stream(server, Authorization=f"Bearer {TOKEN}") as socket:
        socket.send(picture(230))
        assert answer(socket)["frame"] == 0
