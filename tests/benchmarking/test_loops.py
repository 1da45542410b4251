import torch

from fer.benchmarking import loops, preparation, timing


def test_the_default_user_sees_the_pixels_that_the_classifier_sees(tiny):
    cfg = tiny("augment=none", "data.normalize=train")
    datamodule = preparation.read_data(cfg)
    default = loops.Default(cfg, datamodule, timing.DeviceClock(torch.device("cpu")))
    images = datamodule.splits["train"].images
    items = torch.stack([default.loader.dataset[row][0] for row in range(5)])
    torch.testing.assert_close(items, default.classifier.normalise(images[:5]))
