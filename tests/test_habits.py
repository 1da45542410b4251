"""What users of Lightning, Hydra, timm, Keras and notebooks type, and what must come of it.

Each row is a command line of fer.train without `python -m fer.train`, or lines of Python. `WORKS` means that the
options compose, are valid and all parts can be built; the other rows are answered with one line that matches a pattern.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from PIL import Image

import fer
from fer import commandline, config, refusals, validation
from fer.errors import UserError
from fer.training import resume
from fer.training.building import resolve_auto
from fer.training.rehearsal import rehearse
from fer.training.start import train

WORKS = ""
OWN = """
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes, width=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, width, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.output = nn.Linear(16 * width, num_classes)

    def forward(self, images):
        return self.output(self.layers(images))


class Narrow(nn.Sequential):
    # the linear layer does not fit 48×48

    def __init__(self, num_classes):
        super().__init__(nn.Flatten(), nn.Linear(32 * 32, num_classes))


def make(num_classes):
    return Net(num_classes)


class Adam(torch.optim.Adam):
    pass


class Darker(nn.Module):
    def forward(self, images):
        return images * 0.9


class Mirror(nn.Module):
    def forward(self, images, labels):
        return images.flip(-1), labels


class Hello(Callback):
    pass
"""

TYPED = {
    # groups, nothing, and names that do not exist
    "": WORKS,
    "model=cnn3 optimizer=sgd": WORKS,
    "model=cnn2 --config-dir=. optimizer=sgd": WORKS,
    "~callbacks.early_stopping ~augment.flip ~optimizer.weight_decay": WORKS,
    "augment.flip=false callbacks.early_stopping=false": WORKS,
    "data.per_class=train:10 data.per_class=val:5": r"data\.per_class=val:5: expected a mapping, in quotes",
    "data.synthetic=train:10": r"data\.synthetic=train:10: expected a mapping, in quotes for the shell",
    "callbacks.early_stopping=patience:3": r"or callbacks\.early_stopping\.KEY=VALUE",
    "+foo=1": r"foo: nothing reads this option; remove it",
    "+trainr.max_epochs=3": r"trainr: nothing reads this option; did you mean trainer\?",
    "+steps=100": r"steps: nothing reads this option",  # of fer.benchmark
    "'+labels.mine=[happy,sad]' 'labels.classes=${.mine}'": WORKS,
    "'+labels={0: angry}'": r"labels\.0: nothing reads this option|labels",
    "+labels.clases=[happy,sad]": r"labels.clases: nothing reads .* did you mean labels.classes\?",
    "+width=8 'model.blocks=[[${width}]]'": WORKS,
    "+sizes.small=8 'model.blocks=[[${sizes.small}]]'": WORKS,
    "+width=8 'model.blocks=[[\"${oc.select:width,16}\"]]'": WORKS,
    "+width=8 'model.dropout=${..half}' +half=0.5 'model.blocks=[[${width}]]'": WORKS,
    "study=../elsewhere": r"study=\.\./elsewhere: expected a name.*output_dir=FOLDER",
    "study=/tmp/elsewhere": r"study=/tmp/elsewhere: expected a name",
    "study=paper/table1": WORKS,
    "optimizer.lr=null": r"optimizer.lr=null: torch.optim.SGD needs a value; .*~optimizer.lr",
    "optimizer.momentum=null optimizer.weight_decay=null": r"optimizer.weight_decay=null .*~optimizer.weight_decay",
    "~optimizer.lr": WORKS,
    "monitor=null": r"monitor=null: early stopping follows it; callbacks.early_stopping=null",
    "monitor=null callbacks.early_stopping=null": WORKS,
    "model.freeze=100": r"model.freeze=100: nothing is left to train; backbone, or \d+, leaves the output layer",
    "model.freeze=-1": r"model.freeze=-1: expected a count",
    "~model": r"~model: .* type model=NAME",
    "~scheduler": r"~scheduler: type scheduler=none",
    "~trainer.max_epochs": r"needs this option; type trainer\.max_epochs=VALUE",
    "~study": r"needs this option; type study=VALUE",
    "~nonsense": r"no option 'nonsense'",
    "hydra.run.dir=here": r"output_dir=FOLDER",
    "hydra.job.chdir=true": r"leave this option out",
    "optimizerr=sgd": r"Did you mean optimizer",
    "optimizer=sdg": r"Did you mean optimizer=sgd\? In conf/optimizer: adagrad",
    "launcher=paralel": r"Did you mean launcher=parallel",
    "trainer=gpux": r"Did you mean trainer=gpu\?",
    "logger=wandbb": r"Did you mean logger=wandb",
    "model=2": r"model=2: expected a name",
    "model=null": r"model=null: expected a name",
    "scheduler=null": WORKS,
    "scheduler=none": WORKS,
    "scheduler=constant": WORKS,
    "augment=null": WORKS,
    "augment=none": WORKS,
    "average=null": WORKS,
    "logger=null": WORKS,
    "logger=none": WORKS,
    "logger=false": WORKS,
    "logger=csv": WORKS,
    "logger=tensorboard": WORKS,
    "logger=[tensorboard,csv]": WORKS,
    "callbacks=null": WORKS,
    "callbacks=none": WORKS,
    "callbacks=default": WORKS,
    "callbacks=finetune": WORKS,
    "trainer=cpu": WORKS,
    "trainer=debug": WORKS,
    "trainer=default": WORKS,
    "experiment=null": WORKS,
    "optimizer.lrr=0.1": r"Did you mean optimizer\.lr\?",
    "lr=0.1": r"Did you mean optimizer\.lr\?",
    "learning_rate=0.1": r"Did you mean optimizer\.lr\?",
    "batch_size=32": r"Did you mean data\.batch_size\?",
    "epochs=3": r"Did you mean trainer\.max_epochs\?",
    "max_epochs=3": r"Did you mean trainer\.max_epochs\?",
    "dropout=0.2": r"Did you mean model\.dropout\?",
    "data.num_workers=4": r"without workers",
    "trainer.gpus=1": r"Did you mean trainer\.devices\?",
    "dataset=fer2013": r"no option 'dataset'",
    "model=resnet18 model.nme=resnet34": r"Did you mean model\.name\?",
    "optimizer=adam optimizer.beta=0.9": r"Did you mean optimizer\.betas\?|In optimizer: lr",
    "optimizer=adam optimizer.betas=[0.9,0.99]": r"type \+optimizer\.betas=VALUE",
    "scheduler=onecycle scheduler.max_lrs=0.1": r"Did you mean scheduler\.max_lr\?",
    "loss=focal loss.gama=2": r"Did you mean loss\.gamma\?",
    "~callbacks.early_stopping": WORKS,
    "callbacks.early_stopping=null": WORKS,
    "callbacks.checkpoint=null": WORKS,
    "callbacks.progress=null": WORKS,
    "model=cnn2 'model._target_=own.Net'": r"unexpected keyword argument",
    "-m optimizer.lr=interval(0,1)": r"fer\.search",
    "hydra/launcher=joblib": r"launcher=parallel",
    "hydra/sweeper=optuna": r"fer\.search",
    "optimizer=sgd,adam": r"several choices need -m",
    "seed=0,1": r"-m",
    # arguments of the Trainer
    "trainer.fast_dev_run=true": WORKS,
    "trainer.limit_train_batches=0.5": WORKS,
    "trainer.limit_val_batches=0": WORKS,
    "trainer.limit_test_batches=2": r"test=false",
    "trainer.overfit_batches=2": WORKS,
    "trainer.max_time=00:12:00:00": WORKS,
    "trainer.max_steps=100 trainer.max_epochs=-1": WORKS,
    "trainer.profiler=simple": WORKS,
    "trainer.profiler=advanced": WORKS,
    "trainer.profiler=pytorch": WORKS,
    "trainer.profiler=fast": r"simple, advanced, pytorch",
    "trainer.deterministic=true": WORKS,
    "trainer.deterministic=maybe": r"true, false, warn, null",
    "trainer.detect_anomaly=true": WORKS,
    "trainer.barebones=true": r"fer\.benchmark",
    "trainer.enable_progress_bar=false": WORKS,
    "trainer.enable_checkpointing=false": r"callbacks\.checkpoint=null",
    "trainer.enable_model_summary=true": WORKS,
    "trainer.logger=false": WORKS,
    "trainer.benchmark=true": WORKS,
    "trainer.gradient_clip_val=1": WORKS,
    "trainer.gradient_clip_val=1 trainer.gradient_clip_algorithm=value": WORKS,
    "trainer.gradient_clip_algorithm=l2": r"norm, value, null",
    "trainer.inference_mode=false": WORKS,
    "trainer.accumulate_grad_batches=4": WORKS,
    "trainer.val_check_interval=0.5": WORKS,
    "trainer.num_sanity_val_steps=2": WORKS,
    "trainer.min_epochs=5": WORKS,
    "trainer.precision=16-mixed": WORKS,
    "trainer.precision=bf16": r"expected one of",
    "trainer.default_root_dir=here": r"output_dir",
    "trainer.nonsense=3": r"no option 'trainer\.nonsense'",
    "+trainer.nonsense=3": r"unexpected keyword argument",
    "trainer.accelerator=tpu": r"torch_xla|tpu|TPU",
    "'callbacks={hello: {_target_: own.Hello}}'": WORKS,
    "trainer.accelerator=mps": r"trainer.accelerator=mps: PyTorch finds no such device.*trainer=cpu",
    "trainer.strategy=nonsense": r"nonsense",
    "trainer.accelerator=cpu trainer.devices=2 trainer.strategy=ddp": WORKS,
    "trainer.accelerator=cpu trainer.devices=2 trainer.strategy=ddp_spawn": r"in a shell, with trainer\.strategy=ddp",
    "trainer.accelerator=cpu trainer.devices=2 trainer.strategy=ddp_notebook": r"a notebook trains on one",
    "trainer.max_epochs=-1": r"training has no end; type trainer\.max_steps=N",
    "trainer.max_epochs=-1 trainer.max_time=00:00:10:00": r"plans the whole run.*scheduler=constant",
    "trainer.max_epochs=-1 trainer.max_time=00:00:10:00 scheduler=constant": WORKS,
    "'trainer.max_time={minutes: 5}'": WORKS,
    "trainer.max_time=5": r"expected days:hours:minutes:seconds",
    "trainer.max_epochs=null": r"expected a positive integer, or -1",
    "trainer.max_epochs=1.5": r"expected a positive integer, or -1",
    "trainer.max_epochs=[1,2]": r"expected a positive integer, or -1",
    "'trainer.max_epochs=${seed}'": r"trainer\.max_epochs=0: expected a positive integer",
    "'trainer.max_epochs=${seed}' seed=3": WORKS,
    "trainer.check_val_every_n_epoch=0": r"expected a positive integer",
    "trainer.check_val_every_n_epoch=2 scheduler=plateau": WORKS,
    "trainer.num_nodes=2": r"other nodes are unknown; start the command on each node",
    "'trainer.strategy={_target_: lightning.pytorch.strategies.SingleDeviceStrategy}'": WORKS,
    "trainer.strategy=fsdp trainer.accelerator=cpu": r"requires a GPU",
    "trainer.strategy=deepspeed": r"pip install",
    "trainer.logger=[]": r"logger=\[tensorboard,wandb\]",
    "trainer.callbacks=[]": r"callbacks\.NAME=",
    # flags of other command lines, and paths and lists for groups
    "--epochs 3": r"NAME=VALUE, such as trainer\.max_epochs=3",
    "--lr=0.1": r"NAME=VALUE, such as optimizer\.lr=0\.1",
    "-v": r"NAME=VALUE, such as model=cnn3",
    "--experimental-rerun x": r"resume=RUN",
    "model=CNN3": r"Did you mean model=cnn3\?",
    "optimizer=SGD": r"Did you mean optimizer=sgd\?",
    "model=conf/model/cnn2.yaml": r"model=conf/model/cnn2\.yaml: expected a name",
    "'callbacks=[{_target_: own.Hello}]'": r"\+callbacks\.NAME=\{_target_: …\}",
    "callbacks=[default,finetune]": WORKS,
    "callbacks.checkpoint.save_last=true": r"type \+callbacks\.checkpoint\.save_last=VALUE",
    # callbacks of Lightning and own parts
    "'+callbacks.bar={_target_: lightning.pytorch.callbacks.RichProgressBar}'": WORKS,
    "'+callbacks.clock={_target_: lightning.pytorch.callbacks.Timer, duration: \"00:00:01:00\"}'": WORKS,
    "'optimizer={_target_: torch.optim.SGD}'": WORKS,
    "'optimizer={_target_: torch.optim.Adafactor}' classifier.layer_decay=0.5": WORKS,
    "'optimizer={_target_: torch.optim.LBFGS}' classifier.layer_decay=0.5": r"parameter groups",
    "'optimizer={_target_: torch.optim.lr_scheduler.StepLR}'": r"optimizer",
    "'loss={_target_: torch.nn.MSELoss}'": r"loss: cannot be computed of logits \(3, 2\) and labels \(3,\)",
    "'loss={_target_: torch.nn.BCEWithLogitsLoss}'": r"loss for class numbers, such as torch\.nn\.CrossEntropyLoss",
    "'loss={_target_: timm.loss.SoftTargetCrossEntropy}'": r"loss for class numbers",
    "'loss={_target_: timm.loss.LabelSmoothingCrossEntropy}'": WORKS,
    "'scheduler={_target_: torch.optim.lr_scheduler.MultiStepLR, milestones: [1,2,3]}'": WORKS,
    "'scheduler={_target_: timm.scheduler.CosineLRScheduler, t_initial: 3}'": r"expected LRScheduler",
    "'+callbacks.swa={_target_: lightning.pytorch.callbacks.StochasticWeightAveraging, swa_lrs: 0.01}'": WORKS,
    "'+callbacks.finetuning={_target_: lightning.pytorch.callbacks.BackboneFinetuning}'": WORKS,
    "'+callbacks.finder={_target_: lightning.pytorch.callbacks.LearningRateFinder}'": WORKS,
    "'+callbacks.stats={_target_: lightning.pytorch.callbacks.DeviceStatsMonitor}'": WORKS,
    "'+callbacks.summary={_target_: lightning.pytorch.callbacks.RichModelSummary}'": WORKS,
    "+callbacks.hello._target_=own.Hello": WORKS,
    "+callbacks.hello._target_=own.Missing": r"has no 'Missing'",
    "+callbacks.hello._target_=torch.nn.ReLU": r"returned an object of type ReLU; expected Callback",
    "'model={_target_: own.Net, width: 8}'": WORKS,
    "'model={_target_: own.make}'": WORKS,
    "'model={_target_: nowhere.Net}'": r"no module 'nowhere'",
    "'model={_target_: torchvision.models.resnet18}'": WORKS,
    "'model={_target_: timm.create_model, model_name: resnet10t}'": WORKS,
    "optimizer._target_=own.Adam": r"unexpected keyword argument 'momentum'",
    "'optimizer={_target_: own.Adam, lr: 0.001}'": WORKS,
    "'optimizer={_target_: timm.optim.Lamb, lr: 0.01}'": WORKS,
    "'loss={_target_: torch.nn.CrossEntropyLoss}'": WORKS,
    "'loss={_target_: torch.nn.CrossEntropyLoss, label_smoothing: 0.1}'": WORKS,
    "'scheduler={_target_: torch.optim.lr_scheduler.LinearLR}'": WORKS,
    "'augment={darker: {_target_: own.Darker}}'": WORKS,
    "'augment={mirror: {_target_: own.Mirror}}'": WORKS,
    "+augment.darker._target_=own.Darker": WORKS,
    # networks, weights to start from
    "model=resnet18": WORKS,
    "model=timm model.name=resnet18": WORKS,
    "model=timm model.name=vit_tiny": WORKS,
    "model=timm model.name=resnet18.a1_in1k": WORKS,
    "model=timm model.name=resnet18.nothing": r"Invalid pretrained tag",
    "model=timm model.name=resnet18 model.resize=0": r"model\.resize=0: expected a positive integer",
    "model=torchvision model.name=resnet18 +model.weights=DEFAULT": r"model\.pretrained=true",
    "model=cnn3 model.blocks=[8,16]": r"model: fer\.models\.cnn\.CNN: TypeError",
    "model=timm model.name=resnt18": r"try .*resnet18",
    "model=torchvision model.name=efficientnet_b0": WORKS,
    "model=torchvision model.name=resnet18 model.resize=96": WORKS,
    "model=torchvision model.name=alexnet": r"48×48 .*; model\.resize=64",
    "model=torchvision model.name=vit_b_16": r"48×48 .*; model\.resize=224",
    "model=timm model.name=inception_v3": r"48×48 .*; model\.resize=96",
    "'model={_target_: own.Narrow}'": r"fails on two pictures of 48×48 \(.*2304",
    "init_from=pocket model=pocket": WORKS,
    "init_from=pocket model=pocket labels=fer4 model.freeze=backbone": WORKS,
    "init_from=missing": r"no such run or checkpoint",
    "init_from=pocket model=resnet18": r"no weight has a name and shape of the network",
    "model.freeze=backbone": WORKS,
    "model.freeze=2": WORKS,
    "model.freeze=[blocks.0,blocks.1]": WORKS,
    "model.freeze=nothing": r"no such module",
    "model=resnet18 model.pretrained=missing.pth": r"no such file",
    "model=cnn2 model.pretrained=missing.pth": r"networks of timm and torchvision",
    "classifier.layer_decay=0.75": WORKS,
    "classifier.layer_decay=2": r"\(0, 1\]",
    # values
    "optimizer.lr=-1": r"expected a number > 0",
    "optimizer.lr=abc": r"expected a number > 0",
    "data.batch_size=0": r"expected a positive integer",
    "data.batch_size=64.0": r"expected a positive integer",
    "data.batch_size=[32,64]": r"expected a positive integer",
    "seed=null": r"expected an integer from 0 to 4294967295",
    "seed=4294967296": r"expected an integer from 0 to 4294967295",
    "seed=[0,1]": r"expected an integer from 0",
    "study=null": r"study is empty",
    "model.dropout=1.5": r"expected a number in \[0, 1\)",
    "compile=maybe": r"expected one of true, false",
    "monitor=test/accuracy": r"metric of the validation split",
    "resume=missing": r"no such run",
    "resume=": r"empty",
    "existing=overwrite": r"expected one of new, continue",
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)


def composed(words: Sequence[str]) -> DictConfig:
    """The config of a command line; UserError as the command reports it."""
    refusals.check_flags(words, "train")
    words = commandline.prepared(words)
    try:
        return config.compose_config([word for word in words if not word.startswith("-")])
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(config.explain(error, "train", words)) from error


def start(words: Sequence[str]) -> None:
    """All that a training does before it reads data."""
    cfg = composed(words)
    if cfg.resume:
        resume.resumed(cfg, words)
    validation.check(cfg)
    rehearse(resolve_auto(cfg))


def answer(words: Sequence[str]) -> str:
    try:
        start(words)
    except UserError as error:
        return str(error)
    return WORKS


@pytest.mark.full
@pytest.mark.parametrize(("line", "expected"), TYPED.items(), ids=range(len(TYPED)))
def test_what_is_typed_works_or_is_answered(line, expected):
    said = answer([*shlex.split(line)])
    if expected == WORKS:
        assert said == WORKS, line
    else:
        assert re.search(expected, said), f"{line}: {said!r}"
    assert "\n" not in said
    assert "Traceback" not in said
    assert not Path("runs").exists()


TINY = ["data=synthetic", "data.synthetic.train=70", "data.synthetic.val=35", "data.synthetic.test=35",
        "model.blocks=[[4],[8]]", "model.head=[8]", "model=cnn", "trainer.max_epochs=1", "trainer.accelerator=cpu",
        "trainer.precision=32-true", "callbacks.pictures=null"]  # fmt: skip


@pytest.mark.full
@pytest.mark.pictures
def test_three_lines_train_and_show():
    run = fer.fit(*TINY, "optimizer=sgd")
    assert run.metrics["val/accuracy"] == run.record["val/accuracy"]
    assert len(run.predictions()) == 70
    assert list(run.curves().index) == [1]
    assert run.folder == Path("runs/train") / run.folder.parent.name / "seed-0"
    assert run.record["command"].startswith("python -m fer.train data=synthetic")
    assert run.checkpoint.is_file()
    assert "accuracy" in repr(run)
    assert "<img" in run._repr_html_()
    assert fer.Run("latest").folder.samefile(run.folder)
    [face] = fer.Recogniser(run.folder, detector="none")(np.zeros((48, 48), np.uint8))
    assert face.label in face.probabilities


@pytest.mark.full
def test_a_composed_config_trains():
    assert fer.fit(fer.compose(*TINY, "output_dir=here")).folder == Path("here")


def test_a_config_trains_inside_another_program_of_hydra(monkeypatch):
    import hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    with hydra.initialize(None, version_base="1.3"):
        other = hydra.compose(None, return_hydra_config=True)
        monkeypatch.setattr(HydraConfig.instance(), "cfg", other)
        assert fer.compose("model=cnn2", "seed=3").output_dir == "runs/train/cnn2/seed-3"
        assert config.typed_overrides() == []
        assert GlobalHydra.instance().is_initialized()


@pytest.mark.parametrize("option", [3, None, ["model=cnn2"], {"model": "cnn2"}, np.zeros(2)])
def test_options_of_another_type_are_answered_in_python(option):
    with pytest.raises(UserError, match=f"takes options as strings.* {type(option).__name__}$"):
        fer.fit(option)
    with pytest.raises(UserError, match="expected a string"):
        fer.compose(option)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-m", "seed=0,1"], "a loop over fer.fit"),
        (["--config-dir=x"], "config_dir=FOLDER"),
        (["~model"], "model=NAME"),
        (["modle=cnn2"], "Did you mean model"),
        (["model=cn2"], "Did you mean model=cnn2"),
        (["cnn2"], "NAME=VALUE"),
    ],
)
def test_wrong_options_are_answered_in_python_too(options, message):
    with pytest.raises(UserError, match=message):
        fer.fit(*options)


@pytest.mark.full
def test_data_root_is_a_path():
    with pytest.raises(UserError, match=r"no such path: .*my, data"):
        fer.fit(*TINY[5:], "data=fer2013", data_root="my, data")


def test_a_data_module_takes_a_path_first(tmp_path):
    with pytest.raises(UserError, match="no such path"):
        fer.FERDataModule("./data").setup()
    with pytest.raises(UserError, match="two places"):
        fer.FERDataModule("./data", root="./other")


def synthetic() -> "fer.FERDataModule":
    return fer.FERDataModule("synthetic", synthetic={"train": 70, "val": 35, "test": 35})


@pytest.mark.full
def test_a_data_module_reads_when_asked():
    assert len(synthetic().classes) == 7
    assert synthetic().class_counts == [10] * 7
    image, label = synthetic().train_dataset[0]
    assert (tuple(image.shape), label in range(7)) == ((1, 48, 48), True)
    images, labels = next(iter(synthetic().val_dataloader()))
    assert len(images) == len(labels) == 35


@pytest.mark.full
def test_an_own_lightning_module_unpacks_two_fields():
    import lightning.pytorch as pl
    import torch
    from torch import nn

    class Own(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 7))

        def training_step(self, batch, batch_idx):
            x, y = batch
            assert len(batch.rows) == len(y)
            return nn.functional.cross_entropy(self.net(x.float()), y)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.001)

    trainer = pl.Trainer(max_steps=2, accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(Own(), synthetic())
    assert trainer.global_step == 2


@pytest.mark.full
def test_a_module_makes_a_classifier_that_loads_with_the_module_again(tmp_path):
    import lightning.pytorch as pl
    from torch import nn

    net = nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 7))
    trainer = pl.Trainer(max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(fer.Classifier(model=net), synthetic())
    trainer.save_checkpoint("net.ckpt")
    other = nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 7))
    loaded = fer.Classifier.load_from_checkpoint("net.ckpt", model=other)
    assert loaded.model[1].weight.equal(net[1].weight)
    with pytest.raises(UserError, match=r"load_from_checkpoint\(PATH, model=MODULE\)"):
        fer.Classifier.load_from_checkpoint("net.ckpt")


@pytest.mark.full
def test_a_trial_in_python_says_that_it_leaves_no_run():
    with pytest.raises(UserError, match="trial"):
        fer.fit(*TINY, "trainer.fast_dev_run=true")


@pytest.mark.full
def test_tuner_finds_a_learning_rate():
    import lightning.pytorch as pl
    from lightning.pytorch.tuner import Tuner
    from torch import nn

    classifier = fer.Classifier(model=nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 7)))
    trainer = pl.Trainer(max_epochs=20, accelerator="cpu", logger=False, enable_progress_bar=False)
    finder = Tuner(trainer).lr_find(classifier, synthetic(), num_training=40, min_lr=1e-5)
    assert classifier.lr == finder.suggestion()


@pytest.mark.full
def test_a_config_without_hydra_trains_through_train():
    assert train(config.compose_config([*TINY]))["folder"].startswith("runs/train/")


@pytest.mark.full
def test_pictures_of_any_kind_are_recognised(astronaut):
    Image.fromarray(np.asarray(astronaut)).save("photo.jpg")
    bgr = np.asarray(astronaut)[:, :, ::-1]
    found = [fer.recognise("photo.jpg"), fer.recognise(astronaut), fer.recognise(bgr, bgr=True)]
    assert [[face.label for face in faces] for faces in found[1:]] == [["happy"], ["happy"]]
    assert len(fer.recognise(["photo.jpg", Path("photo.jpg").read_bytes()])) == 2
