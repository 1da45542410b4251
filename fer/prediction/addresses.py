"""Downloads pictures whose addresses the user typed, with --allow-url."""

from urllib.error import URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from fer.pictures import Unreadable

MAX_BYTES = 256 << 20
SECONDS = 30.0
HANDLERS = (ProxyHandler, HTTPHandler, HTTPSHandler, HTTPRedirectHandler, HTTPDefaultErrorHandler, HTTPErrorProcessor)


def download(address: str, name: str) -> bytes:
    """Returns the content at an http or https address. Raises Unreadable for what is not there in time, or too long."""
    opener = OpenerDirector()  # knows no file: and ftp: addresses, to which a server could redirect
    for handler in HANDLERS:
        opener.add_handler(handler())
    try:
        with opener.open(Request(address, headers={"User-Agent": "fer"}), timeout=SECONDS) as answer:
            content = answer.read(MAX_BYTES + 1)
    except (URLError, OSError, ValueError) as error:
        raise Unreadable(name, f"cannot be downloaded ({getattr(error, 'reason', None) or error})") from error
    if len(content) > MAX_BYTES:
        raise Unreadable(name, f"more than the {MAX_BYTES >> 20} MB that are downloaded")
    return content
