import numpy as np
import pytest
from sklearn import metrics as reference

from fer.evaluation import sections
from fer.evaluation import single as evaluation
from fer.evaluation.confidence import add_calibration, add_coverage
from fer.evaluation.inputs import EvaluationInput
from fer.evaluation.predictions import from_logits
from fer.report import Report

CLASSES = ("angry", "happy", "sad", "neutral")


def predicted(images: int, seed: int = 0, classes=CLASSES, there=4):
    """Of a classifier that is right more often than not; only the first `there` classes have images."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, there, images)
    logits = 1.5 * np.eye(len(classes))[labels] + random.normal(size=(images, len(classes)))
    return from_logits(np.array([f"face_{row}" for row in range(images)]), labels, logits, classes)


@pytest.fixture
def source(tmp_path):
    splits = {"val": predicted(300, 0), "test": predicted(300, 1)}
    return EvaluationInput(tmp_path / "a.csv", "a", splits, images_missing="no data")


@pytest.fixture
def content(source):
    return evaluation.full_report(Report("a"), source, "val", images=False)


def test_figures_are_scikit_learns(source, content):
    true, answers = source.splits["val"].labels, source.splits["val"].predicted
    result = content["accuracy"]["all images"]
    assert result["accuracy"]["value"] == pytest.approx(reference.accuracy_score(true, answers))
    assert result["balanced_accuracy"]["value"] == pytest.approx(reference.balanced_accuracy_score(true, answers))
    assert result["macro_f1"]["value"] == pytest.approx(reference.f1_score(true, answers, average="macro"))
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert result[name]["low"] < result[name]["value"] < result[name]["high"]
    assert content["confusion"] == reference.confusion_matrix(true, answers).tolist()


def test_ranking_is_scikit_learns(source, content):
    part = source.splits["val"]
    for index, name in enumerate(CLASSES):
        scores, positive = part.probabilities[:, index], part.labels == index
        assert content["ranking"][name]["roc_auc"] == pytest.approx(reference.roc_auc_score(positive, scores))
        expected = reference.average_precision_score(positive, scores)
        assert content["ranking"][name]["average_precision"] == pytest.approx(expected)


def test_every_class_has_a_row_with_its_interval(content):
    assert [row["class"] for row in content["per_class"]] == list(CLASSES)
    assert all(row["recall_low"] < row["recall"] < row["recall_high"] for row in content["per_class"])


def test_the_report_says_what_it_cannot_show(source):
    report = Report("a")
    evaluation.full_report(report, source, "val", images=True)
    text = "\n".join(report.blocks)
    assert "needs the images: no data" in text
    assert "need the network: give the run's folder or its checkpoint" in text


def test_confusions_are_told_in_words(source):
    report = Report("a")
    result = sections.add_confusions(report, source.splits["val"])
    first, matrix = result["mistakes"][0], np.array(result["confusion"])
    np.fill_diagonal(matrix, 0)
    assert first["images"] == matrix.max()
    total = (source.splits["val"].labels == CLASSES.index(first["true"])).sum()
    assert f"{first['images']} of {total} *{first['true']}* images" in report.blocks[-1]


def test_the_temperature_of_test_comes_from_validation(source):
    report = Report("a")
    result = add_calibration(report, source.splits, ["test"])["test"]
    changed = source.splits | {"test": predicted(50, 7)}
    assert add_calibration(Report("a"), changed, ["test"])["test"]["temperature"] == result["temperature"]
    assert len(result["temperature"]) == 1
    assert result["with temperature"]["accuracy"] == result["as predicted"]["accuracy"]


def test_validation_is_scaled_by_its_other_half(source):
    report = Report("a")
    result = add_calibration(report, source.splits, ["val"])["val"]
    assert len(result["temperature"]) == 2
    assert "each random half is scaled with the temperature of the other half" in "\n".join(report.blocks)


def test_without_validation_there_is_no_temperature(source):
    report = Report("a")
    result = add_calibration(report, {"test": source.splits["test"]}, ["test"])["test"]
    assert result["temperature"] == []
    assert "The test split has no temperature" in "\n".join(report.blocks)


def test_nobody_left_out_is_the_accuracy(source):
    part = source.splits["val"]
    rows = add_coverage(Report("a"), part)
    assert rows[0] == {"coverage": 1.0, "accuracy": pytest.approx(part.hits.mean())}


DATA = {"origin": "Drawn faces", "layout": "synthetic"}


@pytest.fixture
def folder(tmp_path):
    """A run's folder."""
    run = tmp_path / "defaults" / "seed-0"
    run.mkdir(parents=True)
    return run


def test_the_short_report_shows_validation_and_test(folder):
    evaluation.short_report(folder, {"val": predicted(60), "test": predicted(60, 1)}, DATA)
    assert {path.name for path in folder.iterdir()} == {"report.html", "report.md", "reliability.png"}
    text = (folder / "report.md").read_text()
    assert text.startswith("# defaults/seed-0")
    assert "Drawn faces (synthetic)." in text
    assert "| validation split | 60 |" in text
    assert "| test split | 60 |" in text


def test_the_short_report_shows_the_pictures_of_the_run(folder):
    sections.add_confusions(report := Report("x"), predicted(20))
    report.figures["confusion"].savefig(folder / "confusion.png")
    evaluation.short_report(folder, {"val": predicted(60), "test": predicted(60, 1)}, DATA)
    assert (folder / "report.html").read_text().count("data:image/png;base64,") == 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "part",
    [
        predicted(1),
        predicted(2),
        predicted(12, there=2),
        predicted(40, there=1),
        predicted(5, classes=CLASSES[:2], there=2),
    ],
)
def test_few_images_and_classes_without_any_are_no_obstacle(folder, part):
    evaluation.short_report(folder, {"val": part, "test": part}, DATA)
    evaluation.full_report(Report("a"), EvaluationInput(folder, "a", {"val": part}, images_missing="x"), "val", False)


@pytest.mark.parametrize(("images", "claims"), [(12, False), (300, True)])
def test_conclusions_need_twenty_images(images, claims):
    """A threshold that the mistakes, the calibration and the coverage share."""
    part = predicted(images)
    report = Report("a")
    sections.add_confusions(report, part)
    add_calibration(report, {"val": part}, ["val"])
    add_coverage(report, part)
    text = report.markdown
    assert ("were classified as" in text) == claims
    assert ("Accuracy is at least 90.0 %" in text) == claims
    assert ("too few to compare confidence with accuracy" in text) != claims
    assert ("too few to rank confusions" in text) != claims
