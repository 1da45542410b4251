"""Everything under conf/ composes, and what it names can be built."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import get_object, instantiate

from fer.config import CONF, compose_config
from fer.searching import plan
from fer.training.building import resolve_auto
from fer.training.rehearsal import rehearse
from fer.validation import check, leaves

OPTIONS = [
    f"{path.parent.name}={path.stem}" for path in sorted(CONF.glob("*/*.yaml")) if path.parent.name != "experiment"
]
SEARCHED = ("search", "sampler", "pruner")  # groups that fer.train does not know
EXPERIMENTS = [path.stem for path in sorted((CONF / "experiment").glob("*/*.yaml"))]
MODELS = [path.stem for path in sorted((CONF / "model").glob("*.yaml"))]


def composed(*overrides: str):
    return compose_config([*overrides, "output_dir=/nowhere"])


@pytest.mark.full
@pytest.mark.parametrize("overrides", [[option] for option in OPTIONS] + [[f"experiment={e}"] for e in EXPERIMENTS])
def test_every_option_composes_passes_the_checks_and_names_what_exists(overrides):
    name = "search" if overrides[0].split("=")[0] in SEARCHED else "train"
    cfg = compose_config([*overrides, "output_dir=/nowhere"], name)
    check(cfg)
    targets = [value for path, value in leaves(cfg) if path.endswith("_target_")]
    assert all(callable(get_object(target)) for target in targets)


@pytest.mark.parametrize("path", ["recipe/pocket", "study/pooling"])
def test_the_folder_of_an_experiment_need_not_be_typed(path):
    name = path.rpartition("/")[2]
    assert composed(f"experiment={name}") == composed(f"experiment={path}") == composed(f"experiment={name}.yaml")


def test_no_two_experiments_have_one_name():
    assert len(EXPERIMENTS) == len(set(EXPERIMENTS))


def test_own_experiments_build_on_those_that_ship(tmp_path):
    (tmp_path / "experiment").mkdir()
    for name, base in (("mine", "pocket"), ("theirs", "recipe/pocket")):
        text = f"# @package _global_\ndefaults:\n  - {base}\noptimizer: {{lr: 0.5}}\n"
        (tmp_path / "experiment" / f"{name}.yaml").write_text(text)
        cfg = compose_config([f"experiment={name}", "output_dir=/nowhere"], config_dir=str(tmp_path))
        assert (cfg.study, cfg.optimizer.lr) == ("pocket", 0.5)


def test_other_programs_with_hydra_see_none_of_the_experiments(tmp_path):
    (tmp_path / "own.yaml").write_text("defaults:\n  - optional experiment: pocket\n  - _self_\nvalue: 1\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert compose("own") == {"value": 1}


def grid(experiment: str) -> dict[str, list[str]]:
    """The options that a study sweeps, and their values as typed."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", overrides=[f"experiment={experiment}"], return_hydra_config=True)
    parser = OverridesParser.create()
    params = cfg.hydra.sweeper.params or {}
    typed = [parser.parse_override(f"{name}={value}") for name, value in params.items()]
    return {one.key_or_group: list(one.sweep_string_iterator()) for one in typed if one.is_sweep_override()}


@pytest.mark.full
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_value_of_every_study_makes_a_run_that_can_start(experiment):
    """Each value once, beside the first of the others."""
    found = grid(experiment)
    first = {name: values[0] for name, values in found.items()}
    for name, value in [(name, value) for name, values in found.items() if name != "seed" for value in values]:
        cfg = composed(f"experiment={experiment}", *(f"{key}={of}" for key, of in (first | {name: value}).items()))
        check(cfg)
        cfg = resolve_auto(cfg)
        rehearse(cfg)


@pytest.mark.full
@pytest.mark.parametrize(
    "experiment",
    [
        "standard",
        "pramerdorfer_vgg",
        "mini_xception",
        "khaireddin2021",
        "lethesec_resnet18",
        "resmasking",
        "barsoum_vgg13",
        "speedrun_gpu",
    ],
)
def test_every_recipe_that_was_not_run_could_start(experiment):
    cfg = composed(f"experiment={experiment}")
    rehearse(resolve_auto(cfg))
    assert cfg.study == experiment


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "search").glob("*.yaml")))
def test_every_space_names_options_that_exist(name):
    options = [f"search={name}", "output_dir=/nowhere"]
    assert plan.read(compose_config(options, "search"), options[:1]).space


@pytest.mark.full
@pytest.mark.parametrize("name", MODELS)
def test_every_model_answers_one_row_of_logits_an_image(name):
    model = instantiate(composed(f"model={name}").model, num_classes=5).eval()
    assert model(torch.rand(2, 1, 48, 48)).shape == (2, 5)


@pytest.mark.full
@pytest.mark.parametrize("together", [15, pytest.param(512, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", MODELS)
def test_predictions_do_not_depend_on_the_batch_size(name, together):
    """Batches of 1 and of 7 against `together` faces at once, by a network whose BatchNorms have seen faces."""
    torch.manual_seed(0)
    model = instantiate(composed(f"model={name}").model, num_classes=7)
    for layer in model.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.momentum = None  # the statistics of the first batch, whole: else deep networks answer nearly nothing
    faces = torch.rand(together, 1, 48, 48)
    with torch.inference_mode():
        model(faces[:15])
        model.eval()
        expected = model(faces)[:15]
        for size in (1, 7):
            logits = torch.cat([model(batch) for batch in faces[:15].split(size)])
            torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4 * expected.std().item())


@pytest.mark.full
@pytest.mark.parametrize("option", [option for option in OPTIONS if option.startswith("model=")])
def test_every_model_lets_its_swept_options_be_set(option):
    model = composed(option).model
    if model._target_ == "fer.models.cnn.CNN":
        assert {"activation", "dropout", "head_dropout", "norm", "pool", "kernel_size"} <= set(model)


def test_one_emotion_can_count_as_another():
    assert composed("labels.merge={disgust: angry}").data.merge == {"disgust": "angry"}


def test_a_callback_can_be_removed():
    assert "early_stopping" not in composed("~callbacks.early_stopping").callbacks


def test_the_moving_average_is_a_callback():
    assert composed("average=ema", "callbacks.ema.decay=0.9").callbacks.ema.decay == 0.9
    assert "ema" not in composed().callbacks
