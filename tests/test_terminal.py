"""The table of a sweep or a search on a terminal."""

import pytest

from fer.terminal import DONE, FAILED, RUNNING, WAITING, LiveTable, Row, chosen, shows_table

ROWS = [
    Row("optimizer.lr=0.1 model=a_long_name seed=0", DONE, "20/20", "61.23 %"),
    Row("optimizer.lr=0.1 model=a_long_name seed=1", FAILED, "3/20"),
    Row("optimizer.lr=0.01 model=a_long_name seed=0", RUNNING, "7/20", "55.10 %", "12 min"),
    Row("optimizer.lr=0.01 model=a_long_name seed=1", WAITING),
]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_table_changes_in_place_and_never_wraps(columns, terminal):
    states = iter([ROWS[2:], ROWS[1:], ROWS])
    with terminal(columns) as screen, LiveTable(lambda: next(states, ROWS), lambda: "a title", "val/accuracy") as table:
        assert shows_table()
        table.refresh()
        print("a line that a run prints")
        table.refresh()
    assert not shows_table()
    printed, head, *rows, title = screen.lines()
    assert (printed, title) == ("a line that a run prints", "a title")
    assert head.split()[:3] == ["run", "state", "epoch"]
    assert [row.split()[-5:] for row in rows if "running" in row] == [["7/20", "55.10", "%", "12", "min"]]
    assert [row.split()[-3:] for row in rows if "done" in row] == [["20/20", "61.23", "%"]]
    assert len(rows) == len(ROWS)
    assert all(len(line) <= columns for line in screen.lines())


def test_a_pipe_gets_no_table(capsys):
    with LiveTable(lambda: ROWS, lambda: "a title", "val/accuracy") as table:
        table.refresh()
        assert not shows_table()
    assert capsys.readouterr().out == ""


def test_a_short_terminal_shows_the_runs_that_matter_now():
    rows = [Row(f"{n}", state) for n, state in enumerate([DONE] * 9 + [RUNNING] * 2 + [WAITING] * 9)]
    assert [row.run for row in chosen(rows, 4)] == ["7", "8", "9", "10"]
    assert [row.run for row in chosen(rows[9:], 4)] == ["9", "10", "11", "12"]
    assert chosen(rows, 99) == rows
