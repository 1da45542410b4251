from omegaconf import OmegaConf

from fer.benchmarking.per_sample import transforms
from fer.config import compose_config


def test_transforms_have_the_ranges_of_the_config_and_name_what_torchvision_lacks():
    augment = OmegaConf.to_container(compose_config(["augment=strong"]).augment)
    transform, missing = transforms(augment, 0.5, 0.25)
    flip, affine, jitter = transform.transforms[:3]
    assert missing == ["gamma", "noise", "erasing"]
    assert (flip.p, affine.degrees, affine.translate, affine.shear) == (0.5, [-12, 12], (0.06, 0.06), [-5, 5])
    assert affine.scale == (0.85, 1.15)
    assert (jitter.brightness, jitter.contrast) == ((0.8, 1.2), (0.8, 1.2))
