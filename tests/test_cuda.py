"""Training, evaluation and export on one GPU. FER_REHEARSE=1 runs these tests on the CPU, as far as it can."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from fer import checkpoint
from fer.augment import Augment
from fer.config import compose_config
from fer.data.synthetic import draw
from fer.train import train
from fer.training import experiment
from fer.training.building import plain

REHEARSAL = bool(os.environ.get("FER_REHEARSE"))
ACCELERATOR, DEVICE = ("cpu", "cpu") if REHEARSAL else ("gpu", "cuda")
TINY = [
    "data=synthetic",
    "data.synthetic={train: 140, val: 35, test: 35}",
    "data.batch_size=32",
    "model=cnn",
    "model.blocks=[[8],[16]]",
    "model.head=[16]",
    "optimizer=muon",
    "augment=strong",
    "trainer.max_epochs=2",
    f"trainer.accelerator={ACCELERATOR}",
    "output_dir=run",
]
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not (REHEARSAL or torch.cuda.is_available()), reason="no GPU"),
    pytest.mark.usefixtures("without_pictures_here"),
]


@pytest.fixture
def without_pictures_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fer.training.scoring.write_report", lambda *_, **__: None)


class Watcher(Callback):
    """Keeps where the weights are, and whether they are in channels_last."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        kernel = next(p for p in pl_module.model.parameters() if p.ndim == 4)
        self.devices = {p.device.type for p in (*pl_module.parameters(), *pl_module.buffers(), *batch)}
        self.channels_last = kernel.is_contiguous(memory_format=torch.channels_last)
        self.finite = bool(outputs["loss"].isfinite())


def run(*overrides: str) -> dict:
    return train(compose_config([*TINY, *overrides]))


@pytest.mark.parametrize("precision", ["32-true", "16-mixed", "bf16-mixed"])
def test_each_precision_trains_on_the_device(precision):
    if REHEARSAL and precision == "16-mixed":
        pytest.skip("CPUs have no 16-mixed")
    watcher = Watcher()
    experiment.run(compose_config([*TINY, f"trainer.precision={precision}", "average=ema"]), [watcher])
    assert watcher.devices == {DEVICE}
    assert watcher.finite
    record = json.loads(Path("run/metrics.json").read_text())
    assert record["status"] == "finished"
    assert record["resolved"]["precision"] == precision
    assert 0 <= record["val/accuracy"] <= 1


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_memory_format_is_the_one_asked_for(channels_last):
    watcher = Watcher()
    overrides = [f"channels_last={str(channels_last).lower()}", "model.blocks=[[8,8]]", "trainer.max_epochs=1"]
    experiment.run(compose_config([*TINY, *overrides]), [watcher])
    assert watcher.channels_last or not channels_last


def test_a_compiled_network_trains():
    assert run("compile=true", "trainer.max_epochs=1", "data.synthetic.train=64")["status"] == "finished"


def test_cuda_graphs_answer_as_the_network_does():
    if REHEARSAL:
        pytest.skip("CPUs have no CUDA graphs")
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.AvgPool2d(46)).to(DEVICE)
    images = torch.rand(16, 1, 48, 48, device=DEVICE)
    fast = torch.compile(network, mode="reduce-overhead")
    with torch.inference_mode():
        for _ in range(3):
            answers = fast(images).clone()
        torch.testing.assert_close(answers, network(images), rtol=1e-2, atol=1e-3)


def test_augmentation_gives_on_the_device_what_it_gives_on_the_cpu():
    """With the same parameters on both devices, because each device draws different ones."""
    augment = Augment(num_classes=7, **plain(compose_config(["augment=strong"]).augment))
    images = torch.from_numpy(draw(np.arange(7), seed=0))[:, None].float() / 255
    for transform in augment.transforms.values():
        parameters = transform.sample(images)
        expected = transform.transform(images, *parameters)
        moved = transform.transform(images.to(DEVICE), *(parameter.to(DEVICE) for parameter in parameters))
        torch.testing.assert_close(moved.cpu(), expected, rtol=1e-3, atol=1e-3)


def test_an_interrupted_run_goes_on():
    class Stop(Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            raise KeyboardInterrupt

    with pytest.raises(BaseException):  # noqa: B017, PT011 (how a run ends here is the concern of other tests)
        experiment.run(compose_config([*TINY, "trainer.max_epochs=3"]), [Stop()])
    record = train(compose_config(["resume=run"]))
    assert record["status"] == "finished"
    assert record["epochs"] == 3


def test_distributed_training_of_one_process():
    assert run("trainer.strategy=ddp", "trainer.devices=1", "trainer.max_epochs=1")["status"] == "finished"


def test_exported_answers_are_those_of_the_device():
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from fer import export

    run("trainer.max_epochs=1")
    export.main(["run", "--out", "run/net.onnx"])
    classifier = checkpoint.load(Path("run/checkpoints/best.ckpt")).to(DEVICE).eval()
    faces = draw(np.arange(7), seed=1)[:, None]
    with torch.inference_mode():
        logits = classifier.logits(torch.from_numpy(faces).to(DEVICE)).cpu()
    session = onnxruntime.InferenceSession("run/net.onnx")
    (probabilities,) = session.run(None, {"images": faces})
    assert (probabilities.argmax(1) == logits.argmax(1).numpy()).mean() > 0.8
