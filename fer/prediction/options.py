"""Command-line options of the network and the face detector, shared by fer.predict, fer.webcam and fer.serve."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from fer.arguments import add_trust, network_or_run, place, share

if TYPE_CHECKING:
    from fer.prediction.predictor import Predictor


def add_predictor_options(parser: ArgumentParser) -> None:
    """Adds --checkpoint, --yunet, --threshold and --trust."""
    parser.add_argument(
        "--checkpoint",
        type=network_or_run("--checkpoint"),
        metavar="FILE",
        help="standard, pocket or tiny, a run's folder, a .ckpt, or fer.export's .onnx",
    )
    parser.add_argument(
        "--yunet", type=place("--yunet"), metavar="MODEL", help="detect faces with this YuNet .onnx of OpenCV's zoo"
    )
    parser.add_argument(
        "--threshold", type=share, default=0.0, help='answer "unsure" if no probability reaches it (from 0 to 1)'
    )
    add_trust(parser)


def add_no_detect(parser: ArgumentParser) -> None:
    parser.add_argument("--no-detect", action="store_true", help="the pictures are cropped faces already")


def predictor_from(args: Namespace, differentiable: bool = False) -> "Predictor":
    """Builds the predictor from parsed options, those that a command lacks at their defaults.

    `differentiable` loads the network that ships with torch rather than onnxruntime. Raises UserError for a checkpoint
    or a detector that cannot be loaded.
    """
    from fer.prediction import detect, network
    from fer.prediction.predictor import Predictor

    detector = None
    if not getattr(args, "no_detect", False):
        detector = detect.YuNet(args.yunet) if args.yunet else detect.Haar()
    margin = getattr(args, "margin", None) or detect.MARGIN
    return Predictor(network.load(args.checkpoint, differentiable=differentiable), detector, args.threshold, margin)
