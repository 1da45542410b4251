"""Opens the server's socket, and describes who can reach it."""

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
from fer.serving.connections import Config
from fer.serving.settings import Limits

BACKLOG = 128  # connections that are accepted at a time, and that wait to be accepted
REFUSING = 1.0
"""Seconds between the refusal of what is still queued at the end and the end of all connections."""
LOCAL = ("localhost", "127.0.0.1", "::1")
REASONS = {
    errno.EADDRINUSE: "is taken; --port 0 takes a free one",
    errno.EACCES: "needs administrator's rights; take one from 1024 on",
    errno.EADDRNOTAVAIL: "cannot be listened on: this machine has no such address",
}


def bound(host: str, port: int) -> socket.socket:
    """Listens from now on. Raises UserError where it cannot."""
    if not 0 <= port < 2**16:
        raise UserError(f"--port {port}: expected a number from 0 to 65535")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=256)
    except socket.gaierror:
        raise UserError(f"--host {host}: no address of this machine") from None
    except OSError as error:
        reason = REASONS.get(error.errno, f"cannot be listened on ({error})")
        raise UserError(f"port {port} of {host} {reason}") from None


def address_of(listener: socket.socket) -> str:
    """As a browser takes it."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_local(listener: socket.socket) -> bool:
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def reach(listener: socket.socket, token: str | None) -> str:
    """Who can ask, in words."""
    if is_local(listener):
        return "this machine only" if token is None else "this machine only, with the token"
    host = listener.getsockname()[0]
    who = "every network of this machine" if ipaddress.ip_address(host).is_unspecified else f"the network of {host}"
    terms = "with the token" if token else "WITHOUT a token: anyone who reaches it may use it; --token sets one"
    return f"{who}, {terms}; unencrypted, and browsers give cameras to https and localhost only"


def run(app: FastAPI, listener: socket.socket, limits: Limits) -> None:
    """Until Ctrl-C or SIGTERM. Requests are answered for `limits.grace` seconds more, the rest is refused with 503."""
    with log.summed(), suppress(Interrupted):  # uvicorn raises the signal once more when all is done
        server(app, limits).run(sockets=[listener])


@contextmanager
def in_background(app: FastAPI, listener: socket.socket, limits: Limits) -> Iterator[str]:
    """Serves in a thread for the length of the block, under the address it gets."""
    running = server(app, limits)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield address_of(listener)
    finally:
        running.should_exit = True
        thread.join()


class Server(uvicorn.Server):
    """uvicorn's, which ends in bounded time: it refuses what is still queued, and then ends every connection."""

    config: Config
    loop: asyncio.AbstractEventLoop | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        timer = self.loop.call_later(self.config.limits.grace, self.refuse)
        await super().shutdown(sockets)
        timer.cancel()

    def refuse(self) -> None:
        self.config.app.state.places.close()
        self.loop.call_later(REFUSING, self.end_connections)

    def end_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        """A second signal ends the grace."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.refuse)
        else:
            super().handle_exit(number, frame)


def server(app: FastAPI, limits: Limits) -> Server:
    log.quiet()
    config = Config(
        app,
        limits,
        app.state.meters,
        ws_max_size=limits.frame,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=limits.grace + 2 * REFUSING,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return Server(config)
