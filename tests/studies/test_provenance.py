from fer.studies import provenance


def typed(*options: str) -> list[dict]:
    return [{"command": f"python -m fer.train {line}"} for line in options]


def test_runs_that_are_all_combinations_are_one_sweep():
    runs = typed("lr=1 seed=0", "lr=1 seed=1", "lr=2 seed=0", "lr=2 seed=1")
    assert provenance.commands(runs) == ["python -m fer.train -m lr=1,2 seed=0,1"]


def test_runs_on_two_sources_are_two_sweeps():
    runs = typed("lr=1 data.root=a", "lr=2 data.root=a", "lr=1 data.root=b cut=9", "lr=2 data.root=b cut=9")
    assert provenance.commands(runs) == [
        "python -m fer.train -m lr=1,2 data.root=a",
        "python -m fer.train -m lr=1,2 data.root=b cut=9",
    ]


def test_runs_that_lack_a_combination_are_told_one_by_one():
    runs = typed("lr=1 seed=0", "lr=1 seed=1", "lr=2 seed=0")
    assert provenance.commands([*runs, runs[0]]) == [run["command"] for run in runs]
