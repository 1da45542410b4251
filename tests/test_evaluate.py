"""The command, on an untrained network and a few drawn faces."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from fer import checkpoint, evaluate
from fer.classifier import Classifier
from fer.data.emotions import EMOTIONS
from fer.data.soft_labels import read_teachers
from fer.errors import UserError
from fer.evaluation import explain, neighbours, robustness
from fer.evaluation.images import read_data
from fer.evaluation.loading import load_classifier
from fer.training.scoring import score

DATA = {"source": "synthetic", "synthetic": {"train": 21, "val": 14, "test": 14}}
PARTS = {
    "model": {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8]},
    "loss": {"_target_": "fer.losses.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
    "scheduler": {"_target_": "torch.optim.lr_scheduler.ConstantLR"},
}


def save(path: Path, experiment: dict) -> None:
    """A checkpoint of an untrained network."""
    torch.manual_seed(0)
    module = Classifier(**PARTS, classes=EMOTIONS, class_counts=[3] * 7, mean=0.5, std=0.2, experiment=experiment)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(path)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A run's folder as fer.train leaves it, in its study's folder."""
    run = tmp_path_factory.mktemp("runs") / "mine" / "defaults" / "seed-0"
    (run / "checkpoints").mkdir(parents=True)
    save(run / "checkpoints" / "best.ckpt", {"data": DATA})
    datamodule = read_data(DATA, None, None)
    figures = score(checkpoint.load(run / "checkpoints" / "best.ckpt"), datamodule, run, "cpu")
    record = {"status": "finished", "config": {"study": "mine", "data": DATA}, "checkpoint": "checkpoints/best.ckpt"}
    (run / "metrics.json").write_text(json.dumps(record | figures | {"data": datamodule.description()}))
    return run


@pytest.fixture
def run(scored, tmp_path, monkeypatch) -> Path:
    """A copy of it, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(scored.parents[1], tmp_path / "runs" / "mine")
    return Path("runs") / "mine" / "defaults" / "seed-0"


def content(folder: Path) -> dict:
    return json.loads((folder / "evaluation.json").read_text())


def test_scoring_leaves_the_short_report(scored):
    text = (scored / "report.md").read_text()
    assert "| validation split | 14 |" in text
    assert "| test split | 14 |" in text
    assert "(confusion.png)" in text


def test_a_run_is_evaluated_from_its_predictions(run, capsys):
    evaluate.main([str(run), "--quick"])
    folder, metrics = run / "evaluation-val", json.loads((run / "metrics.json").read_text())
    assert content(folder)["accuracy"]["all images"]["accuracy"]["value"] == pytest.approx(metrics["val/accuracy"])
    assert "SYNTHETIC" in (folder / "report.md").read_text()
    assert not Path("runs/mine/test_reads.jsonl").exists()
    files = {path.name for path in folder.iterdir()}
    assert {"report.html", "report.md", "evaluation.json", "confusion.png", "ranking.png", "classes.csv"} <= files
    lines = capsys.readouterr().out.splitlines()
    assert f"wrote {folder}/: report.html" in lines[-3]
    assert lines[-2] == f"next: open {folder / 'report.html'}"


@pytest.mark.full
def test_nothing_heavy_is_imported_for_predictions_alone(run):
    code = f"""
