import numpy as np
import pytest
import torch
from torchvision.transforms.v2.functional import resize

from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.tta import predict
from fer.tta import VIEWS
from fer.views import CROP

NET = {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8], "dropout": 0.2}
FACES = torch.randint(0, 256, (5, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SPLIT = Split(FACES, torch.zeros(5, dtype=torch.int64), np.arange(5).astype(str))


@pytest.fixture
def classifier() -> Classifier:
    """Of three classes, with dropout, and with BatchNorm that has seen something."""
    torch.manual_seed(0)
    made = Classifier(
        NET, {"_target_": "fer.losses.CrossEntropy"}, {}, {}, ["angry", "happy", "sad"], [1, 1, 1], 0.4, 0.2
    )
    made.train()(FACES)
    return made.eval()


def test_none_is_what_the_classifier_says(classifier):
    torch.testing.assert_close(predict(classifier, SPLIT), classifier(FACES).detach())


def test_flip_is_what_the_classifier_validates_with(classifier):
    classifier.hparams.tta = "flip"
    torch.testing.assert_close(predict(classifier, SPLIT, "flip"), classifier.logits(FACES).detach())


def test_the_classifiers_own_setting_does_not_count(classifier):
    plain = predict(classifier, SPLIT)
    classifier.hparams.tta = "flip"
    assert predict(classifier, SPLIT).equal(plain)


def test_tencrop_is_the_mean_over_ten_windows(classifier):
    last, middle = 48 - CROP, (48 - CROP) // 2
    logits = []
    for top, left in ((0, 0), (0, last), (last, 0), (last, last), (middle, middle)):
        window = FACES.float()[:, :, top : top + CROP, left : left + CROP] / 255
        face = resize(window, [48, 48], antialias=False)
        logits += [
            classifier(view).detach().numpy() for view in (face, torch.from_numpy(face.numpy()[..., ::-1].copy()))
        ]
    np.testing.assert_allclose(predict(classifier, SPLIT, "tencrop"), np.mean(logits, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tta", VIEWS)
def test_the_batch_size_does_not_matter(classifier, tta):
    torch.testing.assert_close(predict(classifier, SPLIT, tta, 2), predict(classifier, SPLIT, tta))


@pytest.mark.parametrize("tta", VIEWS)
def test_logits_are_plain_floats_on_the_cpu(classifier, tta):
    logits = predict(classifier, SPLIT, tta)
    assert (logits.shape, logits.dtype, logits.device.type) == ((5, 3), torch.float32, "cpu")
    assert not logits.requires_grad
    assert not logits.is_inference()


def test_every_module_keeps_its_mode_and_its_numbers(classifier):
    classifier.train()
    classifier.model.blocks[0][1].eval()  # a frozen BatchNorm
    modes = [module.training for module in classifier.modules()]
    state = {name: value.clone() for name, value in classifier.state_dict().items()}
    torch.testing.assert_close(predict(classifier, SPLIT), predict(classifier, SPLIT))  # no dropout
    assert [module.training for module in classifier.modules()] == modes
    assert all(value.equal(state[name]) for name, value in classifier.state_dict().items())


def test_the_mode_comes_back_after_an_error(classifier):
    classifier.train()
    with pytest.raises(RuntimeError):
        predict(classifier, Split(FACES[:, :, :9], SPLIT.labels, SPLIT.ids))
    assert classifier.training


def test_autocast_around_it_changes_nothing(classifier):
    with torch.autocast("cpu", torch.bfloat16):
        logits = predict(classifier, SPLIT)
    assert logits.equal(predict(classifier, SPLIT))


def test_an_unknown_name_lists_the_known(classifier):
    with pytest.raises(UserError, match="no 'crops'; there are none, flip, fivecrop, tencrop, affine"):
        predict(classifier, SPLIT, "crops")
