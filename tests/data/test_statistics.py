"""Every number beside scipy, numpy on the whole, or a plain loop."""

import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, signal, stats

from fer.data import statistics
from fer.data.ferplus import Votes
from fer.data.ferplus_rules import CLASSES
from fer.data.files import files_at

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (30, 48, 48), dtype=np.uint8)
LABELS = np.arange(30) % 3


def test_brightness_and_contrast_are_mean_and_deviation():
    table = statistics.measures(IMAGES)
    assert np.allclose(table["brightness"], [image.astype(float).mean() for image in IMAGES])
    assert np.allclose(table["contrast"], [image.astype(float).std() for image in IMAGES])


def test_sharpness_is_the_variance_of_scipys_laplacian():
    expected = [ndimage.laplace(image.astype(float))[1:-1, 1:-1].var() for image in IMAGES]
    assert np.allclose(statistics.measures(IMAGES)["sharpness"], expected)


def test_noise_is_the_papers_formula():
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    sums = [np.abs(signal.convolve2d(image.astype(float), mask, mode="valid")).sum() for image in IMAGES]
    expected = np.sqrt(np.pi / 2) * np.array(sums) / (6 * (48 - 2) * (48 - 2))
    assert np.allclose(statistics.measures(IMAGES)["noise"], expected)


@pytest.mark.parametrize("sigma", [2.0, 8.0])
def test_noise_on_a_slope_is_found_again(sigma):
    slope = np.linspace(80, 170, 48)[:, None] + np.zeros(48)
    noisy = (slope + RANDOM.normal(0, sigma, (50, 48, 48))).round().astype(np.uint8)
    assert statistics.measures(noisy)["noise"].mean() == pytest.approx(sigma, rel=0.05)


def test_a_constant_image_has_nothing_but_brightness():
    assert statistics.measures(np.full((1, 48, 48), 7, np.uint8)).iloc[0].tolist() == [7, 0, 0, 0]


def test_extreme_pixels_do_not_overflow():
    board = (np.indices((48, 48)).sum(0) % 2 * 255).astype(np.uint8)[None]
    row = statistics.measures(board).iloc[0]
    assert row["sharpness"] == pytest.approx(1020**2)
    assert row["noise"] == pytest.approx(np.sqrt(np.pi / 2) / 6 * 8 * 255)


def test_chunks_do_not_show(monkeypatch):
    whole = statistics.measures(IMAGES), statistics.grey_levels(IMAGES, LABELS, 3), *mean_and_deviation()
    monkeypatch.setattr(statistics, "CHUNK", 4)
    parts = statistics.measures(IMAGES), statistics.grey_levels(IMAGES, LABELS, 3), *mean_and_deviation()
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


def mean_and_deviation() -> tuple[np.ndarray, np.ndarray]:
    return statistics.mean_faces(IMAGES, LABELS, 3)


def test_explained_variance_follows_from_scipys_f():
    values = RANDOM.normal(size=30) + LABELS
    f = stats.f_oneway(*(values[label == LABELS] for label in range(3))).statistic
    assert statistics.explained(values, LABELS) == pytest.approx(1 - 29 / (f * 2 + 27))


def test_explained_variance_is_nothing_by_chance_and_all_where_classes_decide():
    labels = RANDOM.integers(0, 100, 1000)
    assert statistics.explained(RANDOM.normal(size=1000), labels) < 0.05
    assert statistics.explained(labels.astype(float), labels) == 1
    assert statistics.explained(np.ones(1000), labels) == 0


def test_grey_levels_are_counted_by_class():
    levels = statistics.grey_levels(IMAGES, LABELS, 4)
    for label in range(4):
        assert np.array_equal(levels[label], np.histogram(IMAGES[label == LABELS], np.arange(257))[0])


