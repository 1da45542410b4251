"""Places and texts come out of Hydra as they were typed."""

import os
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from fer import commandline, options, places, refusals
from fer.commandline import as_typed, command, prepared
from fer.config import compose_config
from fer.errors import UserError

SINGLE = ["resume", "init_from", "output_dir", "labels.votes_file", "data.root", "data.held_out"]


def read(word: str):
    """What Hydra makes of one prepared word."""
    return OverridesParser.create().parse_override(word).value()


@pytest.mark.parametrize("option", SINGLE)
@pytest.mark.parametrize(
    "text",
    [
        "runs/train/model-cnn3,optimizer-sgd/seed-0",
        "checkpoints/epoch=6.ckpt",
        "my pictures (1)/a",
        "faces[old]",
        "[old] faces",
        "C:\\data\\faces",
        "C:\\data\\",
        "\\\\server\\share",
        "it's",
        'say "x"',
        "Bücher/ä",
        "5",
        "1e3",
        "true",
        "a#b",
        "a&b;c|d",
        "x{1}",
        "a:b",
        "choice(a,b)",
        " x ",
        "%x",
        "a\tb",
    ],
)
def test_a_place_is_taken_as_typed(option, text):
    assert read(as_typed(f"{option}={text}")) == text


@pytest.mark.parametrize("option", SINGLE)
def test_a_tilde_is_the_home(option, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read(as_typed(f"{option}=~/a,b")) == f"{tmp_path}/a,b"


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@pytest.mark.full
@settings(max_examples=300, deadline=None)
@given(NAMES.filter(lambda name: name.strip() and name[0] not in "~'\"[" and "${" not in name))
def test_any_name_is_taken_as_typed_again_and_again(name):
    if name in ("null", places.LATEST):
        return
    once = as_typed(f"resume={name}")
    assert read(once) == name
    assert as_typed(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a.zip,b.zip]", ["a.zip", "b.zip"]),
        ("[a.zip, b c.zip]", ["a.zip", "b c.zip"]),
        ("['a,b',c]", ["a,b", "c"]),
        ("[faces[1,2],c=d]", ["faces[1,2]", "c=d"]),
        ("null", None),
        ("'a,b'", "a,b"),
        ("a,b", "a,b"),
    ],
)
def test_brackets_around_all_are_a_list(text, expected):
    assert read(as_typed(f"data.root={text}")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.zip,b.zip", ["a.zip", "b.zip"]),
        ("a b,c=d", ["a b", "c=d"]),
        ("[a,b],c", [["a", "b"], "c"]),
        ("'a,b',c", ["a,b", "c"]),
        ("x(1,2),y", ["x(1,2)", "y"]),
        ("it's,that's", ["it's", "that's"]),
        ("choice(a,b)", ["a", "b"]),
    ],
)
def test_in_a_sweep_a_comma_outside_quotes_and_brackets_separates_values(text, expected):
    parsed = OverridesParser.create().parse_override(as_typed(f"data.root={text}", multirun=True))
    assert parsed.is_sweep_override()
    values = [read(f"x={value}") for value in parsed.sweep_string_iterator()]
    assert values == expected


@pytest.mark.parametrize("option", SINGLE)
@pytest.mark.parametrize("text", ["", "''", '""', " "])
def test_an_empty_place_is_an_error_that_names_it(option, text):
    with pytest.raises(UserError, match=f"{option} is empty"):
        prepared([f"{option}={text}"])


@pytest.mark.parametrize("words", [["data.root=[]"], ["data.root=[a,]"], ["-m", "data.root=a,"], ["+data.root="]])
def test_an_empty_place_in_a_list_or_sweep_is_one_as_well(words):
    with pytest.raises(UserError, match=r"data\.root is empty"):
        prepared(words)


