"""Runs that start from weights: of another run, of a shipped network, of timm's and torchvision's files."""

import json
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from fer import checkpoint
from fer.config import compose_config
from fer.errors import UserError
from fer.train import train
from fer.training.initial import initial_weights
from fer.training.pretrained import one_attempt

from .test_trainer import TINY

FREE = [word for word in TINY if not word.startswith("model")]
RESNET = ["model=resnet18", "trainer.limit_train_batches=1", "trainer.limit_val_batches=1", "trainer.max_epochs=1"]


def run(*overrides: str, folder: str = "run") -> dict:
    base = FREE if "model=resnet18" in overrides else TINY
    return train(compose_config([*base, f"output_dir={folder}", *overrides]))


def weights(folder: str, name: str = "best") -> dict[str, torch.Tensor]:
    return checkpoint.read(f"{folder}/checkpoints/{name}.ckpt")["state_dict"]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "run"
    train(compose_config([*TINY, f"output_dir={folder}"]))
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_weights_that_fit_are_taken_and_the_new_head_starts_at_random(source, capsys):
    record = run(f"init_from={source}", "model.freeze=backbone", "labels=fer4", "trainer.max_epochs=1")
    assert "2 start at random: model.output.weight, model.output.bias" in capsys.readouterr().out
    assert record["initial"]["source"] == f"init_from={source}"
    before, after = weights(str(source)), weights("run")
    kept = {name for name in before if after[name].shape == before[name].shape and name != "loss.log_prior"}
    assert {"model.blocks.0.0.weight", "mean", "std"} <= kept
    for name in kept:
        assert after[name].equal(before[name]), name


@pytest.mark.full
def test_a_run_is_another_one_by_what_it_starts_from(source):
    plain = run("trainer.max_epochs=1")["identity"]
    started = run(f"init_from={source}", "trainer.max_epochs=1", folder="other")["identity"]
    assert plain != started
    copy = Path("copy.ckpt")
    copy.write_bytes((source / "checkpoints" / "best.ckpt").read_bytes())
    assert run("init_from=copy.ckpt", "trainer.max_epochs=1", folder="third")["identity"] == started


def test_a_shipped_network_is_named():
    weights = initial_weights(compose_config([*TINY, "output_dir=x", "init_from=pocket"]))
    assert weights.source == "init_from=pocket"


@pytest.mark.full
def test_an_interrupted_run_goes_on_without_its_initial_weights(source):
    run(f"init_from={source}", "trainer.max_epochs=1")
    path = Path("run/metrics.json")
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"status": "interrupted"}))
    config = Path("run/config.yaml")
    config.write_text(config.read_text().replace(f"init_from: {source}", "init_from: /gone"))
    assert train(compose_config(["resume=run"]))["status"] == "finished"
    for file in Path("run/checkpoints").iterdir():
        file.unlink()
    path.write_text(json.dumps(record | {"status": "interrupted"}))
    with pytest.raises(UserError, match="type its command again"):
        train(compose_config(["resume=run"]))


@pytest.mark.full
@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_pretrained_weights_come_from_a_file(library, capsys):
    torch.manual_seed(3)
    if library == "timm":
        network = timm.create_model("resnet18", pretrained=False)
        save_file(network.state_dict(), "file.safetensors")
        words, first = ["model.library=timm", "model.pretrained=file.safetensors"], network.conv1.weight.sum(1, True)
    else:
        network = torchvision.models.resnet18()
        torch.save({"state_dict": network.state_dict()}, "file.pth")
        words, first = ["model.pretrained=file.pth"], network.conv1.weight
    run(*RESNET, *words, "model.freeze=backbone")
    assert "start at random: model.network.fc.weight, model.network.fc.bias" in capsys.readouterr().out
    torch.testing.assert_close(weights("run")["model.network.conv1.weight"], first.detach())
    assert not checkpoint.read("run/checkpoints/best.ckpt")["hyper_parameters"]["model"].get("pretrained")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["init_from=nowhere"], "no such run or checkpoint; a shipped network is named standard, pocket, tiny"),
        (["init_from=pocket", "model=resnet18"], "no weight has a name and shape"),
        (["model=resnet18", "model.pretrained=gone.pth"], "model.pretrained=gone.pth: no such file"),
        (["model=resnet18", "model.pretrained=text.pth"], "cannot be read"),
        (["model=resnet18", "model.library=timm", "model.pretrained=text.pth"], "not weights of resnet18"),
        (["model.pretrained=text.pth"], "networks of timm and torchvision"),
        (["model=resnet18", "model.pretrained=text.pth", "init_from=pocket"], "leave one out"),
        (["model.freeze=nothing"], "no such module"),
    ],
)
def test_bad_weights_are_refused_before_data_is_read(words, message):
    Path("text.pth").write_text("hello")
    with pytest.raises(UserError, match=message):
        run(*words, "data=fer2013", "data.root=missing")
    assert not Path("run").exists()


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_without_a_network_a_line_names_the_file(library, monkeypatch, tmp_path):
    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.models.ResNet18_Weights, "get_state_dict", offline)
    monkeypatch.setattr(timm, "create_model", offline)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    cfg = compose_config([*FREE, "output_dir=x", "model=resnet18", f"model.library={library}", "model.pretrained=true"])
    with pytest.raises(UserError, match=r"no route to host.*model.pretrained=PATH") as error:
        initial_weights(cfg)
    name = {"timm": "timm/resnet18.a1_in1k", "torchvision": "resnet18-f37072fd.pth"}[library]
    assert name in str(error.value)


def test_a_hub_out_of_reach_is_asked_once(monkeypatch):
    from huggingface_hub import constants, utils

    asked = []

    class Session:
        def head(self, *address, timeout):
            asked.append(address)
            raise OSError("no route to host")

    monkeypatch.setattr(utils, "get_session", Session)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with one_attempt():
        assert constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE
    assert len(asked) == 1
