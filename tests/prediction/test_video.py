import struct
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from fer.errors import UserError
from fer.pictures import TooLarge, Unreadable
from fer.prediction import video as videos
from fer.prediction.pictures import Source
from fer.prediction.predictor import Predictor
from fer.prediction.video import Camera, Video, VideoWriter, track_faces


@pytest.fixture
def results(film, brightness, find_square):
    video = Video(film)
    return list(track_faces(Source("film", film, "film.mp4"), video.frames(), Predictor(brightness, find_square), 2))


def test_frames_come_in_order_with_their_time(film):
    video = Video(film)
    assert (video.rate, video.length) == (10, 30)
    frames = list(video.frames())
    assert [frame.number for frame in frames] == list(range(30))
    assert frames[10].seconds == pytest.approx(1.0)
    assert frames[0].picture.size == (240, 120)


def test_every_third_frame_keeps_its_number_and_time(film):
    frames = list(Video(film).frames(every=3))
    assert [frame.number for frame in frames] == list(range(0, 30, 3))
    assert frames[1].seconds == pytest.approx(0.3)


def test_a_face_is_followed_through_the_film(results):
    assert [len(result.faces) for result in results] == [1] * 30
    assert {result.faces[0].track for result in results} == {1}
    lefts = [result.faces[0].box[0] for result in results]
    assert lefts == sorted(lefts)


def test_probabilities_are_smoothed_over_the_change(results):
    bright = [result.faces[0].probabilities["bright"] for result in results]
    assert bright[9] < 0.15
    assert bright[9] < bright[10] < 0.5 < bright[14]
    assert bright[-1] > 0.88
    assert [result.faces[0].label for result in results][9:11] == ["dark", "dark"]
    assert results[-1].faces[0].label == "bright"


VARIABLE = [0.05 * min(number, 20) + 0.5 * max(number - 20, 0) for number in range(40)]
"""Seconds of 20 frames of 50 ms, then 20 of 500 ms."""


