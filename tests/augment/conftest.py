import pytest
import torch


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def images():
    """Smooth pictures, so that resampling differences stay small; not square, so that swapped axes show."""
    noise = torch.rand(16, 1, 13, 16)
    return torch.nn.functional.interpolate(noise, size=(44, 52), mode="bicubic").clamp(0.05, 0.95)


@pytest.fixture
def labels():
    return torch.arange(16) % 7


@pytest.fixture
def per_image():
    def apply(function, images, *parameters):
        """The reference, one image at a time, with each image's own parameters as plain numbers."""
        rows = zip(images, *(parameter.tolist() for parameter in parameters), strict=True)
        return torch.stack([function(image, *row) for image, *row in rows])

    return apply
