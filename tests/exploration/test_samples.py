import numpy as np
import pytest

from fer.data.emotions import EMOTIONS
from fer.exploration import samples

SMALL = ["data=synthetic", "data.synthetic.train=70", "data.synthetic.val=14", "data.synthetic.test=14", "near=false"]


def test_the_seed_decides_which_faces_are_shown(section):
    for add, name in ((samples.add_samples, "samples"), (samples.add_augmented, "augmented")):
        first, again, other = (
            section(add, *SMALL, f"seed={seed}").figures[name].axes[0].images[0].get_array() for seed in (0, 0, 1)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)


def test_blank_images_are_named(csv, section):
    report = section(samples.add_blanks, f"data.root={csv}")
    assert "One grey level throughout: 1 of 60 images" in report.markdown
    assert report.tables["blanks"].to_numpy().tolist() == [["train", "Training_4", "sad", 0]]
    assert "blanks" in report.figures


def test_without_blank_images_the_lowest_contrast_is_told(section, load):
    lowest = load(*SMALL).measures["contrast"].min()
    text = section(samples.add_blanks, *SMALL).markdown
    assert f"None: every image has a contrast of {lowest:.1f} grey levels or more." in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["augment=none"], "training sees the images as they are"),
        (["augment=light"], "by flip, affine and jitter. Left the original, then 5 draws; a draw changes a pixel by"),
        (["augment=none", "+augment.crop={_target_: fer.augment.Crop, size: 40}"], "by crop. Left the original"),
        (["augment=none", "+augment.mixup={_target_: fer.augment.Mixup}"], "by mixup. Left the original"),
    ],
)
def test_augmented_faces_follow_the_option(options, words, section):
    assert words in section(samples.add_augmented, *SMALL, *options).markdown


def test_every_transform_is_shown_by_itself(section):
    figures = section(samples.add_augmented, *SMALL).figures
    for name, expected in (("augmented", list(EMOTIONS)), ("augmented_each", ["flip", "affine", "jitter"])):
        assert [label.get_text() for label in figures[name].axes[0].get_yticklabels()] == expected
