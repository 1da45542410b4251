import gzip

import numpy as np
import pandas as pd
import pytest

from fer.errors import UserError
from fer.evaluation import predictions

CLASSES = ["angry", "happy", "sad", "neutral"]


@pytest.fixture
def table():
    """Predictions of 40 images in each of two splits, logits drawn, as fer.train writes them."""
    random = np.random.default_rng(0)
    logits = 2 * random.normal(size=(80, 4))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    names = np.array(CLASSES)
    columns = {
        "split": np.repeat(["val", "test"], 40),
        "id": [f"face_{row}" for row in range(80)],
        "true": names[random.integers(0, 4, 80)],
        "predicted": names[shares.argmax(1)],
    }
    return pd.concat([pd.DataFrame(columns), pd.DataFrame(shares.round(5), columns=CLASSES)], axis=1)


@pytest.fixture
def write(tmp_path):
    def to_file(table, name="predictions.csv"):
        table.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return to_file


@pytest.mark.parametrize("name", ["predictions.csv", "a.csv.gz"])
def test_what_was_written_is_read(table, write, name):
    splits = predictions.read(write(table, name))
    assert list(splits) == ["val", "test"]
    rows, val = table[table["split"] == "val"], splits["val"]
    assert val.classes == tuple(CLASSES)
    assert val.ids.tolist() == rows["id"].tolist()
    assert np.array(CLASSES)[val.labels].tolist() == rows["true"].tolist()
    assert np.array(CLASSES)[val.predicted].tolist() == rows["predicted"].tolist()
    assert val.probabilities == pytest.approx(rows[CLASSES].to_numpy(), abs=1e-4)
    assert val.probabilities.sum(1) == pytest.approx(1)
    assert val.confusion.trace() == val.hits.sum()


def test_classes_may_be_called_as_pandas_calls_nothing(table, write):
    renamed = table.rename(columns={"sad": "None"}).replace({"sad": "None"})
    assert "None" in predictions.read(write(renamed))["val"].classes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="true"), "no column true"),
        (lambda t: t[["split", "id", "true", "predicted", "sad"]], "fewer than two columns of probabilities"),
        (lambda t: t.replace({"true": {"sad": "bored"}}), "line .*: true class 'bored' has no column"),
        (lambda t: t.assign(sad=0.7), "line 2: expected 4 probabilities that add up to 1"),
        (lambda t: t.assign(sad="x"), "line 2: expected 4 probabilities that add up to 1"),
        (lambda t: t.assign(id="one"), "line 3: one occurs a second time"),
    ],
)
def test_what_cannot_be_is_one_line(table, write, change, message):
    with pytest.raises(UserError, match=message) as error:
        predictions.read(write(change(table)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", gzip.compress(b"a,b\n" * 99, mtime=0)[:20]])
def test_what_is_no_table_is_one_line(tmp_path, content):
    path = tmp_path / ("x.csv.gz" if content.startswith(b"\x1f\x8b") else "x.csv")
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a table of predictions"):
        predictions.read(path)


def test_fewer_classes_are_masked_logits():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(200, 4)), random.integers(0, 4, 200)
    ids = np.arange(200).astype(str)
    restricted = predictions.from_logits(ids, labels, logits, CLASSES).restrict(["neutral", "angry"])
    rows = np.isin(labels, [0, 3])
    masked = logits[rows][:, [3, 0]]
    assert restricted.ids.tolist() == ids[rows].tolist()
    assert restricted.labels.tolist() == [[3, 0].index(label) for label in labels[rows]]
    assert restricted.predicted.tolist() == masked.argmax(1).tolist()
    shares = np.exp(masked) / np.exp(masked).sum(1, keepdims=True)
    assert restricted.probabilities == pytest.approx(shares, abs=1e-4)


def test_a_kept_winner_stays_the_winner(table, write):
    """Also where rounding made two probabilities equal."""
    tied = table.assign(angry=0.5, happy=0.5, sad=0.0, neutral=0.0, predicted="happy", true="happy")
    assert predictions.read(write(tied))["val"].restrict(["angry", "happy"]).hits.all()


@pytest.mark.parametrize(
    ("classes", "message"), [(["angry", "bored"], "no class 'bored'"), (["sad", "sad"], "two or more different")]
)
def test_only_classes_that_were_predicted_can_be_kept(table, write, classes, message):
    with pytest.raises(UserError, match=message):
        predictions.read(write(table))["val"].restrict(classes)


def test_joining_keeps_the_same_images_in_the_same_order(table, write):
    val = predictions.read(write(table))["val"]
    other = val.take(np.random.default_rng(0).permutation(30))
    together, dropped = predictions.align({"a": val, "b": other})
    assert together["a"].ids.tolist() == together["b"].ids.tolist()
    assert np.array_equal(together["a"].labels, together["b"].labels)
    assert np.array_equal(together["a"].probabilities, together["b"].probabilities)
    assert dropped == ["Left out: 10 images that are not in all of them."]


def test_joining_leaves_out_images_with_other_true_classes(table, write):
    val = predictions.read(write(table))["val"]
    wrong = predictions.read(write(table.assign(true=["sad", *table["true"][1:]])))["val"]
    different = int(table["true"][0] != "sad")
    together, dropped = predictions.align({"a": val, "b": wrong})
    assert len(together["a"]) == 40 - different
    assert len(dropped) == different


def test_joining_brings_classes_into_one_order(table, write):
    val = predictions.read(write(table))["val"]
    turned = predictions.read(write(table[["split", "id", "true", "predicted", *reversed(CLASSES)]]))["val"]
    together, _ = predictions.align({"a": val, "b": turned})
    assert together["b"].classes == val.classes
    assert together["b"].probabilities == pytest.approx(val.probabilities, abs=1e-5)


def test_what_shares_nothing_cannot_be_joined(table, write):
    splits = predictions.read(write(table))
    with pytest.raises(UserError, match="no image is in all of them"):
        predictions.align({"a": splits["val"], "b": splits["test"]})
    with pytest.raises(UserError, match="--labels angry,happy"):
        predictions.align({"a": splits["val"], "b": splits["val"].restrict(["angry", "happy"])})


@pytest.mark.parametrize("of", ["probabilities", "logits"])
def test_an_ensemble_is_the_mean_of_its_members(of):
    random = np.random.default_rng(0)
    logits = random.normal(size=(3, 50, 4))
    members = [predictions.from_logits(np.arange(50), np.zeros(50, int), each, CLASSES) for each in logits]
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    mean = np.exp(logits.mean(0)) if of == "logits" else shares.mean(0)
    together = predictions.ensemble(members, of)
    assert together.probabilities == pytest.approx(mean / mean.sum(1, keepdims=True), abs=1e-4)
    assert together.predicted.tolist() == mean.argmax(1).tolist()
