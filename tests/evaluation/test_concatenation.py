import pytest
import torch

from fer.evaluation.concatenation import concatenate


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("size", [1, 4, 10, 99])
def test_batches_are_joined_as_by_cat(dim, size):
    whole = torch.randn(10, 10)
    assert torch.equal(concatenate(iter(whole.split(size, dim)), 10, dim), whole)


def test_what_is_gathered_can_be_trained_on():
    with torch.inference_mode():
        batch = torch.randn(3, 2)
    assert not concatenate([batch], 3).is_inference()


@pytest.mark.parametrize("count", [9, 11])
def test_a_wrong_count_is_an_error(count):
    with pytest.raises((ValueError, RuntimeError)):
        concatenate(torch.randn(10, 2).split(5), count)
