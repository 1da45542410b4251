"""Limits and permissions of a server. The defaults suit a machine that others can reach."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from fer.errors import UserError

LEAST = 16
"""Characters of a token: `openssl rand -hex 16` makes 32."""


@dataclass(frozen=True)
class Limits:
    """Beyond each of them a request is refused with the reason, and nothing else happens."""

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
    """token: asked of everyone where it is not None. origins: pages of other sites that may ask too (CORS).

    names: what the server is called by those who may ask; empty takes any name. workers: threads that read pictures
    and search them for faces.
    """

    limits: Limits = Limits()
    token: str | None = None
    origins: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    workers: int = 1


def limits_of(options: Sequence[str]) -> Limits:
    """From "name=value" each. Raises UserError for another name, and for a value that is no number above 0."""
    kinds = {one.name: type(one.default) for one in fields(Limits)}
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
    try:
        value = float(text)
        return value if abs(value) < 1e12 else float("x")
    except ValueError:
        raise UserError(f"--limit {option}: expected a number above 0") from None


def token_of(text: str | None) -> str | None:
    """Raises UserError for one that is too short to be a secret, or that no HTTP header can carry."""
    if text is None:
        return None
    if len(text) < LEAST or not all("!" <= letter <= "~" for letter in text):
        raise UserError(
            f"--token: expected {LEAST} or more letters, digits and signs without spaces (openssl rand -hex 16)"
        )
    return text


def origin_of(text: str) -> str:
    """Raises UserError for what is no origin as browsers write it."""
    scheme, separator, host = text.partition("://")
    if scheme not in ("http", "https") or not separator or not host or "/" in host or "*" in host:
        raise UserError(f"--cors {text}: expected scheme and host as in https://example.org, without a path")
    return text.lower()


def described() -> list[str]:
    """A line a limit: name, default, unit."""
    return [f"{one.name + '=' + str(one.default):<18} {one.metadata['unit']}" for one in fields(Limits)]
