"""Recognises the faces in front of a camera, in a window.

    python -m fer.webcam
    python -m fer.webcam --camera 1 --csv=timeline.csv --out recording
    python -m fer.webcam --camera film.mp4 --no-window --csv=timeline.csv

Each face keeps its number while it is in sight, and its probabilities are smoothed over the last moments. Frames that
nobody had time for are dropped, so that what is shown is now; the rate is in the corner. Nothing is stored unless --csv
(a line a face and frame) or --out (the annotated video) is given. q, Esc or closing the window ends it, Ctrl-C too.

The window is Tk's, which comes with Python: OpenCV's own windows need opencv-python, which overwrites the files of
opencv-python-headless that the rest runs on, and brings libraries that servers lack.
"""

import argparse
import sys
import time
from collections import deque
from pathlib import Path

from fer.arguments import add_trust, path, place, run, whole
from fer.errors import Interrupted, UserError, one_line_errors

SPAN = 30  # frames over which the rate is taken


def watch(args: argparse.Namespace) -> int:
    """Until the film, the user or `--frames` ends it. Returns the number of frames."""
    from fer.prediction import detect, network, outputs
    from fer.prediction.draw import annotated
    from fer.prediction.pictures import Source
    from fer.prediction.predictor import Predictor
    from fer.prediction.summary import Summary
    from fer.prediction.video import Camera, Video, followed

    detector = detect.YuNet(args.yunet) if args.yunet else detect.Haar()
    predictor = Predictor(network.load(args.checkpoint), detector, args.threshold)
    print(network.about(predictor.network), flush=True)
    video = Camera(int(args.camera)) if args.camera.isdigit() else Video(Path(args.camera))
    source = Source(f"camera {args.camera}", b"", "camera.mp4")
    screen = NoWindow() if args.no_window else open_window()
    files: list[outputs.Output] = []
    if args.csv:
        files.append(outputs.Csv(args.csv, predictor.network.classes))
    if args.out:
        files.append(outputs.Annotated(args.out))
    summary, times = Summary(), deque([time.perf_counter()], maxlen=SPAN)
    try:
        for result in followed(source, video.frames(), predictor):
            times.append(time.perf_counter())
            for output in (summary, *files):
                output.add(result)
            rate = (len(times) - 1) / (times[-1] - times[0])
            screen.show(annotated(result.picture, result.faces, f"{rate:.1f} frames/s"))
            if not screen.open or summary.frames == args.frames:
                break
    except Interrupted:
        pass  # Ctrl-C is how one leaves; what was recorded is kept
    finally:
        screen.close()
        written = [line for output in files if (line := output.close())]
    seconds = times[-1] - times[0]
    print("\n".join(summary.lines()))
    print(f"{(len(times) - 1) / seconds if seconds else 0:.1f} frames/s at the end")
    print("\n".join([f"wrote {line}" for line in written] or ["wrote no file; --csv=FILE and --out FOLDER do"]))
    print("next: python -m fer.predict PICTURE --probe    (explains the answer)")
    return summary.frames


class NoWindow:
    """Stands where a window would, for machines without a display."""

    open = True

    def show(self, picture) -> None:
        pass

    def close(self) -> None:
        pass


def open_window():
    """Tk's window, or a UserError that says why there can be none."""
    from fer.prediction.window import Window

    return Window("fer")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--camera", default="0", help="its number, or a video file in its place (default 0)")
    parser.add_argument(
        "--checkpoint", type=run("--checkpoint"), metavar="FILE", help="a run's folder, a .ckpt, or fer.export's .onnx"
    )
    parser.add_argument(
        "--yunet", type=place("--yunet"), metavar="MODEL", help="find faces with this YuNet .onnx of OpenCV's zoo"
    )
    parser.add_argument("--threshold", type=float, default=0.0, help='"unsure" where no probability reaches it')
    parser.add_argument("--csv", type=path("--csv"), metavar="FILE", help="timeline: a line a face and frame")
    parser.add_argument("--out", type=place("--out"), metavar="FOLDER", help="the annotated video")
    parser.add_argument("--no-window", action="store_true", help="for machines without a display")
    parser.add_argument("--frames", type=whole, metavar="N", help="end after so many")
    add_trust(parser)
    args = parser.parse_args(arguments)
    if not 0 <= args.threshold <= 1:
        raise UserError(f"--threshold {args.threshold}: expected a number from 0 to 1")
    watch(args)
    return 0


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
