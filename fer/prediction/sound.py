"""Reads the sound of a video for its annotated copy."""

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from fer.pictures import Unreadable
from fer.prediction.pyav import pyav
from fer.prediction.video import CONTAINERS, picture_stream


class Sound:
    """The sound of a video from `start` on, in seconds since its first frame; see `sound_of`."""

    def __init__(self, container, stream, start: float):
        self.av, self.container, self.stream = pyav(), container, stream
        video = container.streams.best("video")
        begin = float(video.start_time * video.time_base) if video.start_time is not None else 0.0
        self.shift, self.waiting = begin + start, None

    def begin(self, target, encoder: str, copied: Sequence[str]) -> None:
        """Adds a stream to the container `target`: a copy if its codec is one of `copied`, else it is encoded."""
        if self.stream.codec_context.name in copied:
            self.output, self.encodes = target.add_stream_from_template(self.stream), False
        else:
            rate = 48_000 if encoder == "libopus" else self.stream.rate
            self.output, self.encodes = target.add_stream(encoder, rate=rate), True
            self.output.layout = "mono" if self.stream.channels == 1 else "stereo"
        self.source = self._all()

    def packets(self, until: float, last: bool = False) -> Iterator:
        """Yields the packets before `until`, in seconds of the copy; flushes the encoder with the `last` of them."""
        while self.source is not None:
            self.waiting = self.waiting or next(self.source, None)
            if self.waiting is None or self.waiting[0] >= until:
                break
            (_, item), self.waiting = self.waiting, None
            yield from self.output.encode(item) if self.encodes else [item]
        if last and self.encodes:
            yield from self.output.encode(None)

    def close(self) -> None:
        self.container.close()

    def _all(self) -> Iterator[tuple[float, object]]:
        """Yields seconds in the copy and packet, or frame where it is encoded; damaged ones are left out."""
        with suppress(self.av.FFmpegError):
            for packet in self.container.demux(self.stream):
                items = [packet] if packet.pts is not None else []
                if self.encodes:
                    items = self._frames(packet)
                for item in items:
                    seconds = float(item.pts * item.time_base) - self.shift
                    if seconds >= 0:
                        yield seconds, self._moved(item, seconds)

    def _frames(self, packet) -> list:
        with suppress(self.av.FFmpegError):
            return [frame for frame in packet.decode() if frame.pts is not None]
        return []

    def _moved(self, item, seconds: float):
        """Returns the packet or frame with its time in the copy."""
        if self.encodes:
            item.time_base = Fraction(1, item.sample_rate)
            item.pts = round(seconds * item.sample_rate)
            return item
        ticks = item.pts - round(seconds / item.time_base)
        item.pts -= ticks
        item.dts = item.pts if item.dts is None else item.dts - ticks
        item.stream = self.output
        return item


def sound_of(content: object, start: float = 0.0) -> Sound | None:
    """Returns the sound of a video file, or of its content as bytes; None where there is none."""
    if not isinstance(content, Path | bytes):
        return None
    av = pyav()
    try:
        file = io.BytesIO(content) if isinstance(content, bytes) else open(content, "rb")  # noqa: SIM115
        container = av.open(file, options={"format_whitelist": CONTAINERS})
        picture_stream(container, content)
    except (av.error.FFmpegError, OSError, Unreadable):
        return None
    stream = container.streams.best("audio")
    return Sound(container, stream, start) if stream else None
