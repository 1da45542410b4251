import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.evaluation import robustness
from fer.evaluation.robustness import (
    CORRUPTIONS,
    GREY,
    accuracy_curves,
    blur,
    darkness,
    flip_consistency,
    jpeg,
    noise,
    occlusion,
    rotation,
)
from fer.plots.robustness import robustness_figure

NET = {"_target_": "fer.models.cnn.CNN", "blocks": [[4]], "head": []}


@pytest.fixture
def smooth() -> torch.Tensor:
    """Eight photograph-like images: no detail finer than a few pixels."""
    values = np.random.default_rng(0).normal(size=(8, 1, 48, 48))
    values = ndimage.gaussian_filter(values, (0, 0, 3, 3))
    return torch.from_numpy((128 + 60 * values / values.std()).clip(0, 255).astype(np.uint8))


def split(images: torch.Tensor, labels) -> Split:
    return Split(images, torch.as_tensor(labels), np.array([f"face_{row}" for row in range(len(images))]))


def classifier(model: nn.Module) -> Classifier:
    parts = ({"_target_": "fer.losses.CrossEntropy"}, {}, {})
    made = Classifier(NET, *parts, classes=["dark", "bright"], class_counts=[1, 1])
    made.model = model
    return made.eval()


class Light(nn.Module):
    """Says bright where the mean of the pixels that it looks at is over one half."""

    def __init__(self, columns: slice = slice(None)):
        super().__init__()
        self.columns = columns

    def forward(self, images):
        mean = images[..., self.columns].mean((1, 2, 3))
        return torch.stack([1 - mean, mean], 1)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_gives_other_pictures_and_the_same_each_time(name, smooth):
    apply, _, values, _ = CORRUPTIONS[name]
    torch.manual_seed(0)
    once = apply(smooth, values[-1])
    torch.manual_seed(1)
    assert (once.shape, once.dtype) == (smooth.shape, torch.uint8)
    assert not once.equal(smooth)
    assert apply(smooth, values[-1]).equal(once)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_strength_is_farther_from_the_picture_than_the_one_before(name, smooth):
    apply, _, values, _ = CORRUPTIONS[name]
    far = [(apply(smooth, value).float() - smooth.float()).abs().mean().item() for value in values]
    assert len(values) == 5
    assert far == sorted(far)
    assert 0 < far[0] < far[-1]


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"JPEG", "Gaussian blur"}))
def test_strength_zero_is_the_picture(name, smooth):
    assert CORRUPTIONS[name].apply(smooth, CORRUPTIONS[name].identity).equal(smooth)


def test_blur_is_scipys(smooth):
    expected = ndimage.gaussian_filter(smooth.double(), (0, 0, 1.5, 1.5), mode="mirror", radius=(0, 0, 5, 5))
    assert np.abs(blur(smooth, 1.5).numpy() - expected).max() < 0.51  # rounded to whole grey levels


def test_noise_has_the_deviation_it_says_and_one_pattern_at_all_strengths():
    grey = torch.full((20, 1, 48, 48), 128, dtype=torch.uint8)
    weak, strong = (noise(grey, percent).double() - 128 for percent in (5, 10))
    np.testing.assert_allclose([weak.std(), strong.std()], [0.05 * 255, 0.1 * 255], rtol=0.02)
    assert np.corrcoef(weak.flatten(), strong.flatten())[0, 1] > 0.999


def test_rotation_is_scipys_to_either_side(smooth):
    rotated = rotation(smooth, 20).double().numpy()
    inside = np.hypot(*np.mgrid[-23.5:24, -23.5:24]) < 22  # beyond, the border goes on
    sides = []
    for image, turned in zip(smooth[:, 0].double(), rotated[:, 0], strict=True):
        ways = [ndimage.rotate(image, angle, reshape=False, order=1, mode="nearest") for angle in (20, -20)]
        errors = [np.abs(way - turned)[inside].max() for way in ways]
        assert min(errors) < 1
        sides.append(np.argmin(errors))
    assert set(sides) == {0, 1}


def test_darkness_takes_its_share_of_every_pixel(smooth):
    expected = np.array([[round(float(pixel) * 0.4) for pixel in image.flatten()] for image in smooth])
    assert np.abs(darkness(smooth, 60).flatten(1).numpy() - expected).max() <= 1
    assert darkness(smooth, 100).eq(0).all()


