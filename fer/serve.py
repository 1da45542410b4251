"""Serves a network: a web page and an HTTP API.

    python -m fer.serve
    python -m fer.serve --checkpoint runs/train/defaults/seed-0 --port 0
    FER_TOKEN=$(openssl rand -hex 16) python -m fer.serve --host 0.0.0.0 --name pictures.example.org

    curl -F file=@photo.jpg http://127.0.0.1:8000/v1/predict

/ is a page that takes photos and the camera, /docs lists the rest: /v1/predict, /v1/stream (WebSocket), /v1/model,
/healthz, /metrics. Listens on this machine only unless --host says otherwise. Writes no file and keeps nothing of what
it is sent. After Ctrl-C or SIGTERM it answers for five seconds more (--limit grace=…), refuses the rest with 503 and
ends; the last line says what it served.
"""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from fer.arguments import add_trust, place, run
from fer.errors import UserError, one_line_errors

if TYPE_CHECKING:
    import socket

    from fer.prediction.predictor import Predictor
    from fer.serving.settings import Settings

TOKEN = "FER_TOKEN"


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer.serve", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--checkpoint", type=run("--checkpoint"), metavar="FILE", help="a run's folder, a .ckpt, or fer.export's .onnx"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 is every network")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default 8000)")
    parser.add_argument("--token", help=f"ask everyone for it; better kept in the variable {TOKEN}, which nobody sees")
    parser.add_argument("--name", action="append", default=[], help="a host name it goes by, behind a proxy say")
    parser.add_argument("--cors", action="append", default=[], metavar="ORIGIN", help="whose pages may ask too")
    parser.add_argument(
        "--yunet", type=place("--yunet"), metavar="MODEL", help="find faces with this YuNet .onnx of OpenCV's zoo"
    )
    parser.add_argument("--no-detect", action="store_true", help="every picture is a face, cropped already")
    parser.add_argument("--threshold", type=float, default=0.0, help='"unsure" where no probability reaches it')
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="threads that read and search")
    parser.add_argument(
        "--limit", action="append", default=[], metavar="NAME=VALUE", help="--limit help lists them with their values"
    )
    add_trust(parser)
    return parser


def serve(args: argparse.Namespace) -> None:
    """Until a signal ends it. Raises UserError for what cannot be served."""
    missing()
    from fer.serving import listen

    settings = settings_of(args)
    listener = listen.bound(args.host, args.port)  # a port that is taken is said before anything is loaded
    with listener:
        predictor = predictor_of(args)
        start(predictor, listener, named(settings, listener))


def start(predictor: "Predictor", listener: "socket.socket", settings: "Settings") -> None:
    from fer.prediction import network
    from fer.serving import listen
    from fer.serving.app import application
    from fer.serving.meters import Meters

    meters, address = Meters(), listen.address_of(listener)
    app = application(predictor, settings, meters)
    token = ' -H "Authorization: Bearer $FER_TOKEN"' if settings.token else ""
    print(network.about(predictor.network))
    print(f"listening on {address} ({listen.reach(listener, settings.token)})")
    print(f"next: open {address} in a browser, or curl{token} -F file=@photo.jpg {address}/v1/predict", flush=True)
    listen.run(app, listener, settings.limits)
    print(meters.served())


def settings_of(args: argparse.Namespace) -> "Settings":
    from fer.serving.settings import Settings, limits_of, origin_of, token_of

    token = token_of(args.token if args.token is not None else os.environ.get(TOKEN))
    if not 0 <= args.threshold <= 1:
        raise UserError(f"--threshold {args.threshold}: expected a number from 0 to 1")
    if args.workers < 1:
        raise UserError(f"--workers {args.workers}: expected a positive integer")
    origins, names = tuple(map(origin_of, args.cors)), tuple(name.lower() for name in args.name)
    return Settings(limits_of(args.limit), token, origins, names, args.workers)


def named(settings: "Settings", listener: "socket.socket") -> "Settings":
    """With the names of this machine, where only this machine can ask, or where others were given."""
    from dataclasses import replace

    from fer.serving.listen import LOCAL, is_local

    if settings.names or is_local(listener):
        return replace(settings, names=(*settings.names, *LOCAL))
    return settings


def predictor_of(args: argparse.Namespace) -> "Predictor":
    from fer.prediction import detect, network
    from fer.prediction.predictor import Predictor

    detector = None
    if not args.no_detect:
        detector = detect.YuNet(args.yunet) if args.yunet else detect.Haar()
    return Predictor(network.load(args.checkpoint), detector, args.threshold)


def missing() -> None:
    """Raises UserError where the server's packages are not installed."""
    from importlib.util import find_spec

    names = ("fastapi", "uvicorn", "websockets", "python_multipart", "prometheus_client")
    if lacking := [name for name in names if find_spec(name) is None]:
        raise UserError(f"fer.serve needs {', '.join(lacking)}: pip install 'fer-lightning[serve]'")


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    if args.limit == ["help"]:
        from fer.serving.settings import described

        print("\n".join(described()))
        return 0
    serve(args)
    return 0


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
