"""Exports a checkpoint as one file that runs without this package.

    python -m fer.export runs/train/defaults/seed-0
    python -m fer.export best.ckpt --precision int8 --data ~/data/fer2013.csv --out small.onnx
    python -m fer.export best.ckpt --format torch

Writes an ONNX file with resize, normalisation, network, temperature and softmax inside: uint8 grey pictures of any size
and number in, probabilities out; classes, temperature and what to do before it are in its metadata. fer.predict
--checkpoint FILE.onnx runs it without torch. The file is compared with the network in torch before it counts as made.

--precision fp16 halves the size (weights are kept in float16, arithmetic stays float32); int8 computes convolutions and
linear layers in 8 bits, ranges taken from training faces. What either costs in accuracy is measured on the validation
split of --data, or of the run's own data where they are still there. --format torch writes a torch.export program,
--format weights a checkpoint without optimizer and paths, in float16 with --precision fp16.
"""

import argparse
import sys

from fer.arguments import add_trust, path, place, run
from fer.errors import one_line_errors
from fer.exporting.formats import SUFFIXES, export


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "checkpoint", type=run("CHECKPOINT"), metavar="CHECKPOINT", help="a .ckpt, or a run's folder for its best"
    )
    parser.add_argument(
        "--out", type=place("--out"), metavar="FILE", help="default: beside the checkpoint, under its name"
    )
    parser.add_argument("--format", choices=SUFFIXES, default="onnx", dest="kind")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp32")
    parser.add_argument(
        "--data",
        type=path("--data"),
        metavar="PATH",
        action="append",
        help="measure accuracy on their validation split",
    )
    add_trust(parser)
    args = parser.parse_args(arguments)
    export(args.checkpoint, args.kind, args.precision, args.data, args.out)


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
