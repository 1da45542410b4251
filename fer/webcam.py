"""Recognises the faces before a camera and shows them in a window.

    python -m fer.webcam
    python -m fer.webcam --camera 1 --csv=timeline.csv --out recording
    python -m fer.webcam --camera film.mp4 --no-window --csv=timeline.csv
    python -m fer.webcam --camera rtsp://user:password@camera.local/stream

Each face keeps its number while it is visible, and its probabilities are smoothed over time. Frames that arrive while
another is processed are dropped, so the window is never late; the rate is in the corner. Nothing is stored unless --csv
(a line for each face and frame) or --out (the annotated video) is given. q, Esc, closing the window or Ctrl-C ends it.
A camera or stream that is interrupted is opened again, up to five times within half a minute.

The window is Tk's, which comes with Python: OpenCV's own windows need opencv-python, which overwrites the files of
opencv-python-headless that the other commands use, and needs libraries that servers lack.
"""

import argparse
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fer.arguments import Parser, path, place, whole
from fer.errors import Interrupted, one_line_errors
from fer.prediction.options import add_predictor_options, predictor_from
from fer.streams import printable

if TYPE_CHECKING:
    from fer.prediction.outputs import Output
    from fer.prediction.pictures import Source
    from fer.prediction.predictor import Predictor
    from fer.prediction.video import Frame

RATE_FRAMES = 30  # frames over which the rate is measured


def watch(args: argparse.Namespace) -> int:
    """Recognises faces until the video ends, the user ends it, or `--frames` are done; returns the number of frames."""
    from fer.pictures import Unreadable
    from fer.prediction.draw import annotate
    from fer.prediction.next_step import after_recognition
    from fer.prediction.predictor import describe
    from fer.prediction.summary import Summary
    from fer.prediction.video import track_faces

    predictor = predictor_from(args)
    print(describe(predictor), flush=True)
    source = source_of(args.camera)
    frames = frames_of(source)
    screen = NoWindow() if args.no_window else open_window()
    outputs = outputs_from(args, predictor)
    ended, summary, times = [], Summary(), deque([time.perf_counter()], maxlen=RATE_FRAMES)
    try:
        for result in track_faces(source, frames, predictor):
            times.append(time.perf_counter())
            for output in (summary, *outputs):
                output.add(result)
            if result.picture is not None:
                screen.show(annotate(result.picture, result.faces, f"{rate(times):.1f} frames/s"))
            if not screen.open or summary.frames == args.frames:
                break
    except Interrupted:
        pass  # Ctrl-C ends the recording and keeps it
    except Unreadable as error:
        ended = [printable(str(error))]
        if not summary.frames:
            raise
    finally:
        screen.close()
        written = [line for output in outputs if (line := output.close())]
    lines = [*ended, *summary.lines(), f"{rate(times):.1f} frames/s at the end"]
    lines += [f"wrote {line}" for line in written] or ["wrote no file; --csv=FILE and --out FOLDER do"]
    print("\n".join([*lines, *after_recognition(summary, args)]))
    return summary.frames


def source_of(place: str) -> "Source":
    """Returns the camera, the stream or the video that --camera names."""
    from fer.prediction.inputs import camera_number
    from fer.prediction.live import is_address, shown
    from fer.prediction.pictures import Source

    if number := camera_number(place):
        return Source(f"camera {number}", number, "camera.mp4", "live")
    if is_address(place):
        return Source(shown(place), place, "camera.mp4", "live")
    return Source(place, Path(place), "camera.mp4", "video")


def frames_of(source: "Source") -> Iterator["Frame"]:
    """Opens the source and returns its frames. Raises Unreadable if it cannot be opened."""
    from fer.prediction.live import live
    from fer.prediction.video import Video

    return (live(str(source.content)) if source.kind == "live" else Video(source.file)).frames()


def rate(times: deque[float]) -> float:
    """Returns frames per second, 0 for a single time."""
    seconds = times[-1] - times[0]
    return (len(times) - 1) / seconds if seconds else 0.0


def outputs_from(args: argparse.Namespace, predictor: "Predictor") -> list["Output"]:
    """Opens the outputs that the options name."""
    from fer.prediction import copies, outputs

    opened: list[Output] = []
    if args.csv:
        opened.append(outputs.Csv(args.csv, predictor.network.classes))
    if args.out:
        opened.append(copies.Annotated(args.out))
    return opened


class NoWindow:
    """A window that shows nothing, for machines without a display."""

    open = True

    def show(self, picture) -> None:
        pass

    def close(self) -> None:
        pass


def open_window():
    """Opens a Tk window. Raises UserError if none can be opened."""
    from fer.prediction.window import Window

    return Window("fer")


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--camera",
        default="0",
        help="number of a camera, address of a stream (rtsp, http …), or a video file (default 0)",
    )
    add_predictor_options(parser)
    parser.add_argument("--csv", type=path("--csv"), metavar="FILE", help="timeline: a line for each face and frame")
    parser.add_argument("--out", type=place("--out"), metavar="FOLDER", help="the annotated video")
    parser.add_argument("--no-window", action="store_true", help="for machines without a display")
    parser.add_argument("--frames", type=whole, metavar="N", help="end after N frames")
    watch(parser.parse_args(arguments))
    return 0


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
