"""Expands INPUT (files, folders, globs, standard input, cameras, addresses) into a list of pictures and videos."""

import glob
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fer.data.files import Directory
from fer.errors import UserError
from fer.picture_kinds import HEAD, brand_of
from fer.pictures import SUFFIXES
from fer.prediction.pictures import Source

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".flv", ".f4v", ".3gp", ".3g2"),
    *(".wmv", ".asf", ".mpg", ".mpeg", ".vob", ".ogv"),
)
TRANSPORT, SYNC, PACKET = (".ts", ".mts", ".m2ts"), 0x47, 188
"""Suffixes of MPEG transport streams, first byte and length of their packets: TypeScript has the suffix .ts too. In
.m2ts four bytes precede each packet."""
STREAMS = (".m3u8", ".mjpg", ".mjpeg", ".sdp")
"""Suffixes of addresses that are streams, as those in VIDEOS are."""
SIGNATURES = (b"\x1a\x45\xdf\xa3", b"FLV", b"\x30\x26\xb2\x75", b"OggS", b"\0\0\1\xba", b"\0\0\1\xb3")
"""First bytes of Matroska and WebM, FLV, ASF and WMV, Ogg and MPEG files."""
STDIN = "-"
WEB, ADDRESSES = ("http", "https"), ("rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp")


def sources(inputs: Sequence[str], allow_url: bool = False) -> list[Source]:
    """Returns the pictures and videos of all inputs in their order, those of a folder sorted by name.

    allow_url: whether pictures at http and https addresses are downloaded. Raises UserError for a pattern without a
    match, for a folder without pictures or videos, and for such an address where it is not allowed.
    """
    return [source for text in inputs for source in _expand(text, allow_url)]


def camera_number(text: str) -> str | None:
    """Returns the number of a camera, typed as such or as Linux's device; None for other text."""
    number = text.removeprefix("/dev/video")
    return number if number.isdigit() else None


def is_video(source: Source) -> bool:
    return source.kind != "picture"


def _expand(text: str, allow_url: bool) -> Iterator[Source]:
    path = Path(os.path.expanduser(text))
    if text == STDIN:
        yield standard_input()
    elif text.partition("://")[0].lower() in (*WEB, *ADDRESSES) and "://" in text:
        yield address(text, allow_url)
    elif (number := camera_number(text)) and not (path.is_file() or path.is_dir()):
        yield Source(f"camera {number}", number, "camera.mp4", "live")
    elif path.is_dir():
        yield from _folder_sources(path)
    elif path.exists() or not glob.has_magic(text):  # a missing file becomes an error in the results
        yield file_source(text, path, path.name)
    else:
        names = sorted(glob.glob(str(path), recursive=True))
        if not names:
            raise UserError(f"{text}: nothing matches; check the pattern")
        for name in names:
            if glob.has_magic(name):  # a file name with brackets is not a pattern again
                yield file_source(name, Path(name), Path(name).name)
            else:
                yield from _expand(name, allow_url)


def file_source(name: str, path: Path, place: str) -> Source:
    """Returns a file as a picture or a video: by its suffix, by its content where that is another or none."""
    suffix = path.suffix.lower()
    video = suffix in VIDEOS if suffix in (*SUFFIXES, *VIDEOS) else looks_like_video(head_of(path))
    return Source(name, path, place, "video" if video else "picture")


def head_of(path: Path) -> bytes:
    """Returns the first bytes of a file, none where it is a pipe or cannot be read."""
    try:
        if path.is_file():
            with open(path, "rb") as file:
                return file.read(HEAD)
    except OSError:
        pass
    return b""


def looks_like_video(head: bytes) -> bool:
    """Whether these are the first bytes of a video file."""
    avi = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    packets = (head[: PACKET + 1 : PACKET], head[4 : PACKET + 9 : PACKET + 4])
    transport = bytes((SYNC, SYNC)) in packets
    quicktime = head[4:8] in (b"moov", b"mdat", b"wide")
    return avi or transport or quicktime or brand_of(head) == "video" or head.startswith(SIGNATURES)


def standard_input() -> Source:
    """Returns the picture or video on standard input; a video is kept in a file that ends with the process.

    Raises UserError if it is closed.
    """
    if sys.stdin is None:
        raise UserError("-: standard input is closed; name a file")
    head = sys.stdin.buffer.read(HEAD)
    if not looks_like_video(head):
        return Source("standard input", head + sys.stdin.buffer.read(), "stdin.png")
    import tempfile

    file = tempfile.NamedTemporaryFile(prefix="fer-", suffix=".video")  # noqa: SIM115
    _kept.append(file)
    file.write(head)
    shutil.copyfileobj(sys.stdin.buffer, file)
    file.flush()
    return Source("standard input", Path(file.name), "stdin.mp4", "video")


_kept: list = []
"""Temporary files, which are removed when the process ends."""


def address(text: str, allow_url: bool) -> Source:
    """Returns the stream or the picture at an address. Raises UserError for a picture that may not be downloaded."""
    from fer.prediction.live import shown

    parts = urlsplit(text)
    name = Path(unquote(parts.path)).name or parts.hostname or "stream"
    if parts.scheme.lower() in ADDRESSES or name.lower().endswith((*VIDEOS, *STREAMS)):
        return Source(shown(text), text, f"{Path(name).stem}.mp4", "live")
    if not allow_url:
        raise UserError(f"{shown(text)}: pictures are downloaded with --allow-url only")
    return Source(shown(text), text, name if name.lower().endswith(SUFFIXES) else f"{name}.png")


def _folder_sources(folder: Path) -> Iterator[Source]:
    names = [name for name in Directory(folder).names if name.lower().endswith(SUFFIXES + VIDEOS)]
    names = [name for name in names if not name.lower().endswith(TRANSPORT) or looks_like_video(head_of(folder / name))]
    if not names:
        raise UserError(f"{folder}: it contains no picture ({' '.join(SUFFIXES)}) and no video ({' '.join(VIDEOS)})")
    for name in names:
        yield file_source(str(folder / name), folder / name, name)
