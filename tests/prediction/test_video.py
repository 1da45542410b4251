import struct
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from fer.picture_kinds import HEAD
from fer.pictures import TooLarge, Unreadable
from fer.prediction import video as videos
from fer.prediction.inputs import is_video, looks_like_video, sources
from fer.prediction.pictures import Source
from fer.prediction.predictor import Predictor
from fer.prediction.video import Video, track_faces
from fer.prediction.video_writer import VideoWriter


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


STEADY = ("mpeg4", "mpeg2video", "wmv2", "flv")
"""Codecs with 25 frames per second here."""


def encoded(
    path: Path, seconds: list[float], start: float = 0.0, codec: str = "libx264", keyframes: int | None = None
) -> Path:
    """A video of grey frames at these times, written by PyAV alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = tick = Fraction(1, 25 if codec in STEADY else 1000)
        stream.codec_context.gop_size = keyframes or stream.codec_context.gop_size
        for number, second in enumerate(seconds):
            pixels = np.full((48, 64, 3), 5 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round((start + second) / tick), tick
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


CONTAINERS = {
    "a.mp4": "libx264",
    "a.mov": "libx264",
    "a.mkv": "libx265",
    "a.webm": "libvpx-vp9",
    "a.avi": "mpeg4",
    "a.ts": "libx264",
    "a.m2ts": "mpeg2video",
    "a.flv": "flv",
    "a.3gp": "mpeg4",
    "a.wmv": "wmv2",
    "a.mpg": "mpeg2video",
}


@pytest.mark.parametrize(("name", "codec"), CONTAINERS.items())
def test_every_container_is_read_with_numbers_and_times(name, codec, tmp_path):
    steady = [number / 25 for number in range(12)]
    path = encoded(tmp_path / name, steady, codec=codec)
    assert is_video(next(iter(sources([str(path)]))))
    assert looks_like_video(path.read_bytes()[:HEAD])
    frames = list(Video(path.read_bytes(), name).frames())
    assert [frame.number for frame in frames] == list(range(len(frames)))
    assert 11 <= len(frames) <= 12
    assert [frame.seconds for frame in frames] == pytest.approx(steady[: len(frames)], abs=0.002)
    brightness = [np.asarray(frame.picture).mean() for frame in frames]
    assert brightness == pytest.approx([5 * number for number in range(len(frames))], abs=6)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_a_part_of_a_video_keeps_the_numbers_and_times_of_the_whole(name, codec, tmp_path):
    path = encoded(tmp_path / name, [number / 25 for number in range(40)], codec=codec, keyframes=8)
    frames = list(Video(path).frames(start=0.8, end=1.2))
    assert [frame.number for frame in frames] == list(range(20, 30))
    assert [frame.seconds for frame in frames] == pytest.approx([0.04 * frame.number for frame in frames], abs=0.002)
    assert np.asarray(frames[0].picture).mean() == pytest.approx(100, abs=6)


def test_only_the_frames_from_the_last_keyframe_on_are_decoded(tmp_path):
    video = Video(encoded(tmp_path / "a.mp4", [number / 25 for number in range(40)], keyframes=8))
    assert [number for number, _, _ in video._decoded(1.0)] == list(range(24, 40))


def test_a_start_beyond_the_end_is_one_line(tmp_path):
    path = encoded(tmp_path / "a.mp4", [0, 0.04, 0.08])
    with pytest.raises(Unreadable, match=r"a.mp4: it ends at 0.1 s, before --start 5"):
        list(Video(path).frames(start=5))


def test_every_other_frame_keeps_its_own_time(tmp_path):
    frames = list(Video(encoded(tmp_path / "a.mp4", VARIABLE)).frames(every=2))
    assert [frame.seconds for frame in frames] == pytest.approx(VARIABLE[::2], abs=0.002)


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


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_frames_before_a_missing_end_are_read_and_the_end_is_an_error(name, codec, tmp_path):
    content = Path(
        encoded(tmp_path / name, [number / 2 for number in range(40)], codec=codec, keyframes=1)
    ).read_bytes()
    if name == "a.mp4":  # with its index first, as films on the web have it
        with (
            av.open(str(tmp_path / name)) as source,
            av.open(str(tmp_path / "f.mp4"), "w", options={"movflags": "faststart"}) as target,
        ):
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
        content = (tmp_path / "f.mp4").read_bytes()
    frames, seen = Video(content[: len(content) * (4 if name == "a.mp4" else 2) // 5], name).frames(), []
    with pytest.raises(Unreadable, match=rf"^{name}: (cut short: it ends at .* of \d+\.\d s|damaged in)"):
        seen.extend(frame.seconds for frame in frames)
    with pytest.raises(StopIteration):
        next(frames)


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
