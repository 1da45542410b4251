"""The socket the server listens on, and in words who can reach it."""

import errno
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from fastapi import FastAPI

from fer.errors import Interrupted, UserError
from fer.serving.settings import Limits

GRACE = 10
"""Seconds that requests at work have to end after Ctrl-C or SIGTERM."""
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
    terms = "with the token" if token else "WITHOUT a token: whoever reaches it may use it; --token sets one"
    return f"{who}, {terms}; unencrypted, and browsers give cameras to https and localhost only"


def run(app: FastAPI, listener: socket.socket, limits: Limits) -> None:
    """Until Ctrl-C or SIGTERM; what is at work is answered first."""
    with suppress(Interrupted):  # uvicorn raises the signal once more when all is done
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


def server(app: FastAPI, limits: Limits) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=limits.frame,
        ws_per_message_deflate=False,
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=GRACE,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return uvicorn.Server(config)
