import socket

import pytest

from fer.errors import UserError
from fer.serving import listen


def test_a_port_that_is_taken_is_said():
    with listen.bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 is taken; --port 0 uses a free one"):
            listen.bind("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("192.0.2.1", 0, "this machine has no such address"),
        ("no such name", 0, "--host no such name: no address"),
        ("127.0.0.1", 65536, "expected a number from 0 to 65535"),
        ("127.0.0.1", -1, "expected a number from 0 to 65535"),
    ],
)
def test_a_place_that_is_none_is_said(host, port, reason):
    with pytest.raises(UserError, match=reason):
        listen.bind(host, port)


def test_only_this_machine_is_told_apart_from_a_network():
    with listen.bind("127.0.0.1", 0) as here, listen.bind("0.0.0.0", 0) as everywhere:
        assert listen.describe_access(here, None) == "this machine only"
        assert listen.describe_access(here, "secret") == "this machine only, with the token"
        assert "all networks" in listen.describe_access(everywhere, "secret")
        assert "WITHOUT a token" in listen.describe_access(everywhere, None)
        assert listen.address_of(here) == f"http://127.0.0.1:{here.getsockname()[1]}"
        assert listen.address_of(everywhere).startswith(f"http://{socket.gethostname()}:")
