import re

import pytest

from fer.errors import UserError
from fer.serving.settings import Limits


@pytest.fixture
def load(load_script):
    return load_script("serving/load.py")


def test_clients_ask_again_and_again_at_the_same_time(load, server, picture):
    found = load.run_clients(server.address, picture(230), clients=4, seconds=0.5)
    assert len(found) > 4
    assert {one.status for one in found} == {200}
    assert sum(one.begun < 0.1 for one in found) >= 4


def test_figures_are_those_of_good_answers(load):
    found = [load.Request(0, seconds / 100, 200) for seconds in range(1, 101)] + [
        load.Request(1, 1, 503),
        load.Request(1, 1, 0),
    ]
    table = load.figures(found, 3)
    assert (table["requests"], table["failed"]) == ("102", "1 × 503, 1 × no answer")
    assert (table["p50 ms"], table["longest ms"], table["requests/s"]) == ("505", "1,000", "50.0")


def test_failures_end_in_an_exit_code(load, serve, picture, capsys):
    server = serve(limits=Limits(body=10))
    assert load.main([server.address, "--clients", "1", "--seconds", "0.1"]) == 1
    assert "× 413" in capsys.readouterr().out


def test_the_figures_are_kept_with_their_command(load, server, picture, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(picture(230))
    arguments = [server.address, "--clients=2", "--seconds=0.2", f"--picture={path}", "--out", str(tmp_path / "out")]
    assert load.main(arguments) == 0
    text = (tmp_path / "out" / "README.md").read_text()
    assert re.search(r"\| 2 \| 0 \| \d+ \| 0 \|", text)
    assert "a.png" in text
    lines = (tmp_path / "out" / "load.csv").read_text().splitlines()
    assert lines[0] == "server,begun,seconds,status"
    assert all(line.endswith(",200") for line in lines[1:])


def test_servers_are_tested_in_turns_with_what_they_use(load, server, serve, picture, tmp_path, capsys):
    path = tmp_path / "a.png"
    path.write_bytes(picture(230))
    names = [f"before={server.address}", f"after={serve().address}/"]
    assert load.main([*names, "--clients=2", "--seconds=0.3", "--rounds=3", f"--picture={path}"]) == 0
    head, _, *rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[:4]]
    cells = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["server"] for row in cells] == ["before", "after"]
    assert cells[0]["ratio"] == "1.00"
    assert all(float(row["server CPU ms/request"]) > 0 for row in cells)
    assert all(float(row["memory MB"].replace(",", "")) > 50 for row in cells)


def test_the_slope_of_memory_is_per_million_requests(load):
    usage = [(load.Usage(n, n / 100, 0), load.Usage(n + 100, n / 100 + 1, 1e8 + 7 * n)) for n in (0, 100, 200, 300)]
    cells = load.usage_figures(usage)
    assert cells == {"server CPU ms/request": "10.0", "memory MB": "100", "MB/million requests": "7"}


def test_a_missing_picture_is_an_error(load):
    with pytest.raises(UserError, match=r"no\.jpg: no such file"):
        load.main(["http://127.0.0.1:1", "--picture", "no.jpg"])


def test_an_address_without_http_is_an_error(load):
    with pytest.raises(UserError, match="expected http://"):
        load.main(["localhost:8000"])
