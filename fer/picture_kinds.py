"""Formats of picture files: their suffixes, and what to do about a file of a format that is not read."""

from functools import cache
from importlib.util import find_spec

from PIL import Image, features

KINDS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
}
"""Pillow's name of each format -> suffixes of its files. The content decides, not the suffix."""

SUFFIXES = tuple(suffix for suffixes in KINDS.values() for suffix in suffixes)
PACKAGES = {
    "HEIF": "pillow-heif: pip install 'fer-lightning[photos]'",
    "AVIF": "a newer Pillow: pip install 'pillow>=11.3'",
}
"""What reads these formats, and how to get it."""
READABLE = {"HEIF": find_spec("pillow_heif") is not None, "AVIF": "avif" in features.modules and features.check("avif")}
"""Whether formats are read that Pillow has not always had."""
FORMATS = tuple(kind for kind in KINDS if READABLE.get(kind, True))

HEAD = 200
"""Bytes at the start of a file that tell its format."""
BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIF": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}
"""Brands of the ISO base media file format (ISO/IEC 23008-12 and AVIF's specification). AVIF's go first: such a file
names mif1 as well."""
SIGNATURES = {
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"8BPS": "Photoshop",
    b"\0\0\1\0": "icon",
    b"<svg": "SVG",
    b"<?xml": "XML or SVG",
    b"<!doctype html": "web page",
    b"<html": "web page",
}
"""First bytes, in lower case where they are a tag -> name of a format that is not read."""
RAW = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IIRO", b"IIU\0", b"FUJIFILM")
"""First bytes of TIFF files, and of the raw files of cameras, most of which are TIFF as well."""
LFS_POINTER = b"version https://git-lfs"


def brand_of(head: bytes) -> str | None:
    """Returns "AVIF", "HEIF", "video" for another ISO media file such as MP4, or None for any other content."""
    if head[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(head[:4]), HEAD)
    brands = [head[place : place + 4] for place in (8, *range(16, length - 3, 4))]
    return next((kind for kind, names in BRANDS.items() if any(name in brands for name in names)), "video")


def why_unknown(head: bytes) -> str:
    """Returns why a file with these first bytes is not read, and the remedy where there is one."""
    kind = brand_of(head)
    if kind in PACKAGES:
        return f"{'HEIC' if kind == 'HEIF' else kind} pictures need {PACKAGES[kind]}"
    if kind == "video":
        return "a video, not a picture"
    if head.startswith(LFS_POINTER):
        return "a Git LFS pointer, not the picture itself; fetch it with git lfs pull"
    if head.startswith(RAW):
        return "a TIFF or camera raw file of a kind that is not read; save it as 8-bit JPEG, PNG or TIFF"
    start = head.lstrip().lower() if head.lstrip().startswith(b"<") else head
    names = [name for signature, name in SIGNATURES.items() if start.startswith(signature)]
    return f"not a picture of a known kind ({names[0]})" if names else "not a picture of a known kind"


def formats_for(head: bytes) -> tuple[str, ...]:
    """Returns the formats to try for a file with these first bytes, as `Image.open` takes them."""
    if brand_of(head) == "HEIF" and "HEIF" in FORMATS:
        register_heif()
        return ("HEIF",)
    return tuple(kind for kind in FORMATS if kind != "HEIF")


@cache
def register_heif() -> None:
    """Makes Pillow read HEIC and HEIF with pillow-heif, which takes a moment to import."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.register_mime("HEIF", "image/heif")