@pytest.mark.parametrize("pixels", [[0, 0, 10, 255], [3], [1, 2], [5, 5, 9], [254, 255]])
def test_pooled_figures_are_those_of_the_pixels(pixels):
    levels = np.bincount(pixels, minlength=256)[None]
    row = statistics.pooled(levels, ["happy"]).iloc[0].tolist()
    assert row[0] == "happy"
    expected = [np.mean(pixels), np.median(pixels), np.std(pixels), min(pixels), max(pixels)]
    assert row[1:] == pytest.approx(expected)


def test_mean_faces_are_numpys():
    means, deviations = mean_and_deviation()
    for label in range(3):
        mine = IMAGES[label == LABELS].astype(float)
        assert np.allclose(means[label], mine.mean(0))
        assert np.allclose(deviations[label], mine.std(0))


def test_distances_are_root_mean_squares():
    means, _ = mean_and_deviation()
    expected = [[np.sqrt(np.mean((a - b) ** 2)) for b in means] for a in means]
    assert np.allclose(statistics.distances(means), expected)


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Three sizes below test/ and train/, and what is no picture of the data set."""
    for name, size in (("train/happy/a", (48, 48)), ("train/sad/b", (48, 48)), ("test/happy/c", (60, 30))):
        path = tmp_path / "set" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(path)
    (tmp_path / "set" / "train" / "sad" / "broken.png").write_bytes(b"no picture")
    Image.new("L", (9, 9)).save(tmp_path / "set" / "beside.png")
    return tmp_path / "set"


def found(source: str) -> list[tuple]:
    return list(statistics.picture_sizes([statistics.pictures_at(source)]).itertuples(index=False, name=None))


def test_sizes_are_those_of_the_pictures_in_class_folders(pictures):
    assert found(str(pictures)) == [(48, 48, 1.0, 2), (60, 30, 2.0, 1)]


def test_sizes_are_found_in_a_folder_of_an_archive(pictures, tmp_path):
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        for path in pictures.rglob("*.png"):
            archive.write(path, f"inside/{path.relative_to(pictures)}")
        picture = io.BytesIO()
        Image.new("L", (5, 5)).save(picture, "png")
        archive.writestr("elsewhere/train/happy/d.png", picture.getvalue())
    assert found(f"{tmp_path / 'some.zip'}:inside") == [(48, 48, 1.0, 2), (60, 30, 2.0, 1)]
    assert (5, 5, 1.0, 1) in found(str(tmp_path / "some.zip"))


def test_what_comes_from_a_csv_or_is_drawn_has_no_pictures(tmp_path):
    (tmp_path / "fer2013.csv").touch()
    assert statistics.pictures_at(str(tmp_path / "fer2013.csv")) is None
    assert statistics.pictures_at(f"{tmp_path}/some.zip:fer2013.csv") is None
    assert statistics.pictures_at("built in") is None


def test_no_picture_is_an_empty_table(tmp_path):
    assert len(statistics.picture_sizes([(files_at(tmp_path), [])])) == 0


def test_the_leading_emotion_is_the_only_one_with_most_votes():
    counts = RANDOM.integers(0, 4, (500, 10))
    for row, leader in zip(counts, statistics.plurality(counts), strict=True):
        (value, votes), *_ = Counter(dict(enumerate(row))).most_common(1)
        alone = list(row).count(votes) == 1 and value < len(CLASSES)
        assert leader == (value if alone else len(CLASSES))


@pytest.fixture
def votes() -> Votes:
    usage = np.array(["Training", "Training", "PublicTest"])
    return Votes("here", np.arange(3) + 2, usage, np.ones(3, bool), np.arange(30).reshape(3, 10))


def test_votes_follow_the_row_numbers(votes):
    counts = statistics.votes_of(np.array(["PublicTest_2", "Training_0"]), votes)
    assert np.array_equal(counts, votes.counts[[2, 0]])


@pytest.mark.parametrize("id", ["Training_2", "Training_3", "happy/1", "Training_0#1"])
def test_votes_of_other_data_are_no_votes(votes, id):
    assert statistics.votes_of(np.array(["Training_0", id]), votes) is None
