"""Load test: many clients at once; measures answers per second and latency.

    python -m fer.serve --checkpoint RUN --limit seconds=60
    python -m fer.serving.load http://127.0.0.1:8000 --clients 32 --seconds 60 --out experiments/serving

Each client sends the same picture, a drawn face of 640×480 unless --picture names another, waits for the answer and
sends it again, over one connection. With --out writes load.csv (a line a request: seconds from the start, seconds to
the answer, status) and README.md with the figures. Exit code 1 if a request failed.
"""

import argparse
import http.client
import io
import os
import platform
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

WAIT = 60  # seconds after which an answer counts as none


class Asked(NamedTuple):
    """One request. begun: seconds from the start; status: 0 where no answer came."""

    begun: float
    seconds: float
    status: int


def load(address: str, picture: bytes, clients: int, seconds: float, token: str | None = None) -> list[Asked]:
    """What `clients` of them saw in that time; requests begun in it are waited for."""
    place, found, started = urlsplit(address), [], time.perf_counter()
    headers = {"Content-Type": "application/octet-stream"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def client() -> None:
        connection = http.client.HTTPConnection(place.hostname, place.port or 80, timeout=WAIT)
        while (begun := time.perf_counter() - started) < seconds:
            status = asked(connection, picture, headers)
            found.append(Asked(begun, time.perf_counter() - started - begun, status))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def asked(connection: http.client.HTTPConnection, picture: bytes, headers: dict[str, str]) -> int:
    """The status of the answer, 0 without one."""
    try:
        connection.request("POST", "/v1/predict", picture, headers)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status
    except (OSError, http.client.HTTPException):
        connection.close()  # the next request reopens it
        time.sleep(0.1)
        return 0


def figures(found: list[Asked], clients: int) -> dict[str, str]:
    """Column -> cell."""
    times = 1000 * np.array([one.seconds for one in found if one.status == 200])
    wrong = Counter(one.status for one in found if one.status != 200)
    span = max(one.begun + one.seconds for one in found)
    shares = [f"{value:,.0f}" for value in np.percentile(times, (50, 90, 99, 100))] if len(times) else ["–"] * 4
    failed = ", ".join(f"{count} × {status or 'no answer'}" for status, count in wrong.items())
    return {
        "clients": f"{clients}",
        "seconds": f"{span:.0f}",
        "requests": f"{len(found):,}",
        "failed": failed or "0",
        "requests/s": f"{len(times) / span:.1f}",
        **dict(zip(("p50 ms", "p90 ms", "p99 ms", "longest ms"), shares, strict=True)),
    }


def markdown(table: dict[str, str]) -> str:
    rows = [table.keys(), ["---"] * len(table), table.values()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(out: Path, found: list[Asked], table: dict[str, str], about: str) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"{one.begun:.3f},{one.seconds:.4f},{one.status}" for one in sorted(found)]
    (out / "load.csv").write_text("\n".join(["begun,seconds,status", *lines, ""]), encoding="utf-8")
    (out / "README.md").write_text(
        f"# {out.name}\n\n```\n{command()}\n```\n\n{markdown(table)}\n\n{about}\n", encoding="utf-8"
    )
    return [out / "load.csv", out / "README.md"]


def command() -> str:
    return " ".join(["python -m fer.serving.load", *sys.argv[1:]])


def conditions(before: float, picture: bytes, name: str) -> str:
    """What the figures hold for, in a sentence."""
    kind = platform.processor() or platform.machine()
    return (
        f"Each request sends {name} ({len(picture) / 1000:.0f} kB) over a connection that is kept. {os.cpu_count()} "
        f"cores ({kind}), shared by server and clients; load average {before:.1f} before the start and "
        f"{os.getloadavg()[0]:.1f} at the end, so whatever is above the clients' own part ran beside them."
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
    picture, before = args.picture.read_bytes() if args.picture else drawn(), os.getloadavg()[0]
    found = load(args.address, picture, args.clients, args.seconds, os.environ.get("FER_TOKEN"))
    table = figures(found, args.clients)
    about = conditions(before, picture, args.picture.name if args.picture else "a JPEG of 640×480 with a drawn face")
    print(f"{markdown(table)}\n{about}")
    if args.out:
        print("\n".join(f"wrote {path}" for path in write(args.out, found, table, about)))
    return int(table["failed"] != "0")


def drawn() -> bytes:
    from fer.serving.scene import scene

    file = io.BytesIO()
    scene(10).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
