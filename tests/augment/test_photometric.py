import torch
import torchvision.transforms.v2.functional as reference

from fer.augment import Blur, Gamma, Jitter, Noise


def test_jitter_is_torchvisions_brightness_then_contrast(images, per_image):
    def jitter(image, brightness, contrast):
        return reference.adjust_contrast(reference.adjust_brightness(image, brightness), contrast)

    transform = Jitter(brightness=0.5, contrast=0.5)
    parameters = transform.sample(images)
    assert torch.allclose(transform.transform(images, *parameters), per_image(jitter, images, *parameters), atol=1e-6)


def test_gamma_is_torchvisions_gamma(images, per_image):
    (gamma,) = Gamma(1.0).sample(images)
    expected = per_image(reference.adjust_gamma, images, gamma)
    assert torch.allclose(Gamma(1.0).transform(images, gamma), expected, atol=1e-6)


def test_gamma_exponents_are_log_uniform_between_their_bounds():
    (gamma,) = Gamma(0.5).sample(torch.empty(4000, 1, 1, 1))
    assert 1 / 1.5 <= gamma.min() < 0.68
    assert 1.48 < gamma.max() <= 1.5
    assert gamma.log().mean().abs() < 0.02


def test_blur_is_torchvisions_gaussian_blur(images, per_image):
    transform = Blur(sigma=(0.1, 2.0))
    size = 2 * transform.radius + 1
    (sigma,) = transform.sample(images)
    expected = per_image(lambda image, s: reference.gaussian_blur(image, [size, size], [s, s]), images, sigma)
    assert torch.allclose(transform.transform(images, sigma), expected, atol=1e-5)


def test_noise_has_at_most_the_given_deviation():
    images = torch.full((200, 1, 48, 48), 0.5)
    deviation = Noise(std=0.1)(images, torch.zeros(200))[0].std((1, 2, 3))
    assert deviation.min() < 0.01
    assert 0.09 < deviation.max() < 0.105
