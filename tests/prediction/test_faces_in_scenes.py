import os
from pathlib import Path

import numpy as np
import pytest

from fer.prediction.predictor import Predictor


@pytest.fixture
def scenes(load_script):
    return load_script("faces_in_scenes/measure.py")


def test_a_face_lies_where_the_scene_says(scenes, faces):
    picture, (left, top, width, height) = scenes.scene(faces[0], 96, np.random.default_rng(0))
    cut = np.asarray(picture.crop((left, top, left + width, top + height)).resize((48, 48))).astype(int)
    assert np.abs(cut - faces[0]).mean() < 3


@pytest.mark.parametrize(
    ("box", "hit"),
    [((100, 100, 80, 80), True), ((110, 95, 90, 90), True), ((130, 100, 80, 80), False), ((125, 125, 30, 30), False)],
)
def test_a_box_is_the_faces_where_it_lies_on_it_and_has_its_size(scenes, box, hit):
    assert scenes.is_hit(box, (100, 100, 80, 80)) == hit


def test_recall_and_accuracy_are_counted(scenes, faces, brightness):
    """A detector that finds every second face, exactly, and something else each time."""
    truth = brightness.probabilities(faces).argmax(1)
    pasted = []

    def remember(*words, real=scenes.scene):
        picture, place = real(*words)
        pasted.append(place)
        return picture, place

    def detector(grey):
        return [(0, 0, 20, 20), *([pasted[-1]] if len(pasted) % 2 else [])]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "scene", remember)
        table, margins = scenes.measure(Predictor(brightness, detector), faces, truth)
    total = scenes.by_side(table).iloc[-1]
    assert total["found, %"] == round(100 * 5 / 9, 1)
    assert total["false boxes"] == 9
    assert total["accuracy as they are, %"] == 100
    assert (margins["faces"] == 5).all()
    assert table["frame"].dropna().tolist() == [1] * 5
    assert table["drop"].dropna().tolist() == [0] * 5


@pytest.mark.parametrize("pose", ["tilted by 30°", "turned aside", "mouth covered", "eyes covered"])
def test_poses_change_the_face_and_nothing_around_it(scenes, faces, pose):
    plain, (left, top, side, _) = scenes.scene(faces[0], 96, np.random.default_rng(0))
    posed, _ = scenes.scene(faces[0], 96, np.random.default_rng(0), pose)
    changed = np.asarray(plain).astype(int) != np.asarray(posed)
    assert changed[top : top + side, left : left + side].mean() > 0.05
    changed[top : top + side, left : left + side] = False
    assert not changed.any()


def test_the_place_of_a_face_in_its_box_is_measured_in_its_longer_side(scenes):
    assert scenes.place_in_box((100, 100, 40, 80), (70, 104, 88, 88)) == (1.1, 0.1)


@pytest.mark.real
def test_faces_in_scenes_are_found_and_recognised_as_before(scenes, real_root):
    """Needs a run trained on FER2013 as well: FER_TEST_RUN."""
    if "FER_TEST_RUN" not in os.environ:
        pytest.skip("FER_TEST_RUN names no run")
    from fer.evaluation.loading import load_classifier
    from fer.prediction.detect import Haar
    from fer.prediction.network import checkpoint_at
    from fer.prediction.torch_network import TorchNetwork

    path = checkpoint_at(Path(os.environ["FER_TEST_RUN"]))
    split = load_classifier(path, [str(real_root)]).split("val")
    predictor = Predictor(TorchNetwork(path), Haar())
    table, _ = scenes.measure(predictor, split.images[:300, 0].numpy(), split.labels[:300].numpy())
    hits = table[table["found"]]
    assert len(hits) > 0.6 * len(table)
    assert hits["detected"].mean() > hits["as it is"].mean() - 0.05
