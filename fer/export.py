"""Exports a checkpoint to one file that runs without this package.

    python -m fer.export runs/train/defaults/seed-0
    python -m fer.export best.ckpt --precision int8 --data ~/data/fer2013.csv --out small.onnx
    python -m fer.export best.ckpt --format torch
    python -m fer.export best.ckpt --fixed --opset 17
    python -m fer.export --page FOLDER

Writes an ONNX file that contains resizing, normalisation, network, temperature and softmax. Its input is a batch of
uint8 grey pictures of any size (axes batch, height, width), its output their probabilities; classes, temperature and
preprocessing are in its metadata. `fer.predict --checkpoint FILE.onnx` runs it without torch. The file is written only
if its answers match those of the network in torch.

--precision fp16 halves the size: weights are stored in float16, arithmetic stays float32. int8 computes convolutions
and linear layers in 8 bits, with ranges taken from training faces. The loss of accuracy is measured on the validation
split of --data, by default the run's own data. --format torch writes a torch.export program, --format weights a
checkpoint without optimizer and paths, in float16 with --precision fp16. CoreML and TFLite are not written: their
packages start from what --format torch writes (not tried here).

--fixed is for runtimes without dynamic shapes, such as OpenCV's DNN: one picture of 48×48 a call, without resizing.
--page writes a web page that recognises faces in the browser and sends nothing, for any web server: the network
(CHECKPOINT, a file of fer.export, or by default the one that ships), the page and onnxruntime-web, which npm downloads
unless --runtime names its folder.
"""

import argparse
import sys

from fer.arguments import add_trust, path, place, run, whole
from fer.errors import UserError, one_line_errors

FORMATS = ("onnx", "torch", "weights")


def export(args: argparse.Namespace) -> None:
    if args.checkpoint is None:
        raise UserError("name a CHECKPOINT: a .ckpt, or a run's folder (only --page does without one)")
    if is_onnx(args):
        raise UserError(
            f"{args.checkpoint} is an ONNX file already; fer.predict --checkpoint and fer.export --page use it"
        )
    from fer.evaluation.options import parse_numbers
    from fer.exporting.formats import export

    numbers = parse_numbers(args.numbers)
    export(args.checkpoint, args.kind, args.precision, args.data, args.out, numbers, args.opset, args.fixed)


def page(args: argparse.Namespace) -> None:
    """Writes the folder of --page, first the network from a checkpoint if one is named."""
    from fer.exporting.page_folder import NETWORK, runtime_files, write_page

    if args.kind != "onnx" or args.out is not None:
        raise UserError("--page names the folder and takes an ONNX file: leave --out and --format out")
    checkpoint = None if is_onnx(args) else args.checkpoint
    if checkpoint is None and (args.data or args.opset or args.fixed or args.precision != "fp32"):
        raise UserError("--precision, --data, --opset and --fixed are for a CHECKPOINT; ONNX files stay as they are")
    runtime, network, name = runtime_files(args.runtime), args.checkpoint, ""
    if checkpoint is not None:
        args.out, name = args.page / NETWORK, checkpoint.name
        export(args)
        network = args.out
    print("\n".join(write_page(network, args.page, runtime, name)))


def is_onnx(args: argparse.Namespace) -> bool:
    return args.checkpoint is not None and args.checkpoint.suffix == ".onnx"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "checkpoint",
        nargs="?",
        type=run("CHECKPOINT"),
        metavar="CHECKPOINT",
        help="a .ckpt, or a run's folder for its best",
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
    parser.add_argument(
        "--opset", type=whole, metavar="N", help="version of ONNX's operators (default: the exporter's)"
    )
    parser.add_argument("--fixed", action="store_true", help="for one picture of 48×48, without dynamic shapes")
    parser.add_argument(
        "--page", type=place("--page"), metavar="FOLDER", help="write a page that runs without a server"
    )
    parser.add_argument(
        "--runtime", type=place("--runtime"), metavar="FOLDER", help="for --page: onnxruntime-web (default: from npm)"
    )
    add_trust(parser)
    args = parser.parse_args(arguments)
    if args.runtime and not args.page:
        raise UserError("--runtime is for --page FOLDER")
    page(args) if args.page else export(args)


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
