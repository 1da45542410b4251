"""Serves a network: a web page and an HTTP API.

    python -m fer.serve
    python -m fer.serve --checkpoint runs/train/defaults/seed-0 --port 0
    FER_TOKEN=$(openssl rand -hex 16) python -m fer.serve --host 0.0.0.0 --name pictures.example.org

    curl -F file=@photo.jpg http://127.0.0.1:8000/v1/predict

/ is a page for photos and the camera. /docs describes the API: /v1/predict, /v1/stream (WebSocket), /v1/model, /healthz
and /metrics. It accepts connections from this machine only unless --host names an address. It writes no file and stores
no picture. After Ctrl-C or SIGTERM it answers open requests for five seconds (--limit grace=…), refuses others with
503 and ends; the last line counts what it served.
"""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from fer.arguments import Parser, whole
from fer.errors import UserError, one_line_errors
from fer.prediction.options import add_no_detect, add_predictor_options, predictor_from
from fer.threads import all_cores

if TYPE_CHECKING:
    import socket

    from fer.prediction.predictor import Predictor
    from fer.serving.settings import Settings

TOKEN = "FER_TOKEN"


def parser() -> argparse.ArgumentParser:
    parser = Parser(prog="fer.serve", description=__doc__)
    add_predictor_options(parser)
    add_no_detect(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all networks")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 for a free one (default 8000)")
    parser.add_argument(
        "--token", help=f"token that requests must carry; the variable {TOKEN} hides it from other users"
    )
    parser.add_argument("--name", action="append", default=[], help="host name of the server, as behind a proxy")
    parser.add_argument(
        "--root-path", default="", metavar="PATH", help="path of the server behind a proxy, as /fer in example.org/fer/"
    )
    parser.add_argument(
        "--trusted-proxies",
        action="append",
        default=[],
        metavar="ADDRESSES",
        help="addresses or networks whose X-Forwarded-Host, -Proto and -Prefix count",
    )
    parser.add_argument("--cors", action="append", default=[], metavar="ORIGIN", help="origin whose pages may ask")
    parser.add_argument("--workers", type=whole, default=len(all_cores()), help="threads that read and detect")
    parser.add_argument(
        "--limit", action="append", default=[], metavar="NAME=VALUE", help="change a limit; --limit help lists them"
    )
    return parser


def serve(args: argparse.Namespace) -> None:
    """Serves until a signal ends it. Raises UserError if it cannot start."""
    check_packages()
    from fer.serving import listen

    settings = settings_from(args)
    listener = listen.bind(args.host, args.port)  # before anything is loaded: the port may be taken
    with listener:
        predictor = predictor_from(args)
        run(predictor, listener, with_host_names(settings, listener))


def run(predictor: "Predictor", listener: "socket.socket", settings: "Settings") -> None:
    """Serves until a signal ends it; prints the address first and the counts last."""
    from fer.prediction import network
    from fer.serving import listen
    from fer.serving.app import application
    from fer.serving.meters import Meters

    meters, address = Meters(), listen.address_of(listener)
    app = application(predictor, settings, meters)
    token = ' -H "Authorization: Bearer $FER_TOKEN"' if settings.token else ""
    print(network.describe(predictor.network))
    print(f"listening on {address} ({listen.describe_access(listener, settings.token)})")
    print(f"next: open {address} in a browser, or curl{token} -F file=@photo.jpg {address}/v1/predict", flush=True)
    listen.run(app, listener, settings.limits)
    print(meters.summary())


def settings_from(args: argparse.Namespace) -> "Settings":
    """Builds the settings from parsed options. Raises UserError for invalid ones."""
    from fer.serving.proxies import parse_proxies, parse_root_path
    from fer.serving.settings import Settings, parse_limits, parse_origin, parse_token

    token = parse_token(args.token if args.token is not None else os.environ.get(TOKEN))
    origins = tuple(parse_origin(origin) for origin in args.cors)
    names = tuple(name.lower() for name in args.name)
    proxies, root_path = parse_proxies(args.trusted_proxies), parse_root_path(args.root_path)
    return Settings(parse_limits(args.limit), token, origins, names, args.workers, root_path, proxies)


def with_host_names(settings: "Settings", listener: "socket.socket") -> "Settings":
    """Returns the settings with localhost's names added if others were given, or if only this machine can connect."""
    from dataclasses import replace

    from fer.serving.listen import LOCAL, is_local

    if settings.names or is_local(listener):
        return replace(settings, names=(*settings.names, *LOCAL))
    return settings


def check_packages() -> None:
    """Raises UserError if packages of the server are not installed."""
    from importlib.util import find_spec

    names = ("fastapi", "uvicorn", "websockets", "python_multipart", "prometheus_client")
    if missing := [name for name in names if find_spec(name) is None]:
        raise UserError(f"fer.serve needs {', '.join(missing)}: pip install 'fer-lightning[serve]'")


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    if args.limit == ["help"]:
        from fer.serving.settings import limit_lines

        print("\n".join(limit_lines()))
        return 0
    serve(args)
    return 0


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
