"""Matches the classes of a data set with those of a network, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fer.counting import counted
from fer.data.class_names import key_of, suggestion
from fer.data.emotions import emotion_of
from fer.data.faces import Faces
from fer.errors import UserError


def counterpart(name: str, classes: Sequence[str]) -> str | None:
    """Returns the one of `classes` that is called `name` in any case, or else is the same emotion; None without one."""
    same = [known for known in classes if key_of(known) == key_of(name)]
    emotion = emotion_of(name)
    return next(iter(same or [known for known in classes if emotion and emotion_of(known) == emotion]), None)


def counterparts(
    names: Sequence[str], classes: Sequence[str], merge: Mapping[str, str] | None = None
) -> dict[str, str | None]:
    """Returns the one of `classes` that each of `names` stands for, after `labels.merge`; None without one."""
    merge = merge or {}
    matches = {}
    for name in names:
        merged = counterpart(name, list(merge))
        matches[name] = counterpart(merge[merged] if merged else name, classes)
    return matches


def matched(
    faces: Faces, classes: Sequence[str], merge: Mapping[str, str] | None = None
) -> tuple[Faces, dict[str, int]]:
    """Returns the faces whose class has a counterpart, labelled with `classes`, and the number left out of each other.

    Raises UserError where none is left.
    """
    matches = counterparts(faces.classes, classes, merge)
    codes = [-1 if match is None else classes.index(match) for match in matches.values()]
    labels = np.array([*codes, -1])[faces.labels]  # -1, no label, picks the last entry
    counts = np.bincount(faces.labels[faces.labels >= 0], minlength=len(faces.classes))
    left_out = {
        name: int(count)
        for (name, match), count in zip(matches.items(), counts, strict=True)
        if match is None and count
    }
    if (labels < 0).all():
        raise UserError(
            f"{', '.join(faces.sources)}: classes {', '.join(faces.classes)}, none of which the network knows "
            f"({', '.join(classes)}); name them with labels.rename='{{NAME: CLASS}}'"
        )
    kept = replace(faces, labels=labels, targets=None, classes=tuple(classes))
    return kept.take(labels >= 0), left_out


def sentences(
    left_out: Mapping[str, int], absent: Sequence[str], classes: Sequence[str], several_splits: bool = False
) -> list[str]:
    """Returns sentences on classes that only the data or only the network have; [] if both have the same.

    left_out: class of the data -> images, of all splits. absent: classes of the network without images. classes: all of
    the network. several_splits: whether fewer splits are evaluated than the data have.
    """
    lines = []
    if left_out:
        names = ", ".join(f"{name} {count:,}{_likely(name, classes)}" for name, count in left_out.items())
        total = sum(left_out.values())
        within = " of all splits" if several_splits else ""
        lines.append(
            f"{counted(total, 'image')}{within} left out, of classes that the network does not tell apart: {names}."
        )
    if absent:
        lines.append(
            f"The data hold no image of {', '.join(absent)}, which the network may predict nevertheless: such "
            "predictions count as wrong."
        )
    return lines


def _likely(name: str, classes: Sequence[str]) -> str:
    emotion = None if emotion_of(name) else suggestion(name)
    known = counterpart(emotion, classes) if emotion else None
    return f" (probably {known}: labels.rename='{{{name}: {known}}}')" if known else ""