def encoded(path: Path, seconds: list[float], start: float = 0.0, codec: str = "libx264") -> Path:
    """A video of grey frames at these times, written by PyAV alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, second in enumerate(seconds):
            pixels = np.full((48, 64, 3), 5 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(1000 * (start + second)), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.webm", "libvpx")])
@pytest.mark.parametrize("start", [0.0, 3.0])
def test_times_are_the_frames_own(name, codec, start, tmp_path):
    frames = list(Video(encoded(tmp_path / name, VARIABLE, start, codec)).frames())
    assert [frame.seconds for frame in frames] == pytest.approx(VARIABLE, abs=0.002)
    assert frames[20].seconds == pytest.approx(1.0, abs=0.002)
    assert [frame.number for frame in frames] == list(range(40))


def test_every_other_frame_keeps_its_own_time(tmp_path):
    frames = list(Video(encoded(tmp_path / "a.mp4", VARIABLE)).frames(every=2))
    assert [frame.seconds for frame in frames] == pytest.approx(VARIABLE[::2], abs=0.002)


def test_what_is_written_has_the_times_it_was_given(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", (64, 48))
    for second in VARIABLE:
        writer.add(Image.new("RGB", (64, 48)), second)
    writer.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert [frame.time for frame in container.decode(stream)] == pytest.approx(VARIABLE, abs=1e-4)
    content = (tmp_path / "a.mp4").read_bytes()
    assert Video(tmp_path / "a.mp4").container.duration / 1e6 == pytest.approx(VARIABLE[-1] + 0.5, abs=0.01)
    assert content.index(b"moov") < content.index(b"mdat")  # so that browsers play while they load


def test_times_that_repeat_or_run_back_are_written_one_after_the_other(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", (64, 48))
    for second in (0.0, 0.5, 0.5, 0.2, 1.0):
        writer.add(Image.new("RGB", (64, 48)), second)
    writer.close()
    times = [frame.seconds for frame in Video(tmp_path / "a.mp4").frames()]
    assert times == pytest.approx([0, 0.5, 0.5, 0.5, 1.0], abs=0.001)
    assert times == sorted(times)


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (1, 1), (2, 5)])
def test_pictures_of_any_size_can_be_written(size, tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", size)
    for number, other in enumerate((size, size, (30, 30))):
        writer.add(Image.new("RGB", other, "white"), number)
    writer.close()
    frames = list(Video(tmp_path / "a.mp4").frames())
    assert len(frames) == 3
    for frame in frames:
        assert [side - wanted for side, wanted in zip(frame.picture.size, size, strict=True)] == [
            side % 2 for side in size
        ]
        assert np.asarray(frame.picture.crop((0, 0, *size))).mean() > 150


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (1, 0, 0, 1)])
def test_the_cameras_rotation_is_obeyed(matrix, film, tmp_path):
    """Against OpenCV, which turns frames by the same display matrix."""
    content = bytearray(film.read_bytes())
    start = content.index(b"tkhd") + 44  # version and flags, four times and numbers, three fields
    assert struct.unpack(">9i", content[start : start + 36]) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (side << 16 for side in matrix)
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(content)
    frame = next(Video(tmp_path / "turned.mp4").frames())
    _, expected = cv2.VideoCapture(str(tmp_path / "turned.mp4")).read()
    assert frame.picture.size == expected.shape[1::-1]
    assert np.abs(np.asarray(frame.picture).astype(int) - expected[..., ::-1]).mean() < 3


def test_frames_after_damage_are_read_and_the_damage_is_an_error(tmp_path):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    content = bytearray(path.read_bytes())
    place = content.index(b"IHDR", content.index(b"IHDR") + 1)
    content[place : place + 4] = b"XXXX"
    path.write_bytes(content)
    frames = Video(path).frames()
    brightness = [np.asarray(frame.picture).mean() for frame in islice(frames, 9)]
    assert brightness == [20 * number for number in range(10) if number != 1]
    with pytest.raises(Unreadable, match=r"a.avi: damaged in 1 places"):
        next(frames)


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nfilm.mp4\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile 'film.mp4'\n",
        b"no film",
        b"",
    ],
    ids=["HLS", "concat", "text", "empty"],
)
def test_what_is_no_video_is_one_line_and_names_no_other_file(content, film):
    path = film.with_name("other.mp4")
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=r"other\.mp4: not a video"):
        Video(path)


def test_a_video_without_pictures_and_one_cut_short_are_one_line(film, tmp_path):
    (tmp_path / "cut.mp4").write_bytes(film.read_bytes()[:700])
    with pytest.raises(Unreadable, match=r"cut\.mp4: "):
        list(Video(tmp_path / "cut.mp4").frames())
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(Unreadable, match=r"sound\.mp4: no video in it"):
        Video(tmp_path / "sound.mp4")


@pytest.mark.parametrize("name", ["http:film.mp4", "a:b.mp4", "%d.mp4", "é 顔.mp4", "caf\udce9.mp4", "-.mp4"])
def test_any_name_of_a_file_is_read_and_written(name, film, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writer = VideoWriter(Path(name), (64, 48))
    writer.add(Image.new("RGB", (64, 48), "white"), 0)
    writer.close()
    assert len(list(Video(Path(name)).frames())) == 1


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(Unreadable, match=r"no\.mp4: no such file"):
        Video(tmp_path / "no.mp4")


def test_too_large_a_video_is_refused_before_it_is_decoded(film, monkeypatch):
    monkeypatch.setattr(videos, "MAX_PIXELS", 240 * 120 - 1)
    with pytest.raises(TooLarge, match=r"28,800 pixels, more than the 28,799"):
        Video(film)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"a\.mp4: cannot be written .*--out FOLDER"):
        VideoWriter(tmp_path / "nowhere" / "a.mp4", (64, 48))


def test_a_camera_that_is_not_there_is_one_line():
    with pytest.raises(Unreadable, match="camera 97: cannot be opened"):
        Camera(97)


def test_colours_survive_writing_and_reading(tmp_path):
    writer = VideoWriter(tmp_path / "red.mp4", (64, 64))
    writer.add(Image.new("RGB", (64, 64), (220, 30, 30)), 0)
    writer.close()
    [frame] = Video(tmp_path / "red.mp4").frames()
    assert np.abs(np.asarray(frame.picture).mean((0, 1)) - [220, 30, 30]).max() < 12
