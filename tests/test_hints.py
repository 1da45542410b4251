"""What an option that does not exist is answered with."""

import pytest
from hydra.errors import HydraException

from fer.config import compose_config, explain
from fer.naming import parser


def said(*overrides: str, name: str = "train") -> str:
    with pytest.raises(HydraException) as error:
        compose_config(list(overrides), name)
    text = explain(error.value, name, overrides)
    assert "\n" not in text
    return text


@pytest.mark.full
def test_the_names_are_those_beside_the_groups_that_were_typed():
    assert "In model: library, name" in said("model=resnet18", "model.nme=x")
    answer = said("optimizer=adam", "optimizer.momentum=0.9")
    assert "In optimizer: lr, weight_decay" in answer
    assert "Did you mean" not in answer


@pytest.mark.full
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("model=tiny", "experiment=tiny"),
        ("experiment=cnn3", "model=cnn3"),
        ("model=adam", "optimizer=adam"),
        ("model=cosine", "scheduler=cosine"),
        ("model=cnn33", "model=cnn3"),
    ],
)
def test_a_choice_of_another_group_is_named(typed, meant):
    assert f"{typed}: no such choice. Did you mean {meant}?" in said(typed)


@pytest.mark.full
def test_a_folder_of_experiments_is_no_option():
    assert said("experiment/recipe=pocket") == "no option 'experiment/recipe'. Type experiment=NAME"


@pytest.mark.full
@pytest.mark.parametrize(
    ("typed", "option"),
    [
        ("lr=1", "optimizer.lr"),
        ("batch_size=1", "data.batch_size"),
        ("epochs=1", "trainer.max_epochs"),
        ("max_epochs=1", "trainer.max_epochs"),
        ("gpus=1", "trainer.devices"),
        ("trainer.gpus=1", "trainer.devices"),
        ("model.lr=1", "optimizer.lr"),
        ("dropout=1", "model.dropout"),
        ("momentum=1", "optimizer.momentum"),
        ("per_class=1", "data.per_class"),
    ],
)
def test_the_last_part_of_a_name_leads_to_the_whole(typed, option):
    answer = said(typed)
    assert option in answer
    assert f"Did you mean {typed.partition('=')[0]}?" not in answer


@pytest.mark.full
def test_options_are_found_beside_a_mapping_of_numbers():
    assert "trainer.max_epochs" in said("data.progressive_resizing={0:32,20:48}", "epochs=1")
    assert "At the top" in said("experiment=pocket", "num_threads=1")


@pytest.mark.full
def test_what_is_not_needed_here_says_what_is():
    assert "launcher.jobs" in said("num_workers=4")
    assert "launcher.jobs" in said("data.num_workers=4")


@pytest.mark.full
@pytest.mark.parametrize(
    ("typed", "option"),
    [
        (["optimizer=adam", "optimizer.betas=[0.9,0.99]"], "optimizer.betas"),
        (["callbacks.early_stopping.min_delta=1"], "callbacks.early_stopping.min_delta"),
    ],
)
def test_an_argument_that_the_yaml_does_not_list_is_typed_with_a_plus(typed, option):
    assert f"type +{option}=VALUE" in said(*typed)
    compose_config([*typed[:-1], f"+{typed[-1]}"])


@pytest.mark.full
def test_an_answer_never_offers_what_it_refuses():
    for typed in (["optimizer=adam", "optimizer.nesterov=true"], ["loss=focal", "loss.label_smoothing=1"]):
        answer = said(*typed)
        refused = typed[-1].partition("=")[0]
        assert answer.count(refused) == 1


@pytest.mark.full
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("+optimizer.lr=1", "optimizer.lr=VALUE, without the +"),
        ("+optimizer=adam", "optimizer=NAME, without the +"),
        ("~nothing", "no option 'nothing'"),
        ("optimizer.lr.x=1", "optimizer.lr is one value"),
        ("monitor=a,b", "'monitor=\"a,b\"'"),
        ("study=größe", "'study=\"größe\"'"),
        ("optimizer=sgd,adam", "need -m"),
        ("model.blocks=[[1]", "do not match"),
    ],
)
def test_what_hydra_refuses_says_how_to_type_it(typed, words):
    assert words in said(typed)


def test_what_an_answer_says_to_type_can_be_read():
    assert parser().parse_override('study="größe"').value() == "größe"
    assert parser().parse_override('monitor="a,b"').value() == "a,b"


def test_the_choice_of_a_sweep_that_lacks_an_option_is_named():
    error = HydraException("Could not override 'optimizer.momentum'.")
    answer = explain(error, "train", ["-m", "optimizer=sgd,adam", "optimizer.momentum=0.8,0.9"])
    assert "optimizer=sgd has it, optimizer=adam has not" in answer
