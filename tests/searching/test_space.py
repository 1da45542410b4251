"""What a space means, and which ones mean nothing."""

import optuna
import pytest

from fer.errors import UserError
from fer.searching import space as spaces

CONTENT = {
    "optimizer": {"option": "optimizer", "choices": ["sgd", "adam"]},
    "lr": {"option": "optimizer.lr", "low": 1e-4, "high": 0.1, "log": True},
    "momentum": {"option": "optimizer.momentum", "low": 0.5, "high": 0.99, "when": {"optimizer": "sgd"}},
    "batch_size": {"option": "data.batch_size", "low": 16, "high": 64, "step": 16},
    "blocks": {"option": "model.blocks", "choices": [[[4]], [[4], [8]]]},
}


@pytest.fixture
def drawn() -> list[spaces.Values]:
    space = spaces.read(CONTENT)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [spaces.suggest(space, study.ask()) for _ in range(60)]


def test_a_dimension_counts_only_under_its_condition(drawn):
    assert {values["optimizer"] for values in drawn} == {"sgd", "adam"}
    assert all(("momentum" in values) == (values["optimizer"] == "sgd") for values in drawn)


def test_values_stay_in_their_ranges(drawn):
    assert all(1e-4 <= values["lr"] <= 0.1 for values in drawn)
    assert {values["batch_size"] for values in drawn} == {16, 32, 48, 64}


def test_a_log_range_is_tried_as_often_below_its_geometric_mean_as_above(drawn):
    below = sum(values["lr"] < (1e-4 * 0.1) ** 0.5 for values in drawn)
    assert 15 < below < 45


def test_rounding_does_not_leave_the_range():
    dimension = spaces.Dimension("p", "p", low=0.12344, high=0.12346)
    assert dimension.suggest(optuna.trial.FixedTrial({"p": 0.12345})) in (0.12344, 0.12346)  # 0.1234 is outside


def test_values_become_options_of_the_training():
    space = spaces.read(CONTENT)
    values = {"optimizer": "adam", "lr": 0.003, "batch_size": 32, "blocks": "[[4],[8]]"}
    expected = ["optimizer=adam", "optimizer.lr=0.003", "data.batch_size=32", "model.blocks=[[4],[8]]"]
    assert spaces.overrides(space, values) == expected


@pytest.mark.parametrize(
    ("value", "typed"),
    [(None, "null"), (True, "true"), (0.5, "0.5"), ("a b", "'a b'"), ("it's", r"'it\'s'"), ("x", "x")],
)
def test_values_are_written_as_hydra_reads_them(value, typed):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    assert spaces.hydra_value(value) == typed
    assert OverridesParser.create().parse_override(f"a={typed}").value() == value


def test_corners_show_every_end_of_every_dimension_under_its_condition():
    corners = list(spaces.corners(spaces.read(CONTENT)))
    for name, ends in {"optimizer": {"sgd", "adam"}, "lr": {1e-4, 0.1}, "momentum": {0.5, 0.99}}.items():
        assert ends <= {values[name] for values in corners if name in values}
    assert all(("momentum" in values) == (values["optimizer"] == "sgd") for values in corners)


def test_a_null_takes_a_dimension_out():
    assert [dimension.name for dimension in spaces.read(CONTENT | {"momentum": None, "blocks": None})] == [
        "optimizer",
        "lr",
        "batch_size",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"low": 1, "high": 0}, "low=1 is not below high=0; exchange them"),
        ({"low": 0, "high": 1.0, "log": True}, "log: true needs low > 0"),
        ({"low": 0, "high": "x"}, r"search.space.x.high=x: expected a number"),
        ({"low": 0}, r"search.space.x.high=None: expected a number"),
        ({"choices": []}, "expected a list"),
        ({"choices": ["a", "a"]}, "a value stands there twice"),
        ({"choices": [1], "low": 0, "high": 1}, "expected either choices"),
        ({}, "expected either choices"),
        ({"low": 0, "high": 1, "typo": 1}, "no key 'typo'; there are option, choices"),
        ({"low": 0, "high": 1, "when": {"later": 1}}, "no dimension 'later' stands before it"),
        ({"low": 0, "high": 1, "when": {"first": 3}}, r"first is never \[3\]; its choices: \[1, 2\]"),
        ({"option": "seed", "choices": [1]}, "seed is not for a space"),
        ({"option": "test", "choices": [True]}, "test is not for a space"),
        ({"low": 0.0, "high": 1, "step": 0}, "expected a number > 0"),
    ],
)
def test_a_space_that_means_nothing_is_refused(content, message):
    first = {"option": "data.batch_size", "choices": [1, 2]}
    with pytest.raises(UserError, match=message):
        spaces.read({"first": first, "x": {"option": "optimizer.lr", **content}})


def test_an_empty_space_is_refused():
    with pytest.raises(UserError, match=r"search\.space is empty"):
        spaces.read({})
