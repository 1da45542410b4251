import numpy as np
import pytest

from fer.data.action_units import PROTOTYPES, action_units
from fer.data.emotions import EMOTIONS
from fer.data.synthetic import CHUNK, FER2013_TRAINING, class_counts, draw, synthetic_faces

HAPPY, SAD, SURPRISE, NEUTRAL = (EMOTIONS.index(name) for name in ("happy", "sad", "surprise", "neutral"))
MOUTH = np.s_[:, 30:46, 12:36]


@pytest.fixture(scope="module")
def faces():
    return synthetic_faces(train=350, val=70, test=140)


def mean_of(faces, emotion):
    return faces.images[faces.labels == emotion].mean(axis=0, keepdims=True)


def test_pictures_are_48_by_48_grey_bytes():
    images = draw(np.arange(10) % 7, seed=0)
    assert images.shape == (10, 48, 48)
    assert images.dtype == np.uint8


def test_no_emotions_are_no_pictures():
    assert draw([], seed=0).shape == (0, 48, 48)


def test_pictures_use_the_grey_scale_and_none_is_flat(faces):
    assert faces.images.min() < 20
    assert faces.images.max() > 235
    assert faces.images.std(axis=(1, 2)).min() > 2


def test_same_seed_same_pictures():
    assert np.array_equal(draw([0, 3, 6], seed=1), draw([0, 3, 6], seed=1))


def test_other_seed_other_pictures():
    assert (draw([0, 3, 6], seed=1) != draw([0, 3, 6], seed=2)).any(axis=(1, 2)).all()


def test_a_picture_does_not_depend_on_how_many_are_drawn():
    emotions = np.arange(CHUNK + 6) % 7
    assert np.array_equal(draw(emotions, seed=0)[: CHUNK + 2], draw(emotions[: CHUNK + 2], seed=0))


def test_a_picture_does_not_depend_on_the_emotions_of_others():
    one, other = draw([3, 3, 3], seed=0), draw([3, 5, 3], seed=0)
    assert (one != other).any(axis=(1, 2)).tolist() == [False, True, False]


def test_no_two_pictures_are_the_same(faces):
    assert len(np.unique(faces.images.reshape(len(faces.images), -1), axis=0)) == len(faces.images)


def test_record_has_the_promised_fields(faces):
    n = 350 + 70 + 140
    assert faces.images.shape == (n, 48, 48)
    assert faces.labels.dtype == np.int64
    assert faces.usage.dtype == faces.folder.dtype == np.int8
    assert np.bincount(faces.usage).tolist() == [350, 70, 140]
    assert (faces.folder == -1).all()
    assert len(set(faces.ids)) == n
    assert (faces.ids[0], faces.ids[-1]) == ("Training_000000", "PrivateTest_000139")
    assert faces.classes == EMOTIONS
    assert (faces.layout, faces.sources, faces.notes) == ("synthetic faces", ("built in",), ())


def test_classes_are_balanced(faces):
    assert np.bincount(faces.labels[faces.usage == 0]).tolist() == [50] * 7


def test_sizes_that_do_not_divide_differ_by_one_at_most():
    counts = class_counts(24, (1,) * 7)
    assert counts.sum() == 24
    assert np.ptp(counts) == 1


def test_classes_are_mixed(faces):
    assert len(set(faces.labels[:50])) == 7


def test_imbalance_has_the_shares_of_fer2013():
    faces = synthetic_faces(train=300, val=7, test=8, imbalance=True)
    wanted = 300 * np.array(FER2013_TRAINING) / sum(FER2013_TRAINING)
    assert np.abs(np.bincount(faces.labels[:300]) - wanted).max() <= 1


@pytest.mark.parametrize("size", [7, 8, 11, 30, 100])
def test_imbalance_keeps_every_class_and_the_size(size):
    counts = class_counts(size, FER2013_TRAINING)
    assert counts.min() >= 1
    assert counts.sum() == size


def test_every_class_is_in_every_split(faces):
    assert all(set(faces.labels[faces.usage == usage]) == set(range(7)) for usage in range(3))


def test_fewer_images_than_classes_are_refused():
    with pytest.raises(ValueError, match="7 or more"):
        synthetic_faces(train=6, val=7, test=7)


def test_a_split_does_not_depend_on_the_size_of_others(faces):
    small = synthetic_faces(train=7, val=7, test=140)
    assert np.array_equal(small.images[small.usage == 2], faces.images[faces.usage == 2])


def test_splits_show_different_faces():
    faces = synthetic_faces(train=7, val=7, test=7)
    assert (draw(faces.labels[:7], seed=0) != faces.images[7:14]).any()
    assert not np.array_equal(faces.images[7:14], faces.images[14:])


def test_label_noise_replaces_its_share_of_training_labels_only(faces):
    noisy = synthetic_faces(train=350, val=70, test=140, label_noise=0.1)
    assert np.array_equal(noisy.images, faces.images)
    assert np.bincount(faces.usage[noisy.labels != faces.labels], minlength=3).tolist() == [35, 0, 0]
    assert "35 training labels" in noisy.notes[0]


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_label_noise_is_a_share(share):
    with pytest.raises(ValueError, match="from 0 to 1"):
        synthetic_faces(train=7, val=7, test=7, label_noise=share)


def test_every_emotion_has_a_prototype_and_units_stay_in_range():
    assert set(PROTOTYPES) == set(EMOTIONS)
    intensities = np.stack(list(action_units(np.arange(700) % 7, np.random.default_rng(0)).values()))
    assert intensities.min() >= 0
    assert intensities.max() <= 1.2


def test_only_the_smile_of_happy_faces_pulls_the_lip_corners_up():
    corners = action_units(np.arange(700) % 7, np.random.default_rng(0))[12].reshape(100, 7).mean(axis=0)
    assert corners[HAPPY] > 5 * np.delete(corners, HAPPY).max()


def test_an_emotion_moves_the_face_and_leaves_the_surroundings():
    happy, neutral = (draw(np.full(50, emotion), seed=0).astype(float) for emotion in (HAPPY, NEUTRAL))
    change = np.abs(happy - neutral).mean(axis=0, keepdims=True)
    assert change[MOUTH].mean() > 5 * change[:, :6].mean()


def test_mouths_of_surprise_are_darker_than_neutral_ones(faces):
    openings = np.s_[:, 37:44, 20:28]
    assert mean_of(faces, SURPRISE)[openings].mean() < mean_of(faces, NEUTRAL)[openings].mean() - 15


@pytest.mark.full
def test_the_same_people_happy_and_sad_differ_most_around_the_mouth():
    happy, sad = (draw(np.full(100, emotion), seed=0).mean(axis=0, keepdims=True) for emotion in (HAPPY, SAD))
    change = np.abs(happy - sad)
    assert change[MOUTH].mean() > 2 * change.mean()


@pytest.mark.full
def test_expressions_can_be_told_apart_from_pixels_better_than_by_chance():
    faces = synthetic_faces(train=700, val=7, test=350)
    pixels = faces.images.reshape(len(faces.images), -1).astype(float)
    pixels = (pixels - pixels.mean(axis=1, keepdims=True)) / pixels.std(axis=1, keepdims=True)
    means = np.stack([pixels[(faces.labels == code) & (faces.usage == 0)].mean(axis=0) for code in range(7)])
    distance = np.square(pixels[faces.usage == 2, None] - means).sum(axis=2)
    assert (distance.argmin(axis=1) == faces.labels[faces.usage == 2]).mean() > 0.2  # chance: 0.14
