"""Writes annotated videos that browsers play: frames with their own times, and the sound of the original."""

from fractions import Fraction
from pathlib import Path

from PIL import Image

from fer.errors import UserError
from fer.prediction.pyav import pyav
from fer.prediction.sound import Sound

TICKS = 90_000
"""Time stamps per second, as usual in MPEG: a multiple of 24, 25, 30, 50 and 60 Hz."""
H264, VP9 = "libx264", "libvpx-vp9"
ENCODERS = {
    H264: {"crf": "20", "preset": "veryfast", "bf": "0"},  # without B-frames a video is as long as its time stamps say
    VP9: {"crf": "31", "b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1"},
}
"""FFmpeg's encoder -> its options; the first one that FFmpeg was built with is used."""
SUFFIXES = {H264: ".mp4", VP9: ".webm"}
SOUND = {H264: ("aac", ("aac", "mp3")), VP9: ("libopus", ("opus", "vorbis"))}
"""Encoder of the sound, and codecs that browsers play beside it, which are copied."""


def encoder() -> str:
    """Returns the name of FFmpeg's video encoder."""
    codecs = pyav().codecs_available
    return H264 if H264 in codecs else VP9


def video_suffix() -> str:
    """Returns the suffix of the files that are written."""
    return SUFFIXES[encoder()]


class VideoWriter:
    """Writes RGB pictures with their times to a file: H.264 in .mp4, or VP9 in .webm where FFmpeg has no H.264.

    size: width and height of the video; other pictures are resized, and an odd side is padded by a black pixel. sound:
    is written along with the pictures and ends with them. Raises UserError if the file cannot be written.
    """

    def __init__(self, path: Path, size: tuple[int, int], sound: Sound | None = None):
        self.av, self.path, self.size, self.stamp, self.duration = pyav(), path, size, -1, 0
        self.even = (size[0] + size[0] % 2, size[1] + size[1] % 2)  # H.264 subsamples colours by 2
        self.sound, codec = sound, encoder()
        kind, options = ("mp4", {"movflags": "faststart"}) if codec == H264 else ("webm", {})
        try:
            self.container = self.av.open(str(path.absolute()), "w", format=kind, options=options)
            self.stream = self.container.add_stream(codec, rate=30, options=ENCODERS[codec])
            self.stream.width, self.stream.height, self.stream.pix_fmt = *self.even, "yuv420p"
            self.stream.codec_context.time_base = Fraction(1, TICKS)
            if sound:
                sound.begin(self.container, *SOUND[codec])
            self.container.start_encoding()
        except (self.av.FFmpegError, OSError) as error:
            raise self._write_error(error) from error

    def add(self, picture: Image.Image, seconds: float) -> None:
        """Adds the next picture, `seconds` after the start."""
        if picture.size != self.size:
            picture = picture.resize(self.size)
        frame = self.av.VideoFrame.from_image(picture.crop((0, 0, *self.even)))
        before, self.stamp = self.stamp, max(round(seconds * TICKS), self.stamp + 1)
        self.duration = self.stamp - before
        frame.pts, frame.time_base = self.stamp, Fraction(1, TICKS)
        self._write(frame)

    def close(self) -> None:
        self._write(None)  # flushes the encoder
        self.container.close()
        if self.sound:
            self.sound.close()

    def _write(self, frame) -> None:
        try:
            packets = self.stream.encode(frame)
            if frame is None and packets:
                packets[-1].duration = self.duration  # the last frame lasts as long as the one before it
            self.container.mux(packets)
            if self.sound:
                end = self.stamp + self.duration if frame is None else self.stamp
                self.container.mux(list(self.sound.packets(end / TICKS, last=frame is None)))
        except (self.av.FFmpegError, OSError) as error:
            raise self._write_error(error) from error

    def _write_error(self, error: Exception) -> UserError:
        reason = getattr(error, "strerror", None) or error
        return UserError(f"{self.path}: cannot be written ({reason}); choose another place with --out FOLDER")
