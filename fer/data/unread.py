"""Says what files hold that is not read, and what to do."""

from fer.counting import counted
from fer.data.files import Directory, Files, SingleFile, files_at
from fer.data.own_source import ARRAYS, FOR_ARRAYS
from fer.data.places import image_names
from fer.data.reading import ARCHIVES, COMPRESSED

PACKED = (".rar", ".7z", ".tar.xz", ".tar.bz2", ".tbz2", ".txz", ".z01", ".part1.rar", ".zst")
TABLES = (".xlsx", ".xls", ".ods", ".jsonl", ".ndjson", ".db", ".sqlite", ".sqlite3")
OTHER_PICTURES = (
    ".jp2",
    ".j2k",
    ".jpf",
    ".jxl",
    ".tga",
    ".psd",
    ".pcx",
    ".dds",
    ".exr",
    ".dng",
    ".cr2",
    ".nef",
    ".dcm",
)
VIDEOS = (".avi", ".mp4", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg", ".webm")


def advice(files: Files) -> str:
    """Returns what lies there in place of a data set and the remedy; "" where nothing better than silence is known."""
    for suffixes, remedy in (
        (ARRAYS, f"a file of arrays or records, and nothing says what they mean; {FOR_ARRAYS}"),
        (TABLES, "a kind of table that is not read; save it as csv with columns emotion and pixels, or path and label"),
        (OTHER_PICTURES, "a format of pictures that is not read; save them as PNG or JPEG"),
        (PACKED, "a kind of archive that is not read; unpack it, or pack it as zip or tar.gz"),
    ):
        name = next((name for name in files.names if uncompressed(name).endswith(suffixes)), None)
        if name is not None:
            return f"{files.path(name)}: {remedy}"
    packed = next((name for name in files.names if name.lower().endswith(ARCHIVES)), None)
    if packed is None:
        return _without_labels(files)
    if isinstance(files, Directory):
        return advice(files_at(files.root / packed, files.limits)) or _without_labels(files)
    return f"{files.path(packed)}: an archive inside an archive; unpack the outer one"


def uncompressed(name: str) -> str:
    """Returns the name in lower case, without the suffix of a single compressed file."""
    name = name.lower()
    return next((name.removesuffix(suffix) for suffix in COMPRESSED if name.endswith(suffix)), name)


def _without_labels(files: Files) -> str:
    pictures, single = image_names(files), isinstance(files, SingleFile)
    videos = [name for name in files.names if name.lower().endswith(VIDEOS)]
    if pictures and not single:
        return (
            f"{files.root}: {counted(len(pictures), 'picture')} such as {pictures[0]} and no labels: no folder right "
            "around them is called by an emotion, and no list of a public data set is there; name a table of pictures "
            "and labels with data.labels=FILE, or train on folders of any name with data=folder"
        )
    if videos and isinstance(files, Directory):
        frames = "cut pictures out of them, as with ffmpeg -i VIDEO -vf fps=1 EMOTION/VIDEO_%03d.png"
        return f"{files.root}: {len(videos):,} videos, such as {videos[0]}, and no pictures; {frames}"
    if single and not pictures:
        kinds = ".csv, .csv.gz, .zip, .tar.gz, .parquet, .arrow"
        return f"{files.path(files.names[0])}: not a kind of file that is read ({kinds}); if it is one, rename it so"
    return ""
