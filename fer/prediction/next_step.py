"""Chooses the last line of `fer.predict` and `fer.webcam`: what to type next, fitted to what happened."""

import shlex
from argparse import Namespace
from collections.abc import Collection
from pathlib import Path

from fer.arguments import again
from fer.prediction.options import detector_name
from fer.prediction.pictures import Source
from fer.prediction.summary import Summary

MISSING = "no such file"
"""The reason that sources give for a file that does not exist."""
CHECK_PATH = "next: check the path; a folder or a pattern in quotes reads several: 'photos/*.jpg'"
UNREACHABLE = ("no stream can be opened", "cannot be opened", "cannot be downloaded", "it ended after")
"""The beginnings of the reasons that cameras, streams and addresses give."""
CHECK_ADDRESS = "next: check the address or the camera's number, and that another player shows it"
CONVERT = "next: save what is unreadable as JPEG, PNG or MP4"


def after_recognition(summary: Summary, args: Namespace) -> list[str]:
    """Returns the line for pictures and videos, [] if there is nothing to suggest."""
    if summary.broken:
        return [after_unreadable(summary.reasons)]
    if summary.empty or (summary.frames and not summary.labels):
        return without_face(args)
    if summary.example is None:  # videos, which --probe does not explain
        return []
    return [f"next: {probe_command(summary.example, args)}    (explains the answer)"]


def after_unreadable(reasons: Collection[str]) -> str:
    """Returns the line for pictures that cannot be read; reasons: see `Unreadable`."""
    if MISSING in reasons:
        return CHECK_PATH
    if any(reason.startswith(UNREACHABLE) for reason in reasons):
        return CHECK_ADDRESS
    return CONVERT


def without_face(args: Namespace) -> list[str]:
    """Returns the line about options that may find a face."""
    remedies = []
    if not getattr(args, "no_detect", True):
        remedies.append("--no-detect takes cropped faces")
    if detector_name(args) == "haar":
        remedies.append("--detector yunet finds more faces, tilted ones too")
    return [f"next: {'; '.join(remedies)}"] if remedies else []


def probe_command(source: Source, args: Namespace) -> str:
    """Returns the command that explains the answer for a picture, with the options that the answer depended on."""
    name = source.name if isinstance(source.content, Path) and source.name.isprintable() else "PICTURE"
    words = ["python", "-m", "fer.predict", name]
    words += ["--checkpoint", str(args.checkpoint)] if args.checkpoint else []
    words += ["--detector", args.detector] if args.detector else []
    words += ["--yunet", str(args.yunet)] if args.yunet else []
    words += ["--no-detect"] if args.no_detect else []
    words += ["--margin", f"{args.margin:g}"] if args.margin else []
    return f"{shlex.join(words)}{again()} --probe"
