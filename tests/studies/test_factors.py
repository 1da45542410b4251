import pandas as pd

from fer.studies import factors


def run(*options: str, seed: int = 0, **figures) -> dict:
    command = " ".join(["python -m fer.train", *options, f"seed={seed}"])
    return {"name": ",".join(options), "command": command, "config": {"seed": seed}, **figures}


def test_a_factor_is_an_option_that_differs():
    runs = [run("model=cnn2", "optimizer=sgd", seed=0), run("model=cnn2", "optimizer=adam", seed=1)]
    table, found = factors.table(runs, [])
    assert found == ["optimizer"]
    assert table["optimizer"].tolist() == ["sgd", "adam"]
    assert table["seed"].tolist() == [0, 1]


def test_what_was_left_out_is_the_default():
    table, found = factors.table([run(), run("+model.dropout=0.5"), run("~augment.flip=x")], [])
    assert found == ["model.dropout", "augment.flip"]
    assert table["model.dropout"].tolist() == ["default", "0.5", "default"]


def test_places_seeds_and_launchers_are_no_factors():
    runs = [run(f"data.root=/{place}", f"launcher={place}", f"output_dir={place}") for place in "ab"]
    assert factors.table(runs, [])[1] == []


def test_numbers_are_ordered_by_size_and_names_as_they_came():
    assert factors.levels(pd.Series(["16", "128", "8"])) == ["8", "16", "128"]
    assert factors.levels(pd.Series(["sgd", "adam", "sgd"])) == ["sgd", "adam"]


def test_a_range_has_many_numbers():
    assert factors.is_range(pd.Series([str(n / 100) for n in range(9)]))
    assert not factors.is_range(pd.Series(["0.1", "0.2"] * 9))
    assert factors.is_range(pd.Series(["default", *(str(n / 100) for n in range(9))]))  # of one optimizer alone
    assert factors.levels(pd.Series(["0.9", "default", "0.1"])) == ["default", "0.1", "0.9"]
    assert not factors.is_range(pd.Series([f"net{n}" for n in range(9)]))
    assert not factors.is_range(pd.Series([str(n / 100) for n in range(9)] * 3))  # a grid of rates and three seeds
    assert factors.is_range(pd.Series([str(n / 100) for n in range(30)] * 3))


def test_runs_are_called_by_what_sets_them_apart():
    runs = [run("data=synthetic", f"optimizer={name}", seed=seed) for name in ("sgd", "adam") for seed in (0, 1)]
    assert set(factors.titles(runs).values()) == {"optimizer sgd", "optimizer adam"}
    assert factors.titles([run("data=synthetic")]) == {"data=synthetic": "data=synthetic"}


def test_the_gaps_of_a_grid_are_found():
    grid = [run(f"optimizer={name}", seed=seed) for name in ("sgd", "adam") for seed in (0, 1)]
    table, found = factors.table(grid[:-1], [])
    assert factors.missing(table, found) == ["optimizer=adam seed=1"]
    assert factors.missing(factors.table(grid, [])[0], found) == []


def test_what_is_no_grid_has_no_gaps():
    options = [f"optimizer.lr={{n}} model.dropout=0.{{n}} l{k}={{n}}" for k in range(9)]
    runs = [run(*" ".join(options).format(n=n).split(), seed=n) for n in range(1, 300)]  # 299 to the eleventh cells
    table, found = factors.table(runs, [])
    assert factors.missing(table, found) == []


def test_learning_rates_are_known_by_their_names():
    assert all(map(factors.is_rate, ("optimizer.lr", "lr", "effective_lr", "lr_of_32")))
    assert not any(map(factors.is_rate, ("optimizer.lro", "color", "scheduler", "data.per_class.train")))
