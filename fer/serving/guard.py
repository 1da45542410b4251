"""Checks the host name, origin and token of requests.

Pages of other sites can send requests to this server, to WebSockets even without CORS, and their host name can resolve
to this machine (DNS rebinding). The headers Origin and Host reveal both.
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
"""A host name or address, and a port: the header Host, and the header Origin after its scheme."""
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
    """ASGI middleware. The route checks the token of a WebSocket, since pages cannot send one in the handshake."""

    def __init__(self, app: ASGIApp, settings: Settings, meters: Meters):
        self.app, self.settings, self.meters = app, settings, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope.get("method") == "HEAD":  # answered as GET; uvicorn leaves the body out
            scope = {**scope, "method": "GET"}
        refused = self.reason_to_refuse(scope, Headers(scope=scope))
        if scope["type"] == "websocket":
            if refused:
                return await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
            return await self.app(scope, receive, send)
        started = time.perf_counter()
        try:
            await (refusal(*refused) if refused else self.app)(scope, receive, self.with_headers(scope, send, started))
        except Exception:
            self.meters.count_request(route_path(scope), 500, time.perf_counter() - started)
            raise

    def reason_to_refuse(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Returns status and reason of a refusal, None for an allowed request."""
        name = host_name(headers.get("host", ""))
        has_name = "host" in headers  # browsers always send it, monitors with HTTP/1.0 may not
        if self.settings.names and has_name and name not in self.settings.names:
            return 421, "this is not a name of the server; start it with --name NAME"
        origin = headers.get("origin")
        if origin is not None and not self.is_allowed(origin.lower(), headers.get("host", "")):
            return 403, f"pages of {origin[:100]} may not send requests; start the server with --cors ORIGIN"
        if needs_token(scope) and not is_admitted(self.settings.token, bearer(headers)):
            return 401, "a token is required: Authorization: Bearer TOKEN"
        return None

    def is_allowed(self, origin: str, host: str) -> bool:
        """Whether an origin is this server itself or was given with --cors."""
        own = ORIGIN.fullmatch(origin)
        return (own is not None and own[1] == host.lower()) or origin in self.settings.origins

    def with_headers(self, scope: Scope, send: Send, started: float) -> Send:
        """Wraps `send`: adds the security headers and counts the answer when its last part is sent."""
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
                self.meters.count_request(route_path(scope), status, time.perf_counter() - started)
            await send(message)

        return sent


def needs_token(scope: Scope) -> bool:
    """Whether a request needs the token, where the server has one."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return scope["type"] == "http" and scope["method"] != "OPTIONS" and path.startswith(PROTECTED)


def bearer(headers: Headers) -> str:
    """Returns the bearer token of a request, "" without one."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def is_admitted(token: str | None, candidate: str) -> bool:
    """Compares the token in constant time; True if the server has none."""
    return token is None or hmac.compare_digest(token.encode(), candidate.encode("utf-8", "replace"))


def host_name(host: str) -> str:
    """Returns the header Host without port, an IPv6 address without brackets, "" if it is invalid."""
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


def route_path(scope: Scope) -> str:
    """Returns the path of the matching route, or "other": arbitrary paths must not become metric labels."""
    return getattr(scope.get("route"), "path", "other")
