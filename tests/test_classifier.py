import lightning.pytorch as pl
import pytest
import torch

from fer.classifier import Classifier
from fer.views import views

NET = {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8], "dropout": 0.1}
PARTS = {
    "model": NET,
    "loss": {"_target_": "fer.losses.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "scheduler": {"_target_": "torch.optim.lr_scheduler.ConstantLR", "interval": "epoch", "factor": 1.0},
    "classes": ["angry", "happy", "sad"],
    "class_counts": [10, 20, 30],
}
FACES = torch.randint(0, 256, (6, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def classifier(**changes) -> Classifier:
    torch.manual_seed(0)
    return Classifier(**{**PARTS, **changes})


class Loader:
    """Four batches of six faces, as the data module's batches look after augmentation."""

    def __init__(self, labels=(0, 1, 2, 0, 1, 2)):
        self.labels = torch.tensor(labels)

    def __len__(self):
        return 4

    def __iter__(self):
        return iter([(FACES, self.labels, torch.arange(6), 1.0)] * len(self))


def fit(module: Classifier, **options) -> pl.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=3, enable_checkpointing=False, num_sanity_val_steps=0, **{**quiet, **options}
    )
    trainer.fit(module, Loader(), Loader())
    return trainer


def test_integers_and_floats_are_the_same_picture():
    module = classifier().eval()
    torch.testing.assert_close(module(FACES), module(FACES.float() / 255))


def test_pixels_are_normalised_by_mean_and_deviation():
    assert classifier(mean=0.5, std=0.25).normalise(torch.full((1, 1, 2, 2), 0.75)).eq(1).all()


def test_flip_averages_the_logits_of_both_images():
    module = classifier(tta="flip").eval()
    torch.testing.assert_close(module.logits(FACES), (module(FACES) + module(FACES.flip(-1))) / 2)
    torch.testing.assert_close(module.logits(FACES), module.logits(FACES.flip(-1)))


def test_unknown_test_time_augmentation_names_the_known():
    with pytest.raises(ValueError, match="none, flip"):
        classifier(tta="crop")


def test_memory_format_does_not_change_the_answer():
    plain, last = classifier().eval(), classifier(channels_last=True).eval()
    torch.testing.assert_close(plain(FACES), last(FACES), rtol=1e-4, atol=1e-5)
    assert last.model.blocks[1][0].weight.is_contiguous(memory_format=torch.channels_last)


def test_l1_adds_the_absolute_weights_to_the_training_loss_alone():
    losses = {}
    for l1 in (0, 0.01):
        module = classifier(l1=l1).eval()
        losses[l1] = module.training_step((FACES, torch.zeros(6, dtype=torch.long), torch.arange(6), 1.0), 0)
    weights = sum(p.abs().sum() for p in module.parameters() if p.ndim > 1)
    assert (losses[0.01] - losses[0]).item() == pytest.approx(0.01 * weights.item(), rel=1e-4)
    assert module.train_metrics["loss"].compute() / 6 == pytest.approx(losses[0].item())


NAMES = ("loss", "accuracy", "balanced_accuracy", "macro_f1", "accuracy/happy")


@pytest.mark.parametrize("split", ["train", "val"])
def test_fitting_logs_figures_of_training_and_validation(split):
    assert {f"{split}/{name}" for name in NAMES} <= set(fit(classifier()).callback_metrics)


def test_testing_logs_figures_of_the_test_split():
    module = classifier()
    trainer = fit(module)
    trainer.test(module, Loader(), verbose=False)
    assert {f"test/{name}" for name in NAMES} <= set(trainer.callback_metrics)


def test_soft_labels_train():
    module = classifier()
    loss = module.training_step((FACES, torch.full((6, 3), 1 / 3), torch.arange(6), 1.0), 0)
    assert loss.isfinite()


def test_a_class_never_seen_has_no_accuracy():
    module = classifier()
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)
    result = trainer.test(module, Loader(labels=[0] * 6), verbose=False)[0]
    assert "test/accuracy/angry" in result
    assert "test/accuracy/sad" not in result


@pytest.mark.parametrize(("tta", "count"), [("fivecrop", 5), ("tencrop", 10)])
def test_logits_are_means_over_the_windows(tta, count):
    module = classifier(tta=tta, crop=40).eval()
    images = torch.randint(0, 256, (3, 1, 48, 48), dtype=torch.uint8)
    logits = [module(view) for view in views(images, tta, 40, 48)]
    assert len(logits) == count
    torch.testing.assert_close(module.logits(images), torch.stack(logits).mean(0))
