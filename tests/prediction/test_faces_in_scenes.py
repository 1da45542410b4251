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

    def remember(face, side, rng, real=scenes.scene):
        picture, place = real(face, side, rng)
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
