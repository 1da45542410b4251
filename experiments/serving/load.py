"""Load test of a server: measures answers per second and latency with many concurrent clients.

    python -m fer.serve --checkpoint RUN --limit seconds=60
    python experiments/serving/load.py http://127.0.0.1:8000 --clients 32 --seconds 60 --out experiments/serving
    python experiments/serving/load.py before=http://127.0.0.1:8001 after=http://127.0.0.1:8002 --rounds 6

Each client sends one picture, waits for the answer and sends it again, over one connection. The picture is a drawn face
of 640×480 pixels unless --picture names another. Several servers are tested in turns, --rounds times each, so that
whatever else the machine does meets all of them; the ratios are those of the first. Processor time and memory are
those of a server on this machine and its child processes; unlike the rest they hardly depend on what else runs. --out
writes load.csv (a line for each request: server, seconds from the start, seconds to the answer, status) and README.md
with the figures. Exit code 1 if a request failed. The token is taken from the variable FER_TOKEN.
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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import psutil

from fer.arguments import positive, whole
from fer.errors import UserError, one_line_errors

TIMEOUT = 60  # seconds after which a request has failed
SCENE = Path(__file__).parents[1] / "page" / "scene.py"


class Request(NamedTuple):
    """A finished request. begun: seconds from the start of the test; status: 0 if no answer came."""

    begun: float
    seconds: float
    status: int


class Usage(NamedTuple):
    """What a server has used: requests answered, processor seconds, bytes of memory."""

    requests: float
    seconds: float
    memory: float


@dataclass
class Server:
    """A server under test. usage: pairs of what it had used before and after each round."""

    name: str
    address: str
    requests: list[Request] = field(default_factory=list)
    usage: list[tuple[Usage, Usage]] = field(default_factory=list)
    active: float = 0.0  # seconds of its rounds, the last answers included


def process_of(address: str) -> psutil.Process | None:
    """Returns the process of this machine that listens at an address, None if there is none that may be looked at."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == urlsplit(address).port:
                return psutil.Process(connection.pid) if connection.pid else None
    return None


def usage_of(server: Server) -> Usage | None:
    """Returns what a server and its child processes have used so far, None for a server of another machine."""
    process = process_of(server.address)
    if process is None:
        return None
    family = [process, *process.children(recursive=True)]
    times = [member.cpu_times() for member in family]
    memory = sum(member.memory_info().rss for member in family)
    return Usage(len(server.requests), sum(used.user + used.system for used in times), memory)


def run_round(server: Server, picture: bytes, clients: int, seconds: float, token: str | None) -> None:
    """Tests a server for `seconds` and adds what came of it."""
    before = usage_of(server)
    requests = run_clients(server.address, picture, clients, seconds, token)
    server.requests += [request._replace(begun=request.begun + server.active) for request in requests]
    server.active += max(request.begun + request.seconds for request in requests)
    after = usage_of(server)
    if before and after:
        server.usage.append((before, after))


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


def figures(requests: list[Request], clients: int, usage: Sequence[tuple[Usage, Usage]] = ()) -> dict[str, str]:
    """Returns column -> cell of the table.

    The slope of the memory leaves the first round out, in which a server reserves what it needs.
    """
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
        **usage_figures(usage),
    }


def usage_figures(usage: Sequence[tuple[Usage, Usage]]) -> dict[str, str]:
    """Returns processor time of the server per request, its memory, and the growth of it per million requests."""
    cells = dict.fromkeys(("server CPU ms/request", "memory MB", "MB/million requests"), "–")
    if not usage:
        return cells
    count = sum(after.requests - before.requests for before, after in usage)
    seconds = sum(after.seconds - before.seconds for before, after in usage)
    cells["server CPU ms/request"] = f"{1000 * seconds / count:.1f}"
    cells["memory MB"] = f"{usage[-1][1].memory / 1e6:,.0f}"
    later = [after for _, after in usage]
    if len(later) > 2:
        slope = np.polyfit([state.requests for state in later[1:]], [state.memory for state in later[1:]], 1)[0]
        cells["MB/million requests"] = f"{slope:,.0f}"  # bytes a request are megabytes a million
    return cells


def tabulate(servers: Sequence[Server], clients: int) -> list[dict[str, str]]:
    """Returns a row for each server; several have names and ratios to the first."""
    rows = [figures(server.requests, clients, server.usage) for server in servers]
    if len(servers) == 1:
        return rows
    speeds = [sum(request.status == 200 for request in server.requests) / server.active for server in servers]
    ratios = [f"{speed / speeds[0]:.2f}" if speeds[0] else "–" for speed in speeds]
    return [
        {"server": server.name, **row, "ratio": ratio} for server, row, ratio in zip(servers, rows, ratios, strict=True)
    ]


def markdown(table: list[dict[str, str]]) -> str:
    rows = [table[0].keys(), ["---"] * len(table[0]), *(row.values() for row in table)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(out: Path, servers: Sequence[Server], table: list[dict[str, str]], conditions: str) -> list[Path]:
    """Writes load.csv and README.md; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    lines = ["server,begun,seconds,status"]
    for server in servers:
        for begun, seconds, status in sorted(server.requests):
            lines.append(f"{server.name},{begun:.3f},{seconds:.4f},{status}")
    (out / "load.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    command = " ".join(["python experiments/serving/load.py", *sys.argv[1:]])
    text = f"# {out.name}\n\n```\n{command}\n```\n\n{markdown(table)}\n\n{conditions}\n"
    (out / "README.md").write_text(text, encoding="utf-8")
    return [out / "load.csv", out / "README.md"]


def conditions_of(load_before: float, picture: bytes, name: str) -> str:
    """Returns the conditions of the measurement in words."""
    kind = platform.processor() or platform.machine()
    return (
        f"Each request sends {name} ({len(picture) / 1000:.0f} kB) over a persistent connection. Server and clients "
        f"share {cores()} cores ({kind}); the load average was {load_before:.1f} before the start and "
        f"{os.getloadavg()[0]:.1f} at the end, other processes included."
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="+", type=server_of, metavar="URL", help="or NAME=URL; several in turns")
    parser.add_argument("--clients", type=whole, default=32)
    parser.add_argument("--seconds", type=positive, default=60, help="of each server, in all rounds")
    parser.add_argument("--rounds", type=whole, default=1)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    args = parser.parse_args(arguments)
    if args.picture and not args.picture.is_file():
        raise UserError(f"--picture {args.picture}: no such file")
    picture, name = drawn_picture(), "a JPEG of 640×480 with a drawn face"
    if args.picture:
        picture, name = args.picture.read_bytes(), args.picture.name
    load_before = os.getloadavg()[0]
    for _ in range(args.rounds):
        for server in args.servers:
            run_round(server, picture, args.clients, args.seconds / args.rounds, os.environ.get("FER_TOKEN"))
    table, conditions = tabulate(args.servers, args.clients), conditions_of(load_before, picture, name)
    print(f"{markdown(table)}\n{conditions}")
    if args.out:
        print("\n".join(f"wrote {path}" for path in write(args.out, args.servers, table, conditions)))
    return int(any(row["failed"] != "0" for row in table))


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def server_of(text: str) -> Server:
    """Parses URL or NAME=URL. Raises UserError."""
    name, separator, address = text.partition("=http")
    name, address = (name, f"http{address}") if separator else (text, text)
    if urlsplit(address).scheme != "http":
        raise UserError(f"{text}: expected http://HOST:PORT")
    return Server(name, address.rstrip("/"))


def drawn_picture() -> bytes:
    file = io.BytesIO()
    runpy.run_path(str(SCENE))["scene"](10).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
