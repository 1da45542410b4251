"""Times Keras' model.fit on the architecture of fer.models.cnn.CNN, as a process that answers in lines of JSON.

    python -m fer.benchmarking.keras_fit        (started by fer.benchmarking.keras_column)

The first line of its input is the request of `keras_column.Keras`; each further line asks for a block of steps. It
imports no torch, and needs tensorflow.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import keras  # pyright: ignore[reportMissingImports] (the extra keras)
import numpy as np
import tensorflow as tf  # pyright: ignore (the extra keras)
from keras import layers  # pyright: ignore[reportMissingImports] (the extra keras)

IMAGES = 4096
"""Images in memory; model.fit goes through them again and again."""


def translate(num_classes: int, options: Mapping[str, Any]) -> Any:
    """Returns the Keras model with the layers and sizes of CNN(num_classes, **options)."""
    images = keras.Input((options["image_size"], options["image_size"], 1))
    channels = options["in_channels"]
    x = layers.Concatenate()([images] * channels) if channels > 1 else images
    for index, widths in enumerate(options["blocks"]):
        names = ("kernel_size", "stride", "padding", "pool_size")
        kernel, stride, padding, window = (value_at(options[name], index) for name in names)
        for width in widths:
            x = convolution(x, width, kernel, stride, padding)
            x = norm_and_activation(x, options, options["norm"])
        if options["pool"] != "none":
            pool = layers.MaxPooling2D if options["pool"] == "max" else layers.AveragePooling2D
            x = pool(window, options["pool_stride"] or window)(x)
        drop = layers.SpatialDropout2D if options["channel_dropout"] else layers.Dropout
        x = drop(options["dropout"])(x)
    x = (layers.GlobalAveragePooling2D if options["head_pool"] else layers.Flatten)()(x)
    for width in options["head"]:
        x = norm_and_activation(layers.Dense(width)(x), options, options["head_norm"])
        x = layers.Dropout(options["head_dropout"])(x)
    return keras.Model(images, layers.Dense(num_classes)(x))


def value_at(value: Any, index: int) -> Any:
    """Returns the value for one block, as fer.models.layers.value_at."""
    return value if isinstance(value, int | str) else value[min(index, len(value) - 1)]


def convolution(x: Any, width: int, kernel: int, stride: int, padding: int | str) -> Any:
    """Applies a convolution; padding: in pixels, or "same" for half the kernel."""
    margin = kernel // 2 if isinstance(padding, str) else padding
    if stride == 1 and 2 * margin + 1 == kernel:
        return layers.Conv2D(width, kernel, padding="same")(x)
    if margin:
        x = layers.ZeroPadding2D(margin)(x)  # Keras' own "same" pads one side only if there is a stride
    return layers.Conv2D(width, kernel, stride)(x)


def norm_and_activation(x: Any, options: Mapping[str, Any], norm: str) -> Any:
    """Applies norm and activation in the order of the options; x: (B, H, W, C), or (B, C) after a dense layer."""
    width, is_flat = x.shape[-1], len(x.shape) == 2
    groups = {"group": next(n for n in (8, 4, 2, 1) if width % n == 0), "layer": 1, "instance": -1}
    layers_in_order = [layers.Activation(options["activation"])]
    if norm == "batch":
        layers_in_order.insert(0, layers.BatchNormalization(momentum=0.9, epsilon=1e-5))
    elif norm != "none":
        is_layer_norm = is_flat and norm != "group"
        normalization = layers.LayerNormalization() if is_layer_norm else layers.GroupNormalization(groups[norm])
        layers_in_order.insert(0, normalization)
    if options["norm_last"]:
        layers_in_order.reverse()
    for layer in layers_in_order:
        x = layer(x)
    return x


def serve() -> None:
    """Builds the model of the first line and answers with its parameters; then times a block for each further line."""
    request = json.loads(sys.stdin.readline())
    if request["threads"]:
        tf.config.threading.set_intra_op_parallelism_threads(request["threads"])
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)  # otherwise it reserves the memory of the other columns
    model = translate(request["num_classes"], request["options"])
    model.compile(
        make_optimizer(**request["optimizer"]),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = dataset(max(IMAGES, request["batch_size"]), request["num_classes"], request["batch_size"])
    parameters = sum(weight.numpy().size for weight in model.trainable_weights)
    library = f"Keras {keras.__version__}, TensorFlow {tf.__version__}"
    print(json.dumps({"parameters": parameters, "library": library}), flush=True)
    for line in sys.stdin:
        block = json.loads(line)
        seconds = timed_fit(model, batches, **block)
        print(json.dumps({"images_per_s": block["steps"] * request["batch_size"] / seconds}), flush=True)


def make_optimizer(name: str, **options: Any) -> Any:
    return getattr(keras.optimizers, name)(**options)


def dataset(size: int, num_classes: int, batch_size: int) -> Any:
    """Returns endless batches of random images (B, 48, 48, 1) float32 in [0, 1] and their classes."""
    generator = np.random.default_rng(0)
    images = generator.random((size, 48, 48, 1), dtype=np.float32)
    samples = tf.data.Dataset.from_tensor_slices((images, generator.integers(num_classes, size=size)))
    return samples.shuffle(size).repeat().batch(batch_size).prefetch(tf.data.AUTOTUNE)


def timed_fit(model: Any, batches: Any, warmup: int, steps: int) -> float:
    """Returns the seconds of the `steps` steps after the first `warmup` in one model.fit."""
    times = {}

    def record_time(step: int, logs: Any = None) -> None:
        if step + 1 in (warmup, warmup + steps):
            model.trainable_weights[0].numpy()  # waits for the device
            times[step + 1] = time.perf_counter()

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=record_time)
    model.fit(batches, steps_per_epoch=warmup + steps, verbose=0, shuffle=False, callbacks=[callback])
    return times[warmup + steps] - times[warmup]


if __name__ == "__main__":
    serve()
