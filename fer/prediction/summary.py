"""Prints one line per face, and the counts at the end."""

from collections import Counter, defaultdict

from fer.console import counted
from fer.prediction.predictor import Face
from fer.prediction.stream import Result
from fer.streams import printable

ROWS = 60  # lines on the terminal; files have everything
NAME = 44  # characters of a picture's name


class Summary:
    """Counts everything, keeps the first lines."""

    def __init__(self):
        self.rows: list[tuple[str, str, str, str]] = []
        self.left_out = 0
        self.pictures = self.frames = self.empty = self.broken = 0
        self.labels: Counter[str] = Counter()
        self.tracks: dict[str, dict[int, list[tuple[float, str]]]] = defaultdict(lambda: defaultdict(list))

    def add(self, result: Result) -> None:
        name = shortened(result.source.name)
        self.labels.update(face.label for face in result.faces)
        if result.frame is not None:
            self.frames += 1
            for face in result.faces:
                self.tracks[name][face.track].append((result.seconds, face.label))
            return
        self.pictures += 1
        self.broken += bool(result.error)
        self.empty += not result.error and not result.faces
        if result.error:
            reason = printable(result.error.removeprefix(f"{result.source.name}: "))
            self.rows.append((name, "", "", reason))
        elif not result.faces:
            self._row(name, "", "", "no face found")
        for number, face in enumerate(result.faces, 1):
            self._row(name, f"{number}/{len(result.faces)}", place(face), ranked(face))

    def _row(self, *row: str) -> None:
        if len(self.rows) < ROWS:
            self.rows.append(row)
        else:
            self.left_out += 1

    def lines(self) -> list[str]:
        rows = [*self.rows, *self._track_rows()]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        lines = ["  ".join((*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3])) for row in rows]
        if self.left_out:
            lines.append(f"… and {self.left_out:,} more; --csv=FILE has them all")
        return [*lines, self.count()]

    def _track_rows(self) -> list[tuple[str, str, str, str]]:
        rows = []
        for name, tracks in self.tracks.items():
            for number, seen in sorted(tracks.items()):
                counted = Counter(label for _, label in seen).most_common(3)
                shares = ", ".join(f"{label} {100 * n / len(seen):.0f} %" for label, n in counted)
                rows.append((name, str(number), f"{seen[0][0]:.1f}–{seen[-1][0]:.1f} s", f"{shares} of its frames"))
        if len(rows) > ROWS:
            self.left_out += len(rows) - ROWS
        return rows[:ROWS]

    def count(self) -> str:
        """All in one line."""
        seen = [counted(n, what) for n, what in ((self.pictures, "picture"), (self.frames, "frame")) if n]
        faces = counted(self.labels.total(), "face")
        shares = [f"{label} {count:,}" for label, count in self.labels.most_common()]
        wrong = [f"{n:,} {what}" for n, what in ((self.empty, "without a face"), (self.broken, "unreadable")) if n]
        return "; ".join(filter(None, (f"{' and '.join(seen) or 'nothing'}, {faces}", ", ".join(shares), *wrong)))


def place(face: Face) -> str:
    left, top, width, height = face.box
    return f"{width}×{height} at {left},{top}"


def ranked(face: Face) -> str:
    """The two most probable classes, or both in doubt."""
    best = sorted(face.probabilities.items(), key=lambda pair: -pair[1])[:2]
    text = ", ".join(f"{name} {100 * share:.0f} %" for name, share in best)
    return text if face.label == best[0][0] else f"{face.label} ({text})"


def shortened(name: str) -> str:
    """`name` as a terminal can show it; of a long one, its end."""
    name = printable(name)
    return name if len(name) <= NAME else f"…{name[1 - NAME :]}"
