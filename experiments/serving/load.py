"""Load test of a server: measures answers per second and latency with many concurrent clients.

    python -m fer.serve --checkpoint RUN --limit seconds=60
    python experiments/serving/load.py http://127.0.0.1:8000 --clients 32 --seconds 60 --out experiments/serving

Each client sends one picture, waits for the answer and sends it again, over one connection. The picture is a drawn face
of 640×480 pixels unless --picture names another. --out writes load.csv (a line for each request: seconds from the
start, seconds to the answer, status) and README.md with the figures. Exit code 1 if a request failed. The token is
taken from the variable FER_TOKEN.
"""

import argparse
import http.client
import io
import os
import platform
import runpy
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

from fer.arguments import positive, whole
from fer.errors import UserError, one_line_errors

TIMEOUT = 60  # seconds after which a request has failed
SCENE = Path(__file__).parents[1] / "page" / "scene.py"


class Request(NamedTuple):
    """A finished request. begun: seconds from the start of the test; status: 0 if no answer came."""

    begun: float
    seconds: float
    status: int


def run_clients(address: str, picture: bytes, clients: int, seconds: float, token: str | None = None) -> list[Request]:
    """Runs `clients` threads for `seconds`; returns all requests. Requests that were begun in time are awaited."""
    url, requests, started = urlsplit(address), [], time.perf_counter()
    headers = {"Content-Type": "application/octet-stream"}
    if token:
        headers["Authorization"] = f"Bearer {token}"

    def client() -> None:
        connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=TIMEOUT)
        while (begun := time.perf_counter() - started) < seconds:
            status = post(connection, picture, headers)
            requests.append(Request(begun, time.perf_counter() - started - begun, status))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return requests


def post(connection: http.client.HTTPConnection, picture: bytes, headers: dict[str, str]) -> int:
    """Returns the status of the answer, 0 if none came."""
    try:
        connection.request("POST", "/v1/predict", picture, headers)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status
    except (OSError, http.client.HTTPException):
        connection.close()  # the next request reopens it
        time.sleep(0.1)
        return 0


def figures(requests: list[Request], clients: int) -> dict[str, str]:
    """Returns column -> cell of the table."""
    milliseconds = 1000 * np.array([request.seconds for request in requests if request.status == 200])
    failures = Counter(request.status for request in requests if request.status != 200)
    span = max(request.begun + request.seconds for request in requests)
    latencies = ["–"] * 4
    if len(milliseconds):
        latencies = [f"{value:,.0f}" for value in np.percentile(milliseconds, (50, 90, 99, 100))]
    failed = ", ".join(f"{count} × {status or 'no answer'}" for status, count in failures.items())
    return {
        "clients": f"{clients}",
        "seconds": f"{span:.0f}",
        "requests": f"{len(requests):,}",
        "failed": failed or "0",
        "requests/s": f"{len(milliseconds) / span:.1f}",
        **dict(zip(("p50 ms", "p90 ms", "p99 ms", "longest ms"), latencies, strict=True)),
    }


def markdown(table: dict[str, str]) -> str:
    rows = [table.keys(), ["---"] * len(table), table.values()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(out: Path, requests: list[Request], table: dict[str, str], conditions: str) -> list[Path]:
    """Writes load.csv and README.md; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"{request.begun:.3f},{request.seconds:.4f},{request.status}" for request in sorted(requests)]
    (out / "load.csv").write_text("\n".join(["begun,seconds,status", *lines, ""]), encoding="utf-8")
    command = " ".join(["python experiments/serving/load.py", *sys.argv[1:]])
    text = f"# {out.name}\n\n```\n{command}\n```\n\n{markdown(table)}\n\n{conditions}\n"
    (out / "README.md").write_text(text, encoding="utf-8")
    return [out / "load.csv", out / "README.md"]


def conditions_of(load_before: float, picture: bytes, name: str) -> str:
    """Returns the conditions of the measurement in words."""
    kind = platform.processor() or platform.machine()
    return (
        f"Each request sends {name} ({len(picture) / 1000:.0f} kB) over a persistent connection. Server and clients "
        f"share {os.cpu_count()} cores ({kind}); the load average was {load_before:.1f} before the start and "
        f"{os.getloadavg()[0]:.1f} at the end, other processes included."
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", metavar="URL")
    parser.add_argument("--clients", type=whole, default=32)
    parser.add_argument("--seconds", type=positive, default=60)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    args = parser.parse_args(arguments)
    if urlsplit(args.address).scheme != "http":
        raise UserError(f"{args.address}: expected http://HOST:PORT")
    if args.picture and not args.picture.is_file():
        raise UserError(f"--picture {args.picture}: no such file")
    picture, name = drawn_picture(), "a JPEG of 640×480 with a drawn face"
    if args.picture:
        picture, name = args.picture.read_bytes(), args.picture.name
    load_before = os.getloadavg()[0]
    requests = run_clients(args.address, picture, args.clients, args.seconds, os.environ.get("FER_TOKEN"))
    table, conditions = figures(requests, args.clients), conditions_of(load_before, picture, name)
    print(f"{markdown(table)}\n{conditions}")
    if args.out:
        print("\n".join(f"wrote {path}" for path in write(args.out, requests, table, conditions)))
    return int(table["failed"] != "0")


def drawn_picture() -> bytes:
    file = io.BytesIO()
    runpy.run_path(str(SCENE))["scene"](10).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
