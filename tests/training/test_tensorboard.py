import re
from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard import SummaryWriter

from fer.training import tensorboard

CONFIG = {"model": {"dropout": 0.3, "blocks": [[32], [64]]}, "optimizer": {"lr": 0.01}, "seed": 3, "output_dir": "x"}
FIGURES = {"train/loss": 1.5, "test/accuracy": 0.6, "val/accuracy": 0.5}


@pytest.fixture
def events(tmp_path):
    typed = "optimizer=adam +model.dropout=0.3 seed=3 study=mine data.root=/private/place launcher=parallel"
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("val/accuracy", 0.4, 7)
        tensorboard.add_run(writer, f"python -m fer.train {typed}", CONFIG, FIGURES, step=9)
    return EventAccumulator(str(tmp_path)).Reload()


def experiment(events):
    content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
    return HParamsPluginData.FromString(content).experiment


def test_what_makes_a_run_what_it_is_comes_first(events):
    leading = {info.name: info.differs for info in experiment(events).hparam_infos}
    assert {name for name, leads in leading.items() if leads} == {"optimizer", "model.dropout", "seed"}
    assert leading.keys() == {"optimizer", "model.dropout", "model.blocks", "optimizer.lr", "seed"}


def test_final_figures_stand_in_the_table_accuracy_first(events, tmp_path):
    names = [(info.name.group, info.name.tag) for info in experiment(events).metric_infos]
    assert names == [("final", "val/accuracy"), ("final", "test/accuracy"), ("final", "train/loss")]
    final = EventAccumulator(str(tmp_path / "final")).Reload()
    assert [(one.step, round(one.value, 3)) for one in final.Scalars("val/accuracy")] == [(9, 0.5)]
    assert events.Tags()["scalars"] == ["val/accuracy"]
    assert [one.step for one in events.Scalars("val/accuracy")] == [7]


def test_no_import_path_is_a_hyperparameter():
    config = {"model": {"_target_": "a.B", "dropout": 0.3}, "augment": {"flip": {"_target_": "a.C", "p": 0.5}}}
    assert tensorboard.hyperparameters(config) == {"model.dropout": 0.3, "augment.flip.p": 0.5}


def test_numbers_stay_numbers(events):
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = HParamsPluginData.FromString(content).session_start_info.hparams
    assert values["seed"].number_value == 3
    assert values["optimizer"].string_value == "adam"


LOGGED = ["lr", "lr-SGD", "images_per_s"] + [
    f"{split}/{name}"
    for split in ("train", "val")
    for name in ("loss", "accuracy", "balanced_accuracy", "macro_f1", "accuracy/happy", "accuracy/sad (or tired)")
]


def test_the_first_view_holds_loss_accuracy_and_the_recall_of_each_class(tmp_path):
    logger = TensorBoardLogger(tmp_path, name="", version="")
    state = SimpleNamespace(is_global_zero=True, loggers=[logger])
    tensorboard.Layout().on_fit_start(state, SimpleNamespace(classes=["happy", "sad (or tired)"]))
    logger.finalize("success")
    events = EventAccumulator(str(tmp_path)).Reload()
    (tensor,) = events.Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(tensor.tensor_proto.string_val[0])
    charts = {chart.title: chart.multiline.tag for category in layout.category for chart in category.chart}
    matched = {title: [n for n in LOGGED if any(re.match(tag, n) for tag in tags)] for title, tags in charts.items()}
    assert matched == {
        "Accuracy": ["train/accuracy", "val/accuracy"],
        "Loss": ["train/loss", "val/loss"],
        "Balanced accuracy and macro F1": ["val/balanced_accuracy", "val/macro_f1"],
        "Learning rate": ["lr", "lr-SGD"],
        "Share of each class that is recognised": ["val/accuracy/happy", "val/accuracy/sad (or tired)"],
    }


def test_other_loggers_and_ranks_get_no_layout(tmp_path):
    logger = TensorBoardLogger(tmp_path, name="", version="")
    module = SimpleNamespace(classes=["happy"])
    tensorboard.Layout().on_fit_start(SimpleNamespace(is_global_zero=False, loggers=[logger]), module)
    tensorboard.Layout().on_fit_start(SimpleNamespace(is_global_zero=True, loggers=[CSVLogger(tmp_path)]), module)
    assert not list(tmp_path.iterdir())
