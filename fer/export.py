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
checkpoint without optimizer and paths, in float16 with --precision fp16. CoreML and TFLite are not written;
fer/exporting/README.md shows how their packages convert a network.

--fixed is for runtimes without dynamic shapes, such as OpenCV's DNN: one picture of 48×48 a call, without resizing.
--page writes a web page that recognises faces in the browser and sends nothing, for any web server: the network
(CHECKPOINT, a file of fer.export, or by default the one that ships), the page and onnxruntime-web, which npm downloads
unless --runtime names its folder.
"""

import argparse
import sys
from pathlib import Path

from fer.arguments import Parser, add_trust, path, place, run, whole
from fer.errors import UserError, one_line_errors

FORMATS = ("onnx", "torch", "weights")
SUFFIXES = {".onnx": "onnx", ".pt2": "torch", ".pt": "weights", ".ckpt": "weights"}
IN_PYTHON = "convert the network in Python, as fer/exporting/README.md shows"
FROM_ONNX = "convert the ONNX file that fer.export writes, with "
OTHERS = {
    "coreml": ((".mlpackage", ".mlmodel"), IN_PYTHON),
    "tflite": ((".tflite",), IN_PYTHON),
    "openvino": ((".xml",), f"{FROM_ONNX}OpenVINO's ovc"),
    "tensorrt": ((".engine", ".trt", ".plan"), f"{FROM_ONNX}trtexec --onnx=FILE"),
    "ncnn": ((".param",), f"{FROM_ONNX}pnnx"),
}
"""Formats that are not written -> suffixes, and what writes them."""


def export(args: argparse.Namespace) -> None:
    if args.checkpoint is None:
        raise UserError("name a CHECKPOINT: a .ckpt, or a run's folder (only --page does without one)")
    if is_onnx(args):
        raise UserError(
            f"{args.checkpoint} is an ONNX file already; fer.predict --checkpoint and fer.export --page use it"
        )
    check_format(args.kind, args.out)
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


def check_format(kind: str, out: Path | None) -> None:
    """Raises UserError for a format that is not written, and for a file with the suffix of another format."""
    suffix = out.suffix.lower() if out else ""
    for name, (suffixes, remedy) in OTHERS.items():
        if kind == name or suffix in suffixes:
            raise UserError(f"{out or f'--format {kind}'}: {name} is not written; {remedy}")
    if SUFFIXES.get(suffix, kind) != kind:
        raise UserError(f"{out}: {suffix} is the suffix of --format {SUFFIXES[suffix]}, and --format is {kind}")


def is_onnx(args: argparse.Namespace) -> bool:
    return args.checkpoint is not None and args.checkpoint.suffix == ".onnx"


def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description=__doc__)
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
    parser.add_argument(
        "--format", choices=(*FORMATS, *OTHERS), default="onnx", dest="kind", metavar=f"{{{','.join(FORMATS)}}}"
    )
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