def test_flags_of_hydra_keep_their_values(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    typed = ["--cfg", "job", "--config-dir", "~/my conf", "--info", "seed=1", "--config-dir=~/x", "--resolve"]
    ready = prepared(typed)
    folders = ["--config-dir", str(tmp_path / "my conf"), "--info", f"--config-dir={tmp_path / 'x'}"]
    assert ready == ["seed=1", "--cfg", "job", *folders, "--resolve"]


def test_flags_may_stand_between_overrides():
    assert prepared(["model=cnn2", "-m", "seed=1,2"]) == ["model=cnn2", "seed=1,2", "-m"]
    assert prepared(["--info", "seed=1"]) == ["seed=1", "--info"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.root=/my", "pictures"], "quote it: 'data.root=/my pictures'"),
        (["labels.merge={disgust:", "angry}"], "quote it: 'labels.merge={disgust: angry}'"),
        (["photo.jpg"], "photo.jpg: expected NAME=VALUE"),
        (["labels.merge=disgust:angry"], "expected a mapping"),
        (["hydra/launcher=joblib"], "launcher=parallel"),
        (["hydra/sweeper=optuna"], "fer.search"),
        (["-m", "optimizer.lr=interval(0,1)"], "fer.search"),
        (["model=null"], "expected a name"),
        (["trainer=false"], "expected a name"),
        (["-m", "scheduler=cosine,3"], "expected a name"),
        (["optimizer=3"], "expected a name"),
    ],
)
def test_what_would_do_something_else_is_answered(words, message):
    with pytest.raises(UserError) as error:
        prepared(words)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_commas_of_trust_are_no_sweep():
    assert read(prepared(["trust=mine,other.package"])[0]) == "mine,other.package"
    assert read(prepared(["trust=[mine,other]"])[0]) == ["mine", "other"]


def test_the_config_takes_places_as_typed():
    cfg = compose_config(["data.root=[a=b.zip,c (1)]", "data.held_out=x,y", "output_dir=out=1"])
    assert list(cfg.data.root) == ["a=b.zip", "c (1)"]
    assert (cfg.data.held_out, cfg.output_dir) == ("x,y", "out=1")


@settings(max_examples=100, deadline=None)
@given(NAMES.filter(lambda name: name.strip() and "/" not in name and "${" not in name))
def test_a_printed_place_comes_back_as_it_was(name):
    text = commandline.assigned("resume", name).partition("=")[2]
    assert Path(read(as_typed(f"resume={text}"))) == Path(name)


def test_a_printed_command_carries_the_folder_of_own_configs():
    line = command("fer.train", ["~augment.jitter", "labels.merge={a: b}", "seed=1"], "my conf")
    assert line == "python -m fer.train '--config-dir=my conf' '~augment.jitter' 'labels.merge={a: b}' seed=1"


@pytest.mark.parametrize(
    ("typed", "folder"), [([], None), (["-m", "seed=1"], None), (["-cd", "a b"], "a b"), (["--config-dir=a=b"], "a=b")]
)
def test_the_folder_of_own_configs_is_read_from_the_arguments(typed, folder):
    assert commandline.config_dir(typed) == folder


def test_every_place_of_the_table_is_treated_as_one():
    for name in options.PLACES:
        typed = name.replace("*", "mine")
        assert read(as_typed(f"{typed}=a,b=c")) == "a,b=c"
    assert as_typed("model.name=a,b") == "model.name=a,b"
    assert os.sep not in as_typed("model.name=~")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("scheduler=null", "scheduler=none"),
        ("augment=None", "augment=none"),
        ("logger=false", "logger=none"),
        ("callbacks=[]", "callbacks=none"),
        ("scheduler=cosine,null", "scheduler=cosine,none"),
        ("logger=[tensorboard,csv]", "logger=[tensorboard,csv]"),
    ],
)
def test_nothing_stands_for_the_choice_that_leaves_a_group_out(word, expected):
    assert prepared([word]) == [expected]
    assert prepared([expected]) == [expected]


def test_no_experiment_is_left_out():
    assert prepared(["experiment=null", "model=cnn2"]) == ["model=cnn2"]


@pytest.mark.parametrize("word", ["--config-name", "-cn", "--config-name=search", "--config-path=conf"])
def test_a_command_keeps_its_config(word):
    with pytest.raises(UserError, match=r"fer\.search"):
        refusals.check_flags([word, "search"], "train")
    refusals.check_flags(["--config-dir=mine", "model=cnn2"], "train")


def test_the_config_of_a_sweep_is_that_of_its_first_run():
    assert prepared(["-m", "--cfg", "job", "optimizer=sgd,adam", "seed=0,1", "~augment.flip"]) == [
        "optimizer=sgd",
        "seed=0",
        "~augment.flip",
        "--cfg",
        "job",
    ]


def test_what_lightning_adds_for_other_processes_is_taken():
    added = ['hydra.run.dir="."', "hydra.job.name=train_ddp_process_1", "hydra.output_subdir=null"]
    assert prepared(["model=cnn2", *added]) == ["model=cnn2", *added]
