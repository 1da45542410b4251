import hashlib
import json
import shlex

import pytest
from omegaconf import OmegaConf

from fer.config import compose_config
from fer.identity import configuration_identity, run_identity


def identity(*overrides: str, fingerprint: str = "a") -> str:
    return run_identity(compose_config(["output_dir=x", *overrides]), fingerprint)


def test_a_run_is_recognised_by_its_config():
    assert identity() == identity()
    assert identity("optimizer.lr=0.2") != identity()
    assert identity("seed=1") != identity()


def test_a_run_is_recognised_by_its_data():
    assert identity(fingerprint="b") != identity()


def test_paths_do_not_make_another_run():
    assert identity("data.root=/elsewhere", "output_dir=y", "study=z") == identity()


@pytest.mark.parametrize("other", ["logger.csv._target_=lightning.pytorch.loggers.CSVLogger", "data.eval_batch_size=7"])
def test_runs_of_earlier_versions_are_recognised(other):
    assert identity(other) == identity()


def test_options_that_are_newer_than_a_run_do_not_make_it_another():
    cfg = compose_config(["output_dir=x"])
    before = cfg.copy()
    OmegaConf.set_struct(before, False)
    for node, key in (("data", "max_bytes"), ("data", "max_pixels"), ("data", "numbers"), ("labels", "numbers")):
        del before[node][key]
    assert run_identity(before, "a") == run_identity(cfg, "a")


def test_limits_do_not_make_another_run_and_numbers_do():
    assert identity("data.max_bytes.file=1", "data.max_bytes.total=2") == identity()
    names = [identity(f"labels.numbers={value}") for value in ("fer2013", "rafdb", "{1: happy}", "{1: happy, 2: sad}")]
    assert len({identity(), *names}) == 5


def identity_of_the_first_runs(cfg, fingerprint: str) -> str:
    """As it was computed before there was a table of options."""
    cfg = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    cfg.output_dir, cfg.labels.votes_file = "", None
    cfg.data.eval_batch_size = 512
    cfg.data.update(dict.fromkeys(("root", "held_out", "votes_file")))
    if cfg.logger.get("csv"):
        cfg.logger.csv._target_ = "lightning.pytorch.loggers.CSVLogger"
    for key in ("hydra", "launcher", "resume", "existing", "retry", "study", "found", "trust"):
        cfg.pop(key, None)
    if cfg.get("test", True):
        cfg.pop("test", None)
    cfg.data.pop("max_bytes", None)
    for path in ("data.progressive_resizing", "data.numbers", "labels.numbers", "data.max_pixels", "model.attention"):
        node, key = cfg[path.split(".")[0]], path.split(".")[1]
        if not node.get(key) or node[key] == 150_000_000:
            node.pop(key, None)
    later = {
        "data": ("fold", "soft", "soft_weight", "labels", "columns", "rename"),
        "labels": ("soft", "soft_weight", "rename"),
        "loss": ("logit_adjustment",),
    }
    for node, keys in {**later, "classifier": ("crop", "crop_to")}.items():
        for key in keys:
            cfg[node].pop(key, None)
    text = json.dumps(OmegaConf.to_container(cfg, resolve=True), sort_keys=True)
    for now, before in (("training.callbacks", "callbacks"), ("training.checkpointing", "survival")):
        text = text.replace(f"fer.{now}.", f"fer.{before}.")
    return hashlib.sha256(f"{fingerprint}\n{text}".encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["test=false", "seed=4"],
        ["experiment=pocket"],
        ["experiment=gradient_descent"],
        ["data=synthetic", "data.root=/x", "data.held_out=/y", "data.eval_batch_size=3"],
        ["labels=ferplus8", "labels.votes_file=/x", "launcher=parallel"],
        ["launcher=slurm", "existing=continue", "retry=true", "study=x", "trust=mine"],
        ["~logger.csv", "callbacks.last.path=/z"],
        ["data.progressive_resizing={0: 32, 4: 48}", "+own=1", "resume=/x"],
    ],
)
def test_the_table_of_options_leaves_identities_as_they_were(overrides):
    cfg = compose_config(["output_dir=/some/where", *overrides])
    assert run_identity(cfg, "f") == identity_of_the_first_runs(cfg, "f")


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
