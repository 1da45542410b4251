from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from fer.errors import UserError
from fer.prediction import video_writer
from fer.prediction.sound import sound_of
from fer.prediction.video import Video
from fer.prediction.video_writer import VideoWriter, video_suffix

VARIABLE = [0.05 * min(number, 20) + 0.5 * max(number - 20, 0) for number in range(40)]
"""Seconds of 20 frames of 50 ms, then 20 of 500 ms."""


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


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"a\.mp4: cannot be written .*--out FOLDER"):
        VideoWriter(tmp_path / "nowhere" / "a.mp4", (64, 48))


def test_colours_survive_writing_and_reading(tmp_path):
    writer = VideoWriter(tmp_path / "red.mp4", (64, 64))
    writer.add(Image.new("RGB", (64, 64), (220, 30, 30)), 0)
    writer.close()
    [frame] = Video(tmp_path / "red.mp4").frames()
    assert np.abs(np.asarray(frame.picture).mean((0, 1)) - [220, 30, 30]).max() < 12


RATE = 8000


def film_with_sound(path, codec: str, pictures: str = "mpeg4", seconds: float = 3.0):
    """A film of 25 frames per second with a tone that begins after a second of silence."""
    with av.open(str(path), "w") as container:
        video, audio = container.add_stream(pictures, rate=25), container.add_stream(codec, rate=RATE)
        video.width, video.height, video.pix_fmt, audio.layout = 64, 48, "yuv420p", "mono"
        for number in range(round(25 * seconds)):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 2 * number, np.uint8), format="rgb24")
            container.mux(video.encode(frame))
        time = np.arange(round(RATE * seconds)) / RATE
        tone = (8000 * np.sin(2 * np.pi * 440 * time) * (time >= 1)).astype(np.int16)
        for start in range(0, len(tone), 1000):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1000], format="s16", layout="mono")
            frame.rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            container.mux(audio.encode(frame))
        container.mux(video.encode())
        container.mux(audio.encode())
    return path


def loudness(path) -> list[tuple[float, float]]:
    """Seconds and loudness of each frame of the sound."""
    with av.open(str(path)) as container:
        return [
            (frame.time, float(np.abs(frame.to_ndarray().astype(float)).mean())) for frame in container.decode(audio=0)
        ]


def copy(source, target, start: float = 0.0, end: float = 9.0) -> None:
    writer = None
    for frame in Video(source).frames(start=start, end=end):
        if writer is None:
            first, writer = frame.seconds, VideoWriter(target, (64, 48), sound_of(source, frame.seconds))
        writer.add(frame.picture, frame.seconds - first)
    writer.close()


@pytest.mark.parametrize(
    ("name", "codec", "kept"), [("a.mp4", "aac", "aac"), ("a.avi", "pcm_s16le", "aac"), ("a.mkv", "flac", "aac")]
)
@pytest.mark.parametrize("start", [0.0, 0.6])
def test_the_sound_stays_with_the_pictures(name, codec, kept, start, tmp_path):
    source, target = film_with_sound(tmp_path / name, codec), tmp_path / "copy.mp4"
    copy(source, target, start, end=2.0)
    with av.open(str(target)) as container:
        assert container.streams.audio[0].codec_context.name == kept
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([number / 25 for number in range(round(25 * (2 - start)))], abs=0.002)
    heard = loudness(target)
    loudest = max(level for _, level in heard)
    begin = next(seconds for seconds, level in heard if level > loudest / 3)
    assert begin == pytest.approx(1 - start, abs=0.15)
    assert heard[-1][0] == pytest.approx(2 - start, abs=0.2)


def test_a_film_without_sound_and_a_picture_have_none(film, tmp_path):
    assert sound_of(film) is None
    assert sound_of(b"no film") is None
    assert sound_of("rtsp://camera") is None


def test_without_h264_the_video_is_vp9_with_opus(tmp_path, monkeypatch):
    monkeypatch.setattr(video_writer, "encoder", lambda: video_writer.VP9)
    assert video_suffix() == ".webm"
    copy(film_with_sound(tmp_path / "a.mp4", "aac", seconds=1.0), tmp_path / "copy.webm")
    with av.open(str(tmp_path / "copy.webm")) as container:
        assert [stream.codec_context.codec.canonical_name for stream in container.streams] == ["vp9", "opus"]
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([number / 25 for number in range(25)], abs=0.002)
