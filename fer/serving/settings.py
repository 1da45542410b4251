"""Limits and permissions of a server. The defaults suit a machine that others can reach."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from ipaddress import IPv4Network, IPv6Network

from fer.errors import UserError

Network = IPv4Network | IPv6Network
MIN_TOKEN = 16
"""Least length of a token in characters; `openssl rand -hex 16` prints 32."""


@dataclass(frozen=True)
class Limits:
    """Limits beyond which a request is refused with the reason."""

    body: int = field(default=16 * 2**20, metadata={"unit": "bytes of a request"})
    pictures: int = field(default=16, metadata={"unit": "pictures in a request"})
    pixels: int = field(default=40_000_000, metadata={"unit": "pixels of a picture, checked before it is decoded"})
    faces: int = field(default=32, metadata={"unit": "faces of a picture, the largest ones"})
    requests: int = field(default=64, metadata={"unit": "predictions at a time"})
    seconds: float = field(default=20.0, metadata={"unit": "seconds for a request, its upload included"})
    streams: int = field(default=8, metadata={"unit": "cameras at a time"})
    frame: int = field(default=2 * 2**20, metadata={"unit": "bytes of a camera's frame"})
    rate: float = field(default=30.0, metadata={"unit": "frames a second of a camera"})
    idle: float = field(default=30.0, metadata={"unit": "seconds a camera may be silent"})
    watch: float = field(default=3600.0, metadata={"unit": "seconds a camera may be watched"})
    connections: int = field(default=256, metadata={"unit": "connections at a time"})
    header: float = field(default=10.0, metadata={"unit": "seconds for the header of a request"})
    taking: float = field(default=30.0, metadata={"unit": "seconds for a client to take an answer"})
    grace: float = field(default=5.0, metadata={"unit": "seconds for requests to end after Ctrl-C or SIGTERM"})


@dataclass(frozen=True)
class Settings:
    """Settings of a server.

    token: required of requests, unless it is None. origins: other sites whose pages may send requests (CORS).
    names: host names of the server; empty allows any. workers: threads that decode pictures and detect faces.
    root_path: path below which clients reach the server, "" for none. proxies: their X-Forwarded-* headers count.
    """

    limits: Limits = Limits()
    token: str | None = None
    origins: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    workers: int = 1
    root_path: str = ""
    proxies: tuple[Network, ...] = ()


def parse_limits(options: Sequence[str]) -> Limits:
    """Parses "name=value" options. Raises UserError for unknown names and for values that are not above 0."""
    kinds = {limit.name: type(limit.default) for limit in fields(Limits)}
    changed = {}
    for option in options:
        name, _, text = option.partition("=")
        if name not in kinds:
            raise UserError(f"--limit {option}: no limit '{name}'; there are {', '.join(kinds)}")
        changed[name] = kinds[name](number(option, text))
        if changed[name] <= 0:
            raise UserError(f"--limit {option}: expected a number above 0")
    return replace(Limits(), **changed)


def number(option: str, text: str) -> float:
    """Parses a number below 1e12; `option` is for the message."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < 1e12:
        raise UserError(f"--limit {option}: expected a number above 0")
    return value


def parse_token(text: str | None) -> str | None:
    """Checks a token. Raises UserError if it is too short or has characters that an HTTP header cannot carry."""
    if text is None:
        return None
    if len(text) < MIN_TOKEN or not all("!" <= letter <= "~" for letter in text):
        raise UserError(
            f"--token: expected {MIN_TOKEN} or more letters, digits and signs without spaces (openssl rand -hex 16)"
        )
    return text


def parse_origin(text: str) -> str:
    """Checks and lower-cases an origin. Raises UserError unless it is scheme and host as browsers send them."""
    scheme, separator, host = text.partition("://")
    if scheme not in ("http", "https") or not separator or not host or "/" in host or "*" in host:
        raise UserError(f"--cors {text}: expected scheme and host as in https://example.org, without a path")
    return text.lower()


def limit_lines() -> list[str]:
    """Returns a line for each limit: name, default and meaning."""
    lines = []
    for limit in fields(Limits):
        setting = f"{limit.name}={limit.default}"
        lines.append(f"{setting:<18} {limit.metadata['unit']}")
    return lines
