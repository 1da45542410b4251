"""The path, host name and scheme under which clients reach the server, if a proxy stands between."""

import ipaddress
import re
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from fer.errors import UserError
from fer.serving.settings import Network, Settings

ROOT_PATH = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
OWN_PATHS = ("v1", "docs", "healthz", "metrics", "openapi.json")
"""First parts of the server's own paths, which a root path must not begin with."""
SCHEMES = {"http": "ws", "https": "wss"}


class Proxies:
    """ASGI middleware for a server below a path, with or without a proxy that removes the path.

    X-Forwarded-Host, -Proto and -Prefix count if they come from an address of `settings.proxies`. The last value of
    each counts: it is that of the trusted proxy, where those before it may be the client's.
    """

    def __init__(self, app: ASGIApp, settings: Settings):
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope if scope["type"] == "lifespan" else self.as_client_sees(scope), receive, send)

    def as_client_sees(self, scope: Scope) -> dict[str, Any]:
        """Returns a copy of the scope whose `path` begins with its `root_path`."""
        scope = {**scope, "headers": list(scope["headers"])}
        root = self.settings.root_path
        if self.is_trusted(scope.get("client")):
            headers = MutableHeaders(scope=scope)
            prefix, host, scheme = (last(headers, f"x-forwarded-{name}") for name in ("prefix", "host", "proto"))
            if not root and ROOT_PATH.fullmatch(prefix.rstrip("/")):
                root = prefix.rstrip("/")
            if host:
                headers["host"] = host
            if scheme in SCHEMES:
                scope["scheme"] = scheme if scope["type"] == "http" else SCHEMES[scheme]
        if root and not f"{scope['path']}/".startswith(f"{root}/"):
            scope["path"] = root + scope["path"]
        return scope | {"root_path": root}

    def is_trusted(self, client: tuple[str, int] | None) -> bool:
        """Whether a connection comes from a trusted proxy."""
        try:
            address = ipaddress.ip_address(client[0]) if client else None
        except ValueError:  # a Unix socket
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return mapped is not None and any(mapped in network for network in self.settings.proxies)


def last(headers: MutableHeaders, name: str) -> str:
    """Returns the last of a header's values, "" without one."""
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()


def parse_root_path(text: str) -> str:
    """Checks a path such as /fer; returns it without the last slash. Raises UserError."""
    path = text.rstrip("/")
    if path and not ROOT_PATH.fullmatch(path):
        raise UserError(f"--root-path {text}: expected a path as /fer, of letters, digits and . _ ~ -")
    if path.split("/")[1:2] and path.split("/")[1] in OWN_PATHS:
        raise UserError(f"--root-path {text}: the server itself has paths of this name; choose another")
    return path


def parse_proxies(texts: list[str]) -> tuple[Network, ...]:
    """Parses addresses and networks, several with commas. Raises UserError."""
    networks = []
    for text in ",".join(texts).split(","):
        if not text.strip():
            continue
        try:
            networks.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise UserError(
                f"--trusted-proxies {text.strip()}: expected an address or a network as 127.0.0.1 or 10.0.0.0/8"
            ) from None
    return tuple(networks)