import sys
from fer import evaluate
evaluate.main(["{run / "predictions.csv"}", "--out", "out"])
assert not {{"torch", "lightning"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_checkpoint_says_what_its_run_said(run):
    evaluate.main([str(run / "checkpoints" / "best.ckpt"), "--quick", "--out", "a"])
    evaluate.main([str(run), "--quick", "--out", "b"])
    of_checkpoint, of_run = content(Path("a")), content(Path("b"))
    assert of_checkpoint["confusion"] == of_run["confusion"]
    assert of_checkpoint["calibration"]["as predicted"]["nll"] == pytest.approx(
        of_run["calibration"]["as predicted"]["nll"], abs=1e-4
    )


def test_logit_adjustment_subtracts_the_log_prior(run):
    evaluate.main([str(run), "--quick", "--logit-adjustment", "1.5"])
    source = load_classifier(run / "checkpoints" / "best.ckpt")
    counts = torch.tensor(source.classifier.hparams.class_counts, dtype=torch.float32)
    logits = source.logits("val") - 1.5 * (counts / counts.sum()).log()
    result = content(run / "evaluation-val-adjusted1.5")
    assert result["confusion"] == source.predictions("val", logits).confusion.tolist()


def test_logit_adjustment_needs_the_network(run):
    with pytest.raises(UserError, match="--logit-adjustment needs the network"):
        evaluate.main([str(run / "predictions.csv"), "--logit-adjustment", "1"])


@pytest.mark.full
def test_views_of_each_face_are_averaged(run):
    evaluate.main([str(run), "--quick", "--tta", "flip"])
    plain, flipped = (load_classifier(run / "checkpoints" / "best.ckpt", tta=tta) for tta in ("none", "flip"))
    result = content(run / "evaluation-val-flip")
    assert result["confusion"] == flipped.predictions("val", flipped.logits("val")).confusion.tolist()
    assert not torch.equal(plain.logits("val"), flipped.logits("val"))


@pytest.mark.full
def test_fewer_classes_are_masked_alike_in_tables_and_networks(run):
    evaluate.main([str(run), "--quick", "--labels", "fer4"])
    evaluate.main([str(run / "checkpoints" / "best.ckpt"), "--quick", "--labels", "fer4", "--out", "b"])
    table, network = content(run / "evaluation-val-fer4"), content(Path("b"))
    assert table["classes"] == network["classes"] == ["angry", "happy", "sad", "neutral"]
    assert table["confusion"] == network["confusion"]
    assert table["images"] == 8


def test_masked_logits_keep_the_numbers_of_the_classifier(run):
    source = load_classifier(run / "checkpoints" / "best.ckpt", classes=("sad", "happy"))
    part, logits = source.split("val"), source.logits("val")
    assert set(part.labels.tolist()) == {EMOTIONS.index("sad"), EMOTIONS.index("happy")}
    assert logits.isinf().sum() == 5 * len(part)
    assert set(logits.argmax(1).tolist()) <= set(part.labels.tolist())


def test_reading_the_test_split_leaves_a_line_in_the_study(run):
    for _ in range(2):
        evaluate.main([str(run), "--quick", "--split", "test"])
    lines = Path("runs/mine/test_reads.jsonl").read_text().splitlines()
    assert [json.loads(line)["input"] for line in lines] == [[str(run)]] * 2
    assert json.loads(lines[0])["command"] == f"python -m fer.evaluate {run} --quick --split test"
    assert "read 3 times: 1 at the end of a run and 2 by" in (run / "evaluation-test" / "report.md").read_text()


def test_a_stray_file_has_its_line_beside_the_report(run):
    shutil.copy(run / "predictions.csv", "stray.csv")
    evaluate.main(["stray.csv", "--split", "test", "--out", "out"])
    assert len(Path("out/test_reads.jsonl").read_text().splitlines()) == 1


def test_several_are_compared(run):
    table = pd.read_csv(run / "predictions.csv")
    table.iloc[1:].assign(predicted="sad").to_csv("other.csv", index=False)
    evaluate.main([str(run), "other.csv", "--out", "out"])
    result = content(Path("out"))
    assert len(result["models"]) == 4
    assert result["images"] == 13
    assert result["dropped"] == ["Left out: 1 image that is not in all of them."]
    assert len(result["pairs"]) == 1


@pytest.mark.full
def test_the_network_is_shown_at_work(run, monkeypatch):
    """With stand-ins for the slow parts, which have tests of their own."""
    arguments = {}

    def mistakes(classifier, train, evaluated, logits):
        arguments["mistakes"] = (len(train), evaluated.ids.tolist(), logits.shape)
        return Figure()

    def sheets(classifier, split, logits):
        return {"gradcam": Figure()}

    def curves(classifier, split, most):
        return pd.DataFrame(
            {"corruption": ["dark"], "strength": [1], "value": [1], "meaning": ["x"], "accuracy": [0.1]}
        )

    monkeypatch.setattr(neighbours, "mistakes_figure", mistakes)
    monkeypatch.setattr(explain, "heat_figures", sheets)
    monkeypatch.setattr(robustness, "accuracy_curves", curves)
    evaluate.main([str(run)])
    folder = run / "evaluation-val"
    ids = pd.read_csv(run / "predictions.csv").query("split == 'val'")["id"]
    assert arguments["mistakes"] == (21, ids.tolist(), (14, 7))
    files = {path.name for path in folder.iterdir()}
    assert {"predictions.png", "mistakes.png", "gradcam.png", "robustness.png", "robustness.csv"} <= files
    assert 0 <= content(folder)["flip_consistency"] <= 1


@pytest.mark.full
def test_a_report_to_be_published_shows_no_face(run, monkeypatch):
    table = {"corruption": ["dark"], "strength": [1], "value": [1], "meaning": ["x"], "accuracy": [0.1]}
    monkeypatch.setattr(robustness, "accuracy_curves", lambda *_: pd.DataFrame(table))
    evaluate.main([str(run), "--no-faces"])
    files = {path.stem for path in (run / "evaluation-val").glob("*.png")}
    assert files == {"confusion", "reliability", "coverage", "ranking", "robustness"}


def test_what_a_part_refuses_is_said_in_its_place(run, monkeypatch):
    def refuse(*_):
        raise UserError("no map to explain")

    for module, name in ((neighbours, "mistakes_figure"), (explain, "heat_figures"), (robustness, "accuracy_curves")):
        monkeypatch.setattr(module, name, refuse)
    evaluate.main([str(run)])
    assert (run / "evaluation-val" / "report.md").read_text().count("Not shown: no map to explain.") == 3


def test_without_its_checkpoint_a_run_is_still_evaluated(run):
    shutil.rmtree(run / "checkpoints")
    evaluate.main([str(run)])
    assert "no checkpoint is left of this run" in (run / "evaluation-val" / "report.md").read_text()


def test_training_images_are_predicted_by_the_network_for_use_as_soft_labels(run):
    evaluate.main([str(run), "--split", "train", "--quick"])
    soft = read_teachers([str(run / "evaluation-train" / "predictions.csv")])
    assert len(soft.ids) == json.loads((run / "metrics.json").read_text())["data"]["counts"]["train"]["angry"] * 7
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match=r"no checkpoint is left, which .* --split train need"):
        evaluate.main([str(run), "--split", "train"])


def test_other_data_than_in_training_are_not_taken_for_it(run):
    """As when ./data is gone and drawn faces would stand in."""
    record = json.loads((run / "metrics.json").read_text())
    record["data"]["fingerprint"] = "another"
    (run / "metrics.json").write_text(json.dumps(record))
    evaluate.main([str(run)])
    assert "are not those of the training (another)" in (run / "evaluation-val" / "report.md").read_text()
    with pytest.raises(UserError, match="not those of the training"):
        evaluate.main([str(run / "checkpoints" / "best.ckpt")])


@pytest.mark.full
def test_classes_that_other_data_lack_are_said(run, make_faces, write_csv, capsys):
    faces = make_faces([0, 3, 4, 6] * 6, usage=[0, 1, 2] * 8)
    write_csv(Path("four") / "fer2013.csv", faces)
    evaluate.main([str(run), "--data", "four", "--quick"])
    result, lines = content(run / "evaluation-val"), capsys.readouterr().out
    [other] = result["other_data"].values()
    assert other == {"left_out": {}, "absent": ["disgust", "fear", "surprise"]}
    assert "The data hold no image of disgust, fear, surprise" in lines
    assert result["accuracy"]["all images"]["images"] == 8
    restricted = result["accuracy"]["decided among the classes of these images"]
    assert restricted["accuracy"]["value"] >= result["accuracy"]["all images"]["accuracy"]["value"]
    evaluate.main([str(run), "--data", "four", "--labels", "fer4", "--quick"])
    assert content(run / "evaluation-val-fer4")["confusion"] is not None
    assert content(run / "evaluation-val-fer4")["images"] == 8


@pytest.mark.full
def test_several_networks_are_compared_on_other_data(run, make_faces, write_pictures, capsys):
    save(Path("second.ckpt"), {"data": DATA})
    names = ("Anger", "boredom", "Happiness", "Suprise", "contempt")
    faces = make_faces(np.tile(range(5), 4), classes=names)
    write_pictures(Path("pictures"), faces, "{emotion}/{row}.png")
    evaluate.main([str(run), "second.ckpt", "--data", "pictures", "--split", "all", "--quick", "--out", "out"])
    result, lines = content(Path("out")), capsys.readouterr().out
    assert result["images"] == 8
    left_out = {"boredom": 4, "contempt": 4, "Suprise": 4}
    assert [data["left_out"] for data in result["other_data"].values()] == [left_out] * 2
    assert "12 images left out" in lines
    assert "Suprise 4 (probably surprise: labels.rename='{Suprise: surprise}')" in lines
    assert not Path("runs/mine/test_reads.jsonl").exists()
    words = ["labels.rename={Suprise: surprise, boredom: null}", "data=folder"]
    evaluate.main(["second.ckpt", "--data", "pictures", *words, "--split", "all", "--quick", "--out", "out"])
    [other] = content(Path("out"))["other_data"].values()
    assert other["left_out"] == {"contempt": 4}
    assert content(Path("out"))["images"] == 12


def test_all_images_of_the_training_are_not_evaluated_at_once(run, csv):
    save(Path("second.ckpt"), {"data": DATA})
    with pytest.raises(UserError, match="trained on images of these data"):
        evaluate.main(["second.ckpt", "--data", str(csv), "--split", "all", "--quick"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.labels=x.csv"], "data.labels=x.csv: an option of the data that --data names; add --data PATH"),
        (["--split", "all"], "name its place with --data PATH"),
        (["--data", ".", "labels=fer4"], "labels=fer4: fer.evaluate takes .* --labels fer4"),
        (["--data", ".", "data.root=x"], "data.root=x: fer.evaluate takes .* --data PATH"),
        (["--data", ".", "data.colour=red"], "colour"),
        (["--data", "nowhere"], "no such path"),
    ],
)
def test_options_of_the_data_that_do_not_fit_are_one_line(run, words, message):
    with pytest.raises(UserError, match=message) as error:
        evaluate.main([str(run), *words])
    assert "\n" not in str(error.value)


def other_code(content: dict) -> None:
    content["hyper_parameters"] = {"lr": 1}


def other_weights(content: dict) -> None:
    content["state_dict"].popitem()


def other_data(content: dict) -> None:
    content["hyper_parameters"]["experiment"]["data"]["colour"] = "red"


def no_data(content: dict) -> None:
    content["hyper_parameters"]["experiment"] = None


@pytest.mark.parametrize("change", [other_code, other_weights, other_data, no_data])
def test_a_checkpoint_of_other_code_is_one_line(run, change):
    saved = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    change(saved)
    torch.save(saved, "x.ckpt")
    with pytest.raises(UserError, match=r"x\.ckpt") as error:
        evaluate.main(["x.ckpt"])
    assert "\n" not in str(error.value)


def test_a_place_that_cannot_be_written_is_one_line(run):
    Path("taken").touch()
    with pytest.raises(UserError, match="taken: cannot be written"):
        evaluate.main([str(run), "--quick", "--out", "taken"])
