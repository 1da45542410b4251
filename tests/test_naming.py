"""Names of runs: readable, the same everywhere, and nothing for a shell or a grammar to touch."""

import re
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.naming import names, run_name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (["model=cnn3", "optimizer=sgd", "optimizer.lr=0.05"], "cnn3_sgd_lr0.05"),
        (["optimizer.lr=5e-2", "optimizer=sgd", "model=cnn3"], "cnn3_sgd_lr0.05"),
        ([], "defaults"),
        (["seed=3", "study=x", "data.root=/a", "output_dir=b", "resume=c", "trust=d", "launcher.jobs=2"], "defaults"),
        (["experiment=pocket"], "defaults"),
        (["experiment=pocket", "study=mine"], "pocket"),
        (["model.activation=relu"], "activation-relu"),
        (["lr_of_32=0.01"], "lr_of_32-0.01"),
        (["data.per_class.train=4", "data.synthetic.train=7"], "data.per_class.train4_data.synthetic.train7"),
        (["~callbacks.early_stopping"], "no-early_stopping"),
        (["model.blocks=[[32,32],[64,64]]"], "blocks32.32-64.64"),
        (["labels.merge={disgust: angry}"], "merge-disgust-angry"),
        (["optimizer={_target_: mine.Lion, lr: 1e-3}"], "Lion-lr0.001"),
        (["augment=none", "average=none"], "augment-none_average-none"),
        (["optimizer.lr=1", "optimizer.lr=2"], "lr2"),
    ],
)
def test_a_run_is_called_by_what_was_set(typed, name):
    assert run_name(typed) == name


def test_a_sweep_names_what_differs_between_its_jobs():
    jobs = [[f"model={m}", "trainer.max_epochs=3", f"optimizer.lr={lr}"] for m in ("cnn2", "cnn3") for lr in (0.1, 1)]
    assert names(jobs) == ["cnn2_lr0.1", "cnn2_lr1", "cnn3_lr0.1", "cnn3_lr1"]


def test_jobs_that_differ_in_their_seed_alone_are_named_as_single_runs():
    assert names([["model=cnn2", f"seed={seed}"] for seed in range(3)]) == ["cnn2"] * 3


def test_jobs_that_differ_have_different_names():
    jobs = [["model.blocks=[32,64]"], ["model.blocks=[[32],[64]]"], ["+a=x/y"], ["+a=x-y"]]
    assert len(set(names(jobs))) == len(jobs)


VALUES = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.floats(allow_nan=False).map(str),
    st.lists(st.integers(), max_size=4).map(str),
    st.sampled_from(
        ["null", "true", "{a: 1}", "'x y'", "~", "../..", "-x", ".", "..", "a=b", "a,b", "$HOME", "%PATH%"]
    ),
)
OPTIONS = st.sampled_from(["model", "optimizer.lr", "+own", "~callbacks.timer", "data.limit", "labels.merge"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(OPTIONS, VALUES), max_size=6))
def test_no_shell_and_no_grammar_touches_a_name(pairs):
    name = run_name([f"{key}={value}" for key, value in pairs])
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name)
    assert len(name) <= 120
    assert shlex.quote(name) == name
    place = f"runs/train/{name}/seed-0"
    assert OverridesParser.create().parse_override(f"resume={place}").value() == place


@given(st.permutations(["model=cnn2", "optimizer=adam", "optimizer.lr=0.1", "trainer.max_epochs=3"]))
def test_the_order_of_typing_does_not_matter(typed):
    assert run_name(typed) == "cnn2_adam_lr0.1_max_epochs3"
