from pathlib import Path

import hydra
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from sklearn.utils.class_weight import compute_class_weight

from fer.losses import L2SVM, CrossEntropy, Focal

COUNTS = [40, 5, 10, 45]
NODES = sorted((Path(__file__).parents[1] / "conf" / "loss").glob("*.yaml"))
LOSSES = [CrossEntropy, Focal, L2SVM]
WEIGHTS = ["none", "balanced"]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(16, len(COUNTS), generator=generator)
    return logits, torch.randint(len(COUNTS), (16,), generator=generator)


def soft(logits):
    return logits.flip(0).softmax(1)


def test_balanced_weights_are_scikit_learns():
    labels = np.repeat(np.arange(len(COUNTS)), COUNTS)
    expected = compute_class_weight("balanced", classes=np.arange(len(COUNTS)), y=labels)
    weight = CrossEntropy(COUNTS, "balanced").weight
    assert weight.dtype == torch.float32
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-6)


def test_weights_stay_out_of_the_state_dict():
    assert not CrossEntropy(COUNTS, "balanced").state_dict()


@pytest.mark.parametrize("class_weights", WEIGHTS)
def test_cross_entropy_of_codes_is_torchs(batch, class_weights):
    loss = CrossEntropy(COUNTS, class_weights)
    torch.testing.assert_close(loss(*batch), F.cross_entropy(*batch, weight=loss.weight))


def test_label_smoothing_is_torchs(batch):
    expected = F.cross_entropy(*batch, label_smoothing=0.1)
    torch.testing.assert_close(CrossEntropy(COUNTS, label_smoothing=0.1)(*batch), expected)


def test_cross_entropy_of_soft_targets_is_torchs(batch):
    logits, targets = batch[0], soft(batch[0])
    torch.testing.assert_close(CrossEntropy(COUNTS)(logits, targets), F.cross_entropy(logits, targets))


@pytest.mark.parametrize("class_weights", WEIGHTS)
@pytest.mark.parametrize("node", NODES, ids=lambda path: path.stem)
def test_codes_and_one_hot_rows_mean_the_same(batch, node, class_weights):
    logits, codes = batch
    node = OmegaConf.merge(OmegaConf.load(node), {"class_weights": class_weights})
    loss = hydra.utils.instantiate(node, class_counts=COUNTS)
    torch.testing.assert_close(loss(logits, F.one_hot(codes).float()), loss(logits, codes))


@pytest.mark.parametrize("kind", LOSSES)
def test_a_soft_target_weighs_as_much_as_its_classes(batch, kind):
    logits, targets = batch[0], soft(batch[0])
    loss, plain = kind(COUNTS, "balanced"), kind(COUNTS)
    total = weights = 0.0
    for logit, target in zip(logits, targets, strict=True):
        weight = sum(float(w * t) for w, t in zip(loss.weight, target, strict=True))
        total += weight * plain(logit[None], target[None]).item()
        weights += weight
    assert loss(logits, targets).item() == pytest.approx(total / weights, rel=1e-5)


@pytest.mark.parametrize("class_weights", WEIGHTS)
def test_focal_without_gamma_is_cross_entropy(batch, class_weights):
    expected = CrossEntropy(COUNTS, class_weights)(*batch)
    torch.testing.assert_close(Focal(COUNTS, class_weights, gamma=0)(*batch), expected)


def test_focal_is_its_formula(batch):
    logits, codes = batch
    p = torch.stack([row.softmax(0)[code] for row, code in zip(logits, codes, strict=True)])
    torch.testing.assert_close(Focal(COUNTS, gamma=1.5)(*batch), -((1 - p) ** 1.5 * p.log()).mean())


def test_l2_svm_is_its_loop(batch):
    logits, codes = batch
    total = 0.0
    for row, code in zip(logits.tolist(), codes.tolist(), strict=True):
        for c, score in enumerate(row):
            total += max(0.0, 0.5 - (score if c == code else -score)) ** 2
    assert L2SVM(COUNTS, margin=0.5)(*batch).item() == pytest.approx(total / logits.numel(), rel=1e-5)


@pytest.mark.parametrize("loss", [*(kind(COUNTS, "balanced") for kind in LOSSES), Focal(COUNTS, gamma=0.5)], ids=str)
@pytest.mark.parametrize("scale", [0, 1, 1000])
def test_gradients_are_finite(batch, loss, scale):
    logits = (scale * batch[0]).requires_grad_()
    loss(logits, batch[1]).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("kind", LOSSES)
def test_half_precision_logits_give_a_float32_loss(batch, kind):
    logits = batch[0].bfloat16()
    loss = kind(COUNTS, "balanced")(logits, batch[1])
    torch.testing.assert_close(loss, kind(COUNTS, "balanced")(logits.float(), batch[1]))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: CrossEntropy(COUNTS, "blanced"), "none, balanced"),
        (lambda: CrossEntropy([3, 0], "balanced"), "every class"),
        (lambda: CrossEntropy(COUNTS, label_smoothing=1.0), "label_smoothing"),
        (lambda: Focal(COUNTS, gamma=-1), "gamma"),
        (lambda: L2SVM(COUNTS, margin=0), "margin"),
    ],
)
def test_bad_options_are_named_in_one_line(build, words):
    with pytest.raises(ValueError, match=words) as error:
        build()
    assert "\n" not in str(error.value)


def test_targets_of_another_shape_are_refused(batch):
    with pytest.raises(ValueError, match="do not fit"):
        CrossEntropy(COUNTS)(batch[0], torch.ones(16, 1))


@pytest.mark.parametrize("loss", [CrossEntropy, Focal])
def test_logit_adjustment_adds_the_log_prior(loss):
    counts, logits = [10, 30, 60], torch.randn(8, 3)
    targets = torch.randint(0, 3, (8,))
    shifted = logits + 1.5 * torch.tensor([0.1, 0.3, 0.6]).log()
    adjusted = loss(counts, logit_adjustment=1.5)
    assert torch.allclose(adjusted(logits, targets), loss(counts)(shifted, targets))
    assert torch.allclose(adjusted(logits.bfloat16(), targets), adjusted(logits, targets), atol=0.05)
    soft = torch.rand(8, 3).softmax(1)
    assert torch.allclose(adjusted(logits, soft), loss(counts)(shifted, soft))
    assert not adjusted.state_dict()


@pytest.mark.parametrize("value", [-1.0, float("inf"), float("nan")])
def test_an_impossible_logit_adjustment_is_an_error(value):
    with pytest.raises(ValueError, match="logit_adjustment is"):
        CrossEntropy([1, 1], logit_adjustment=value)


def test_logit_adjustment_needs_images_of_every_class():
    with pytest.raises(ValueError, match="every class"):
        CrossEntropy([1, 0], logit_adjustment=1.0)
