"""Which mappings replace, and which are merged into what is there."""

import pytest

from fer.config import compose_config
from fer.option_table import TABLE


def plain(*overrides: str, name: str = "train"):
    from omegaconf import OmegaConf

    return OmegaConf.to_container(compose_config([*overrides, "output_dir=x"], name))


@pytest.mark.parametrize("base", [[], ["experiment=pocket"], ["data.progressive_resizing={5: 40, 9: 48}"]])
def test_a_mapping_of_own_keys_replaces(base):
    config = plain(*base, "data.progressive_resizing={0: 32, 20: 48}")
    assert config["data"]["progressive_resizing"] == {0: 32, 20: 48}


def test_emotions_are_merged_as_the_last_one_says():
    config = plain("labels.merge={disgust: angry}", "labels.merge={fear: sad}")
    assert config["labels"]["merge"] == {"fear": "sad"}


@pytest.mark.parametrize(
    ("group", "target"),
    [
        ("scheduler", "torch.optim.lr_scheduler.LinearLR"),
        ("model", "mine.Net"),
        ("loss", "torch.nn.CrossEntropyLoss"),
        ("optimizer", "torch.optim.SGD"),
        ("callbacks.timer", "mine.Timer"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "+", "++"])
def test_a_node_that_says_what_to_build_replaces(group, target, prefix):
    node = plain(f"{prefix}{group}={{_target_: {target}, a: 1}}")
    for part in group.split("."):
        node = node[part]
    assert node == {"_target_": target, "a": 1}


def test_other_mappings_are_merged_as_in_hydra():
    config = plain("optimizer={lr: 0.5}", "data.per_class={train: 3}", "trainer={max_epochs: 2}")
    assert config["optimizer"]["lr"] == 0.5
    assert config["optimizer"]["_target_"] == "torch.optim.SGD"
    assert config["data"]["per_class"] == {"train": 3, "val": None, "test": None}
    assert config["trainer"]["devices"] == 1


def test_options_that_follow_a_mapping_change_it():
    config = plain("optimizer={_target_: mine.Lion, lr: 1}", "optimizer.lr=2")
    assert config["optimizer"] == {"_target_": "mine.Lion", "lr": 2}


def test_a_space_is_replaced_as_well():
    space = plain("search.space={lr: {option: optimizer.lr, choices: [0.1, 0.2]}}", name="search")["search"]["space"]
    assert list(space) == ["lr"]


def test_a_key_that_does_not_exist_is_still_refused():
    with pytest.raises(Exception, match="Could not override 'optimiser'"):
        plain("optimiser={_target_: torch.optim.SGD}")


def test_there_are_such_options():
    assert {"labels.merge", "data.progressive_resizing"} <= {row.name for row in TABLE if row.free}
