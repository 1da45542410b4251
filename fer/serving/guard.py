"""Checks who may ask: host name, origin and token.

Browsers send pages of other sites here as well, to WebSockets even without CORS, and a name of theirs can point to this
machine (DNS rebinding): both show in the headers Origin and Host.
"""

import hmac
import ipaddress
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer.serving.meters import Meters
from fer.serving.refusal import refusal
from fer.serving.settings import Settings

PROTECTED = ("/v1/", "/metrics")
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^][:/?#@\\\s]*)(?::[0-9]*)?")
"""A name or an address, and a port: the header Host, and the header Origin after its scheme."""
ORIGIN = re.compile(r"https?://([^/?#@\\\s]+)")
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware. A WebSocket's token is left to the route, since no page can send one with the handshake."""

    def __init__(self, app: ASGIApp, settings: Settings, meters: Meters):
        self.app, self.settings, self.meters = app, settings, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        refused = self.refused(scope["type"], scope["path"], Headers(scope=scope))
        if scope["type"] == "websocket":
            if refused:
                return await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
            return await self.app(scope, receive, send)
        started = time.perf_counter()
        try:
            await (refusal(*refused) if refused else self.app)(scope, receive, self.marked(scope, send, started))
        except Exception:
            self.meters.answered(known_path(scope), 500, time.perf_counter() - started)
            raise

    def refused(self, kind: str, path: str, headers: Headers) -> tuple[int, str] | None:
        """Status and reason, if so."""
        name = host_name(headers.get("host", ""))
        if self.settings.names and name not in self.settings.names:
            return 421, "the server does not go by this name; start it with --name NAME"
        origin = headers.get("origin")
        if origin is not None and not self.known(origin.lower(), headers.get("host", "")):
            return 403, f"pages of {origin[:100]} may not ask; start the server with --cors ORIGIN"
        if kind == "http" and path.startswith(PROTECTED) and not admitted(self.settings.token, bearer(headers)):
            return 401, "a token is needed: Authorization: Bearer TOKEN"
        return None

    def known(self, origin: str, host: str) -> bool:
        own = ORIGIN.fullmatch(origin)
        return (own is not None and own[1] == host.lower()) or origin in self.settings.origins

    def marked(self, scope: Scope, send: Send, started: float) -> Send:
        """`send` that adds the headers every answer has, and counts it when its last part goes."""
        status = 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self.settings.origins:
                    headers["cross-origin-resource-policy"] = "cross-origin"
            elif not message.get("more_body"):
                self.meters.answered(known_path(scope), status, time.perf_counter() - started)
            await send(message)

        return sent


def bearer(headers: Headers) -> str:
    """The token of a request, "" without one."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def admitted(token: str | None, given: str) -> bool:
    """Compared in a time that tells nothing about the token."""
    return token is None or hmac.compare_digest(token.encode(), given.encode("utf-8", "replace"))


def host_name(host: str) -> str:
    """Without the port; an IPv6 address without its brackets; "" for what is no host."""
    match = HOST.fullmatch(host.lower())
    if match is None:
        return ""
    name = match[1]
    if not name.startswith("["):
        return name
    try:
        return str(ipaddress.IPv6Address(name[1:-1]))
    except ValueError:
        return ""


def known_path(scope: Scope) -> str:
    """The route's own path: what people ask for at random must not become labels."""
    return getattr(scope.get("route"), "path", "other")
