import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from fer.serving.guard import host_name

TOKEN = "a-token-of-32-letters-0123456789"
EVIL = "https://evil.example"


def test_a_token_is_asked_for_where_it_is_set(serve, picture):
    server = serve(token=TOKEN)
    assert server.post(("a.png", picture(230))).status == 401
    assert server("/v1/model", Authorization="Bearer wrong").status == 401
    assert server("/v1/model", Authorization=f"Basic {TOKEN}").status == 401
    assert server("/metrics").status == 401
    assert server.post(("a.png", picture(230)), Authorization=f"Bearer {TOKEN}").status == 200


def test_page_and_health_need_no_token(serve):
    server = serve(token=TOKEN)
    assert [server(path).status for path in ("/", "/page.js", "/docs", "/openapi.json", "/healthz")] == [200] * 5


def test_without_a_body_read_the_token_is_asked_first(serve):
    answer = serve(token=TOKEN)("/v1/predict", b"x" * 100_000, Content_Type="image/png")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_pages_of_others_are_refused(server, picture):
    assert server.post(("a.png", picture(230)), Origin=EVIL).status == 403
    assert server.post(("a.png", picture(230)), Origin="null").status == 403
    assert server.post(("a.png", picture(230)), Origin=server.address).status == 200


def test_pages_of_others_get_no_stream(server):
    with pytest.raises(InvalidStatus), connect(server.address.replace("http", "ws") + "/v1/stream", origin=EVIL):
        pass


def test_a_name_that_points_here_is_no_name_of_the_server(server):
    assert server("/", Host="evil.example").status == 421
    assert server("/", Host="localhost:8000").status == 200


def test_cors_is_off_unless_asked(server, serve):
    assert "access-control-allow-origin" not in server("/healthz").headers
    open_to = serve(origins=(EVIL,))
    answer = open_to("/v1/model", Origin=EVIL)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, EVIL)
    assert open_to("/v1/model", Origin="https://other.example").status == 403


@pytest.mark.parametrize("path", ["/", "/v1/model", "/nothing"])
def test_every_answer_forbids_the_browser_all_else(server, path):
    headers = server(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


@pytest.mark.parametrize(
    ("host", "name"), [("a.b:80", "a.b"), ("[::1]:80", "::1"), ("", ""), ("[", ""), ("LOCALHOST", "localhost")]
)
def test_names_come_without_port(host, name):
    assert host_name(host) == name
