"""Opens the server's socket, describes who can connect, and runs the server."""

import asyncio
import errno
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from fer.errors import Interrupted, UserError
from fer.serving import log
from fer.serving.connections import HTTP, WebSocket
from fer.serving.deadlines import Config
from fer.serving.settings import Limits

BACKLOG = 128  # connections that wait to be accepted
REFUSAL_SECONDS = 1.0
"""Seconds at shutdown between refusing the queued requests and ending all connections."""
LOCAL = ("localhost", "127.0.0.1", "::1")
REASONS = {
    errno.EADDRINUSE: "is taken; --port 0 uses a free one",
    errno.EACCES: "needs administrator rights; use 1024 or higher",
    errno.EADDRNOTAVAIL: "cannot be used: this machine has no such address",
}


def bind(host: str, port: int) -> socket.socket:
    """Returns a listening socket. Raises UserError for a port or address that cannot be used."""
    if not 0 <= port < 2**16:
        raise UserError(f"--port {port}: expected a number from 0 to 65535")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=256)
    except socket.gaierror:
        raise UserError(f"--host {host}: no address of this machine") from None
    except OSError as error:
        reason = REASONS.get(error.errno or 0, f"cannot be used ({error})")
        raise UserError(f"port {port} of {host} {reason}") from None


def address_of(listener: socket.socket) -> str:
    """Returns the URL of the server."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_local(listener: socket.socket) -> bool:
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def describe_access(listener: socket.socket, token: str | None) -> str:
    """Describes who can connect, with or without a token."""
    if is_local(listener):
        return "this machine only" if token is None else "this machine only, with the token"
    host = listener.getsockname()[0]
    network = "all networks of this machine" if ipaddress.ip_address(host).is_unspecified else f"the network of {host}"
    access = "with the token" if token else "WITHOUT a token: anyone who can connect may use it; --token sets one"
    return f"{network}, {access}; unencrypted, and browsers allow cameras only on https and localhost"


def run(app: FastAPI, listener: socket.socket, limits: Limits) -> None:
    """Serves until Ctrl-C or SIGTERM. Open requests get `limits.grace` seconds, later ones are refused with 503."""
    with log.rate_limited(), suppress(Interrupted):  # uvicorn raises the signal again at its end
        server(app, limits).run(sockets=[listener])


@contextmanager
def in_background(app: FastAPI, listener: socket.socket, limits: Limits) -> Iterator[str]:
    """Serves in a thread during the block; yields the URL."""
    running = server(app, limits)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield address_of(listener)
    finally:
        running.should_exit = True
        thread.join()


class Server(uvicorn.Server):
    """uvicorn's server with a bounded shutdown: it refuses queued requests and then ends all connections."""

    config: Config
    loop: asyncio.AbstractEventLoop | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        timer = self.loop.call_later(self.config.limits.grace, self.refuse)
        await super().shutdown(sockets)
        timer.cancel()

    def refuse(self) -> None:
        self.config.places.close()
        asyncio.get_running_loop().call_later(REFUSAL_SECONDS, self.end_connections)

    def end_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        """Refuses open requests at the second signal."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.refuse)
        else:
            super().handle_exit(number, frame)


def server(app: FastAPI, limits: Limits) -> Server:
    """Builds the server of an application with its limits."""
    log.quiet()
    config = Config(
        app,
        limits,
        http=HTTP,
        ws=WebSocket,
        ws_max_size=limits.frame,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=limits.grace + 2 * REFUSAL_SECONDS,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return Server(config)
