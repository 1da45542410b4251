import copy
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from fer import option_table
from fer.config import compose_config
from fer.identity import configuration_identity, hashed, run_identity


def identity(*overrides: str, fingerprint: str = "a") -> str:
    return run_identity(compose_config(["output_dir=x", *overrides]), fingerprint)


@pytest.mark.full
def test_a_run_is_recognised_by_its_config():
    assert identity() == identity()
    assert identity("optimizer.lr=0.2") != identity()
    assert identity("seed=1") != identity()


@pytest.mark.full
def test_a_run_is_recognised_by_its_data():
    assert identity(fingerprint="b") != identity()


@pytest.mark.full
def test_paths_do_not_make_another_run():
    assert identity("data.root=/elsewhere", "output_dir=y", "study=z") == identity()


@pytest.mark.full
@pytest.mark.parametrize(
    "other", ["+logger.csv._target_=lightning.pytorch.loggers.CSVLogger", "data.eval_batch_size=7"]
)
def test_runs_of_earlier_versions_are_recognised(other):
    assert identity(other) == identity()


@pytest.mark.full
def test_options_that_are_newer_than_a_run_do_not_make_it_another():
    cfg = compose_config(["output_dir=x"])
    before = cfg.copy()
    OmegaConf.set_struct(before, False)
    for node, key in (("data", "max_bytes"), ("data", "max_pixels"), ("data", "numbers"), ("labels", "numbers")):
        del before[node][key]
    assert run_identity(before, "a") == run_identity(cfg, "a")


@pytest.mark.full
def test_limits_do_not_make_another_run_and_numbers_do():
    assert identity("data.max_bytes.file=1", "data.max_bytes.total=2") == identity()
    names = [identity(f"labels.numbers={value}") for value in ("fer2013", "rafdb", "{1: happy}", "{1: happy, 2: sad}")]
    assert len({identity(), *names}) == 5


POCKET = [
    "model=pocket",
    "optimizer=muon",
    "scheduler=onecycle",
    "loss=label_smoothing",
    "average=ema",
    "augment=light",
    "data.batch_size=128",
    "data.progressive_resizing={0:32,14:48}",
    "augment.affine={rotation:12,scale:0.15,shift:0.06}",
    "optimizer.lr=0.006",
    "scheduler.pct_start=0.2",
    "model.dropout=0.05",
    "classifier.tta=flip",
    "trainer.max_epochs=28",
    "callbacks.ema.decay=0.998",
    "callbacks.early_stopping=null",
]
"""The experiment pocket of then."""


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "6615ccf3f8363162"),
        (["test=false", "seed=4"], "a243c5b98951a69d"),
        (POCKET, "514faad6531b0886"),
        (["experiment=speedrun"], "fc32d608e80436fe"),
        (["experiment=gradient_descent"], "185210bb6f238d59"),
        (["experiment=few_images"], "1a91d5e944042cfa"),
        (["data=synthetic", "data.root=/x", "data.held_out=/y", "data.eval_batch_size=3"], "8b75c2d4c44ae0c8"),
        (["labels=ferplus8", "labels.votes_file=/x", "launcher=parallel"], "b133a59b3b3ccd02"),
        (["launcher=slurm", "existing=continue", "retry=true", "study=x", "trust=mine"], "6615ccf3f8363162"),
        (["callbacks.early_stopping=null", "callbacks.last.path=/z"], "84ebff0243fad515"),
        (["~callbacks.pictures", "trainer.max_epochs=3"], "e8648e71147966c9"),
        (["data.progressive_resizing={0: 32, 4: 48}", "+own=1", "resume=/x"], "ffc5e6f2adc73300"),
    ],
)
def test_identities_are_those_of_earlier_versions(overrides, expected):
    """The expected values were computed by commit d22e82b, before Trainer, loggers and callbacks became groups."""
    assert run_identity(compose_config(["output_dir=/some/where", *overrides]), "f") == expected


@pytest.mark.parametrize(
    "override",
    ["logger=none", "logger=[tensorboard,wandb]", "trainer.profiler=simple", "trainer.enable_progress_bar=false",
     "trainer.logger=false", "trainer=default"],
)  # fmt: skip
def test_what_only_watches_a_run_does_not_make_it_another(override):
    assert identity(override) == identity()


@pytest.mark.parametrize(
    "override", ["trainer.overfit_batches=2", "trainer.limit_train_batches=0.5", "trainer.deterministic=true"]
)
def test_what_the_trainer_does_makes_another_run(override):
    assert identity(override) != identity()


@pytest.mark.parametrize(
    "override",
    ["data.fold=1/5", "labels.soft_weight=0.4", "loss.logit_adjustment=1.0", "classifier.crop=40",
     "classifier.crop_to=44"],
)  # fmt: skip
def test_new_options_change_the_identity(override):
    plain, changed = (compose_config(["output_dir=x", *more]) for more in ([], [override]))
    assert run_identity(plain, "f") != run_identity(changed, "f")


def test_the_file_of_soft_labels_does_not_change_the_identity_of_the_config():
    first, second = (compose_config(["output_dir=x", f"labels.soft={path}"]) for path in ("/a.csv", "/b/c.csv.gz"))
    assert run_identity(first, "f") == run_identity(second, "f")


def test_identity_changes_no_config():
    cfg = compose_config(["output_dir=x", "data.root=/a"])
    before = cfg.copy()
    run_identity(cfg, "f")
    assert cfg == before


def record(*overrides: str, fingerprint: str = "f", **changes) -> dict:
    cfg = OmegaConf.to_container(compose_config(["output_dir=/a/b", *overrides]), resolve=True)
    command = shlex.join(["python", "-m", "fer.train", *overrides])
    return {"config": cfg, "command": command, "data": {"fingerprint": fingerprint}} | changes


def test_runs_of_one_configuration_share_an_identity_over_seeds_and_machines():
    expected = configuration_identity(record("seed=0"))
    other_seed = record("seed=1", "data.root=/x", "output_dir=/c", "study=s", "launcher=parallel")
    assert configuration_identity(other_seed) == expected
    other_machine = record("seed=2")
    other_machine["config"]["trainer"]["precision"] = "bf16-mixed"
    assert configuration_identity(other_machine) == expected


@pytest.mark.parametrize("typed", ["model.dropout=0.1", "trainer.precision=64-true", "optimizer=adam", "test=false"])
def test_runs_that_differ_in_anything_do_not(typed):
    assert configuration_identity(record(typed)) != configuration_identity(record())
    assert configuration_identity(record(fingerprint="g")) != configuration_identity(record())


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=9)
)
def test_what_no_row_knows_is_hashed_as_it_is(content):
    config = {"a_key_of_a_recipe": content}
    assert hashed(copy.deepcopy(config)) == config


IGNORED = [row for row in option_table.TABLE if row.identity == option_table.IGNORED]


@pytest.mark.parametrize("row", IGNORED, ids=lambda row: row.name)
def test_ignored_options_are_hashed_alike_whatever_they_are(row):
    def config(value):
        node = value
        for part in reversed(row.name.split(".")):
            node = {part: node}
        return node

    assert hashed(config("x")) == hashed(config(["y", 2]))


def test_an_option_that_is_not_set_is_as_if_it_did_not_exist():
    assert hashed({"test": True, "data": {"progressive_resizing": None}}) == {"data": {}}
    assert hashed({"test": False}) == {"test": False}
