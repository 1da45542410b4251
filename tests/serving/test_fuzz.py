"""Damaged files and requests: each is answered in time, by 200 or by 4xx with a reason, and nothing is left behind."""

import base64
import gc
import http.client
import io
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "JSON", "FORM")
TYPES = {"JSON": "application/json", "FORM": "multipart/form-data; boundary=mark"}
INTERESTING = (
    b"",
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\r\n",
    b"--mark",
    b'"',
    b"[" * 50,
    b"\xd8",
)
WAIT = 15  # seconds; the server's own limit is 20 and only where it is busy


def bases() -> dict[str, list[bytes]]:
    """ExportedModel ones to start from: grey, colour, with a palette, moving, turned by its Exif tag."""
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((96, 72))
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [colour.rotate(angle) for angle in (0, 90)]
    made = {kind: [saved(one, kind) for one in (colour, colour.convert("L"))] for kind in KINDS[:4]}
    made["JPEG"] += [saved(colour, "JPEG", exif=exif), saved(colour, "JPEG", progressive=True)]
    made["PNG"] += [saved(colour.convert("P"), "PNG"), saved(colour.convert("RGBA"), "PNG", exif=exif)]
    made["GIF"] += [saved(frames[0], "GIF", save_all=True, append_images=frames[1:])]
    made["WEBP"] += [
        saved(frames[0], "WEBP", lossless=True),
        saved(frames[0], "WEBP", save_all=True, append_images=frames),
    ]
    png = made["PNG"][0]
    text = base64.b64encode(png).decode()
    made["JSON"] = [json.dumps(one).encode() for one in ({"image": text}, {"images": [text, text]})]
    head = b'--mark\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    made["FORM"] = [
        head + png + b"\r\n--mark--\r\n",
        head + png + b"\r\n" + head + made["GIF"][0] + b"\r\n--mark--\r\n",
    ]
    return made


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def mutated(content: bytes, draw: random.Random) -> bytes:
    """With one to six changes: bits flipped, parts cut, doubled, moved, or replaced; half of them near the head."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 6)):
        place = draw.randrange(min(len(data), draw.choice((40, 10**9))) or 1) if data else 0
        length = draw.choice((1, 2, 4, 16, 200))
        change = draw.randrange(6)
        if change == 0 and data:
            data[place] ^= 1 << draw.randrange(8)
        elif change == 1:
            del data[place : place + length]
        elif change == 2:
            data[place:place] = data[place : place + length] * draw.randint(1, 3)
        elif change == 3:
            data[place : place + length] = draw.randbytes(length)
        elif change == 4:
            data[place : place + length] = draw.choice(INTERESTING)
        elif draw.random() < 0.3:
            del data[place:]
    return bytes(data)


def attacked(server, count: int, seed: int) -> dict[int, int]:
    """Sends so many; status -> how often it was answered."""
    draw, made, answered = random.Random(seed), bases(), {}
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=WAIT)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        body = mutated(draw.choice(made[kind]), draw)
        declared = TYPES.get(kind, f"image/{kind.lower()}")
        if draw.random() < 0.05:
            declared = draw.choice(
                [*TYPES.values(), "multipart/form-data", "image/png", "text/plain; charset=nonsense"]
            )
        connection.request("POST", "/v1/predict?crops=1", body, {"Content-Type": declared})
        answer = connection.getresponse()
        status, content = answer.status, json.loads(answer.read())
        assert status == 200 or 400 <= status < 500, (number, kind, status, content)
        assert ("pictures" if status == 200 else "error") in content
        assert "Traceback" not in str(content)
        answered[status] = answered.get(status, 0) + 1
    connection.close()
    return answered


def resources() -> tuple[int, int]:
    """Open files and resident memory in bytes of this process, in which the server runs."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return len(os.listdir("/proc/self/fd")), 1024 * kilobytes


def leaks(server, count: int, seed: int) -> tuple[dict[int, int], int, int]:
    """Statuses, and how many files and bytes more are held after `count` requests than after the first 200."""
    answered = attacked(server, 200, seed)
    before = resources()
    for status, times in attacked(server, count - 200, seed + 1).items():
        answered[status] = answered.get(status, 0) + times
    return answered, *(after - earlier for after, earlier in zip(resources(), before, strict=True))


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts open files as Linux shows them")
@pytest.mark.parametrize(
    "count", [400, pytest.param(5000, marks=[pytest.mark.long, pytest.mark.filterwarnings("ignore")])]
)
def test_damaged_requests_are_answered_and_leave_nothing_behind(serve, picture, count):
    server = serve()
    answered, files, memory = leaks(server, count, seed=count)
    print(f"{count} requests: {answered}; {files} files and {memory / 1e6:.1f} MB more than after 200")
    assert sum(answered.values()) == count
    assert len(answered) >= 3  # some are still good, some are no request, some no picture
    assert files <= 2
    assert memory < 32e6
    assert server.post(("a.png", picture(230))).status == 200


@pytest.mark.full
@pytest.mark.parametrize("seed", range(20))
def test_damaged_frames_end_no_stream(server, picture, seed):
    from websockets.sync.client import connect

    draw, made = random.Random(seed), [one for kind in KINDS[:4] for one in bases()[kind]]
    with connect(f"{server.address.replace('http', 'ws')}/v1/stream", proxy=None) as socket:
        for _ in range(5):
            socket.send(mutated(draw.choice(made), draw))
            answer = json.loads(socket.recv(timeout=WAIT))
            assert "error" in answer or "faces" in answer