def test_a_square_of_grey_hides_so_many_pixels_and_no_more():
    images = torch.zeros(30, 1, 48, 48, dtype=torch.uint8)
    hidden = occlusion(images, 12)[:, 0].numpy()
    places = set()
    for image in hidden:
        rows, columns = np.nonzero(image)
        assert (image == GREY).sum() == len(rows) == 144
        assert np.ptp(rows) == np.ptp(columns) == 11
        places.add((rows[0], columns[0]))
    assert len(places) > 20
    assert occlusion(images, 48).eq(GREY).all()


def test_jpeg_of_the_best_quality_is_nearly_the_picture(smooth):
    assert (jpeg(smooth, 100).int() - smooth.int()).abs().max() <= 2
    assert (jpeg(smooth, 4).int() - smooth.int()).abs().max() > 10


def test_curves_have_the_accuracies_of_a_network_that_sees_light():
    levels = torch.tensor([40, 150, 200, 250], dtype=torch.uint8)
    images = levels[:, None, None, None].expand(-1, 1, 48, 48)
    table = accuracy_curves(classifier(Light()), split(images, [0, 1, 1, 1]))
    assert list(table) == ["corruption", "strength", "value", "meaning", "accuracy"]
    assert table.groupby("corruption", sort=False)["strength"].apply(list).tolist() == [[0, 1, 2, 3, 4, 5]] * 6
    dark = table[table["corruption"] == "darkness"]
    assert dark["meaning"].tolist()[:2] == ["untouched", "20 % less light"]
    assert dark["value"].tolist() == [0, 20, 40, 60, 80, 90]
    assert dark["accuracy"].tolist() == [1, 0.75, 0.5, 0.25, 0.25, 0.25]  # 200 and 250 end at 160 and 200, 120 and 150
    assert table[table["corruption"] == "rotation"]["accuracy"].eq(1).all()
    assert table.notna().all(axis=None)


def test_curves_are_the_same_each_time(smooth):
    module, shown = classifier(Light(slice(0, 9))), split(smooth, [0, 1] * 4)
    assert accuracy_curves(module, shown).equals(accuracy_curves(module, shown))


def test_a_subset_keeps_the_shares_of_the_classes_and_the_order():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [60, 30, 10]))
    images = torch.arange(100)[:, None, None, None].expand(-1, 1, 48, 48).to(torch.uint8)
    part = robustness.subset(split(images, labels), 20)
    rows = part.images[:, 0, 0, 0].tolist()
    assert torch.bincount(part.labels).tolist() == [12, 6, 2]
    assert rows == sorted(set(rows))
    assert part.ids.tolist() == [f"face_{row}" for row in rows]
    assert part.labels.tolist() == labels[rows].tolist()
    assert robustness.subset(split(images, labels), 20).ids.tolist() == part.ids.tolist()


def test_most_limits_what_is_measured(smooth, monkeypatch):
    counts = []
    monkeypatch.setattr(robustness, "accuracy", lambda _, part: counts.append(len(part)) or 0.5)
    accuracy_curves(classifier(Light()), split(smooth, [0, 1] * 4), max_images=4)
    assert set(counts) == {4}
    assert len(counts) == 31


def test_a_symmetric_network_is_consistent(smooth):
    assert flip_consistency(classifier(Light()), split(smooth, [0, 1] * 4)) == 1.0


def test_consistency_is_the_share_of_faces_that_agree_with_their_mirror_image():
    images = torch.zeros(5, 1, 48, 48, dtype=torch.uint8)
    images[:2, ..., :24] = 255  # bright at the left only
    images[2:3] = 255
    looks_left = classifier(Light(slice(0, 24)))
    assert flip_consistency(looks_left, split(images, [0] * 5)) == pytest.approx(3 / 5)


def test_the_figure_has_a_panel_a_corruption(smooth):
    figure = robustness_figure(accuracy_curves(classifier(Light()), split(smooth, [0, 1] * 4)))
    assert [axes.get_title() for axes in figure.axes] == list(CORRUPTIONS)
    assert figure.axes[3].get_xticklabels()[1].get_text() == "20 % less light"
    figure.canvas.draw()
