"""Formats the printed lines: one for each face, and the counts last."""

from collections import Counter, defaultdict

from fer.counting import counted
from fer.prediction.draw import NO_FACE
from fer.prediction.pictures import Source
from fer.prediction.predictor import UNSURE, Face
from fer.prediction.stream import Result
from fer.streams import printable

MAX_ROWS = 60  # further lines are only counted
MAX_NAME = 44  # characters of a picture's name


class Summary:
    """Counts all results and keeps the first lines.

    reasons: why pictures could not be read. example: the first picture with a face.
    """

    def __init__(self):
        self.rows: list[tuple[str, str, str, str]] = []
        self.left_out = 0
        self.pictures = self.frames = self.empty = self.broken = 0
        self.labels: Counter[str] = Counter()
        self.reasons: set[str] = set()
        self.example: Source | None = None
        self.tracks: dict[str, dict[int, list[tuple[float, str]]]] = defaultdict(lambda: defaultdict(list))

    def add(self, result: Result) -> None:
        name = shorten(result.source.name)
        self.labels.update(face.label for face in result.faces)
        if result.frame is not None:
            self.frames += 1
            for face in result.faces:
                self.tracks[name][face.number].append((result.seconds or 0.0, face.label))
            return
        self.pictures += 1
        if result.error:
            self.broken += 1
            self.reasons.add(result.reason)
            self.rows.append((name, "", "", result.reason))
        elif not result.faces:
            self.empty += 1
            self._row(name, "", "", NO_FACE)
        elif self.example is None:
            self.example = result.source
        for face in result.faces:
            self._row(name, f"{face.number}/{len(result.faces)}", position(face), top_classes(face))

    def _row(self, name: str, number: str, place: str, text: str) -> None:
        if len(self.rows) < MAX_ROWS:
            self.rows.append((name, number, place, text))
        else:
            self.left_out += 1

    def lines(self) -> list[str]:
        """Returns a line for each face or track, and the counts."""
        rows = [*self.rows, *self._track_rows()]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        lines = []
        for name, number, place, text in rows:
            lines.append("  ".join([name.ljust(widths[0]), number.ljust(widths[1]), place.ljust(widths[2]), text]))
        if self.left_out:
            lines.append(f"… and {self.left_out:,} more; --csv=FILE has them all")
        return [*lines, self.count()]

    def _track_rows(self) -> list[tuple[str, str, str, str]]:
        rows = []
        for name, tracks in self.tracks.items():
            for number, frames in sorted(tracks.items()):
                labels = Counter(label for _, label in frames).most_common(3)
                shares = ", ".join(f"{label} {100 * count / len(frames):.0f} %" for label, count in labels)
                span = f"{frames[0][0]:.1f}–{frames[-1][0]:.1f} s"
                rows.append((name, str(number), span, f"{shares} of its frames"))
        if len(rows) > MAX_ROWS:
            self.left_out += len(rows) - MAX_ROWS
        return rows[:MAX_ROWS]

    def count(self) -> str:
        """Returns all counts in one line."""
        inputs = []
        if self.pictures:
            inputs.append(counted(self.pictures, "picture"))
        if self.frames:
            inputs.append(counted(self.frames, "frame"))
        parts = [f"{' and '.join(inputs) or 'nothing'}, {counted(self.labels.total(), 'face')}"]
        if self.labels:
            parts.append(", ".join(f"{label} {count:,}" for label, count in self.labels.most_common()))
        if self.empty:
            parts.append(f"{self.empty:,} without a face")
        if self.broken:
            parts.append(f"{self.broken:,} unreadable")
        return "; ".join(parts)


def position(face: Face) -> str:
    left, top, width, height = face.box
    return f"{width}×{height} at {left},{top}"


def top_classes(face: Face) -> str:
    """Returns the two most probable classes; in parentheses if the face is "unsure"."""
    return f"{UNSURE} ({face.likeliest()})" if face.label == UNSURE else face.likeliest()


def shorten(name: str) -> str:
    """Returns the printable name; of a long name its end."""
    name = printable(name)
    return name if len(name) <= MAX_NAME else f"…{name[1 - MAX_NAME :]}"
