from fer.studies import run_names


def stored(config: dict, seed: int, name: str, command: str = "", **more) -> dict:
    run = {"config": config | {"seed": seed}, "identity": f"{config} {seed}", "status": "finished", "name": name}
    return run | {"command": command, "data": {"fingerprint": "f"}} | more


def test_runs_that_differ_in_anything_are_two_rows():
    """Whatever their folders are called; seeds of one configuration are one row, from old folders and new ones."""
    sgd, adam = {"optimizer": "sgd"}, {"optimizer": "adam"}
    runs = [stored(sgd, 0, "optimizer-sgd"), stored(sgd, 1, "sgd"), stored(adam, 0, "sgd")]
    runs = run_names.named(run_names.latest(runs))
    assert runs[0]["name"] == runs[1]["name"] != runs[2]["name"]


def test_rows_of_one_name_are_told_apart_by_what_was_typed():
    runs = [stored({"m": m}, 0, "sgd", f"python -m fer.train model={m} optimizer=sgd") for m in ("cnn2", "cnn3")]
    assert [run["name"] for run in run_names.named(runs)] == ["sgd_cnn2", "sgd_cnn3"]


def test_of_starts_of_the_same_run_the_last_that_finished_counts():
    runs = [stored({}, 0, "a", n=1), stored({}, 0, "b", n=2), stored({}, 0, "c", n=3, status="failed")]
    assert [run["n"] for run in run_names.latest(runs)] == [2]


def test_numbers_inside_names_count_by_size():
    names = ["lr-0.0003", "lr-1e-05", "lr-0.01", "size-128", "size-8,lr-1", "size-8", "size-16", "a-x", "3"]
    found = sorted(names, key=run_names.natural)
    assert found == ["3", "a-x", "lr-1e-05", "lr-0.0003", "lr-0.01", "size-8", "size-8,lr-1", "size-16", "size-128"]
