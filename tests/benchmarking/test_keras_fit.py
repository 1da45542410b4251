from importlib.util import find_spec

import numpy as np
import pytest

from fer.benchmarking import keras_column
from fer.config import compose_config
from fer.models.cnn import CNN


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")
@pytest.mark.parametrize("model", ["cnn2", "cnn3", "cnn3_light", "cnn4", "simple", "strided"])
def test_keras_trains_as_many_parameters(model):
    from fer.benchmarking import keras_fit  # imports tensorflow

    options = keras_column.arguments(compose_config([f"model={model}"]).model)
    translated = keras_fit.translate(7, options)
    count = sum(int(np.prod(weight.shape)) for weight in translated.trainable_weights)
    assert count == sum(p.numel() for p in CNN(7, **options).parameters())
