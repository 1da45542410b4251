"""Exports a checkpoint to one file that runs without this package.

    python -m fer.export runs/train/defaults/seed-0
    python -m fer.export best.ckpt --precision int8 --data ~/data/fer2013.csv --out small.onnx
    python -m fer.export best.ckpt --format torch

Writes an ONNX file that contains resizing, normalisation, network, temperature and softmax. Its input is a batch of
uint8 grey pictures of any size, its output their probabilities; classes, temperature and preprocessing are in its
metadata. `fer.predict --checkpoint FILE.onnx` runs it without torch. The file is written only if its answers match
those of the network in torch.

--precision fp16 halves the size: weights are stored in float16, arithmetic stays float32. int8 computes convolutions
and linear layers in 8 bits, with ranges taken from training faces. The loss of accuracy is measured on the validation
split of --data, by default the run's own data. --format torch writes a torch.export program, --format weights a
checkpoint without optimizer and paths, in float16 with --precision fp16.
"""

import argparse
import sys

from fer.arguments import add_trust, path, place, run
from fer.errors import one_line_errors

FORMATS = ("onnx", "torch", "weights")


def export(args: argparse.Namespace) -> None:
    from fer.evaluation.options import parse_numbers
    from fer.exporting.formats import export

    export(args.checkpoint, args.kind, args.precision, args.data, args.out, parse_numbers(args.numbers))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "checkpoint", type=run("CHECKPOINT"), metavar="CHECKPOINT", help="a .ckpt, or a run's folder for its best"
    )
    parser.add_argument(
        "--out", type=place("--out"), metavar="FILE", help="default: beside the checkpoint, under its name"
    )
    parser.add_argument("--format", choices=FORMATS, default="onnx", dest="kind")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp32")
    parser.add_argument(
        "--data",
        type=path("--data"),
        metavar="PATH",
        action="append",
        help="data whose validation split measures the accuracy",
    )
    parser.add_argument(
        "--numbers", help="what class folders of --data that are numbers stand for: fer2013, affectnet, rafdb"
    )
    add_trust(parser)
    export(parser.parse_args(arguments))


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
