"""Times Keras' model.fit on the architecture of fer.models.cnn.CNN, in a separate process that answers in JSON lines.

    python -m fer.benchmarking.keras_fit        (started by fer.benchmark, where tensorflow is installed)

The first line of its input is the request that `Keras` sends, each further one asks for a block of steps.
"""

import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from omegaconf import OmegaConf

from fer.errors import UserError

CNN = "fer.models.cnn.CNN"
COMMAND = [sys.executable, "-m", "fer.benchmarking.keras_fit"]
OPTIMIZERS = {"SGD": "SGD", "Adam": "Adam", "AdamW": "AdamW", "NAdam": "Nadam", "RMSprop": "RMSprop"}
SHARED = ("weight_decay", "momentum", "nesterov")
COUNTERPARTS = {
    "activation": ("relu", "elu", "gelu", "silu", "tanh", "sigmoid", "leaky_relu", "selu", "softplus", "mish"),
    "attention": (None,),
    "head_pool": (None, 1),
    "pool_padding": (0,),
}
"""Values that Keras supports, for the options of CNN with values that it lacks."""
IMAGES = 4096  # in memory; model.fit goes round and round


class Keras:
    """The column: starts the process and asks it for blocks.

    Its images are random float32 arrays in memory, shuffled and batched by tf.data and not augmented, which favours it;
    the loss is cross-entropy. Raises UserError when the process ends before it answers.
    """

    def __init__(self, cfg: Any, num_classes: int):
        request = {
            "options": arguments(cfg.model),
            "num_classes": num_classes,
            "batch_size": cfg.data.batch_size,
            "optimizer": optimizer(cfg.optimizer),
            "threads": cfg.threads,
        }
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
        self.stderr = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (it lives as long as the process)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.stderr}
        self.process = subprocess.Popen(COMMAND, **pipes, env=quiet, text=True, encoding="utf-8")
        answer = self.ask(request)
        self.parameters = answer["parameters"]
        self.how = f"{answer['library']}: model.fit on arrays in memory, no augmentation"

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        with suppress(BrokenPipeError):
            print(json.dumps(question), file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("{"):  # the other lines are messages of libraries
                return json.loads(line)
        self.stderr.seek(0)
        lines = self.stderr.read().splitlines() or ["no message"]
        raise UserError(f"keras: its process ended ({lines[-1]}); leave it out with columns=[ceiling,whole,default]")

    def block(self, warmup: int, steps: int) -> float:
        return self.ask({"warmup": warmup, "steps": steps})["images_per_s"]

    def close(self) -> None:
        self.process.communicate()
        self.stderr.close()


def reason_to_skip(cfg: Any) -> str | None:
    """Returns why this config cannot run in Keras here; None where it can."""
    if find_spec("tensorflow") is None:
        return "tensorflow is not installed"
    if cfg.model._target_ != CNN:
        return f"only {CNN} is translated"
    if cfg.optimizer._target_.rpartition(".")[2] not in OPTIMIZERS:
        return f"{cfg.optimizer._target_} has no counterpart there"
    options = arguments(cfg.model)
    missing = [f"model.{name}={options[name]}" for name, known in COUNTERPARTS.items() if options[name] not in known]
    return f"{missing[0]} has no counterpart there" if missing else None


def arguments(node: Any) -> dict[str, Any]:
    """Returns all arguments of CNN except num_classes: those of the config, the others at their defaults."""
    from fer.models.cnn import CNN as Network

    defaults = {name: known.default for name, known in inspect.signature(Network).parameters.items()}
    given = {name: value for name, value in OmegaConf.to_container(node, resolve=True).items() if name[0] != "_"}
    return {name: value for name, value in (defaults | given).items() if name != "num_classes"}


def optimizer(node: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the optimizer's name in Keras and the options that both libraries have."""
    name = OPTIMIZERS[node["_target_"].rpartition(".")[2]]
    return {"name": name, "learning_rate": node["lr"], **{key: node[key] for key in SHARED if key in node}}


def translate(num_classes: int, options: Mapping[str, Any]) -> Any:
    """Returns the Keras model with the layers and sizes of CNN(num_classes, **options)."""
    from keras import Input, Model, layers

    images = Input((options["image_size"], options["image_size"], 1))
    channels = options["in_channels"]
    x = layers.Concatenate()([images] * channels) if channels > 1 else images
    for index, widths in enumerate(options["blocks"]):
        names = ("kernel_size", "stride", "padding", "pool_size")
        kernel, stride, padding, window = (each(options[name], index) for name in names)
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
    return Model(images, layers.Dense(num_classes)(x))


def each(value: Any, index: int) -> Any:
    """Returns the value for one block, as in fer.models.cnn."""
    return value if isinstance(value, int | str) else value[min(index, len(value) - 1)]


def convolution(x: Any, width: int, kernel: int, stride: int, padding: int | str) -> Any:
    from keras import layers

    margin = kernel // 2 if padding == "same" else padding
    if stride == 1 and 2 * margin + 1 == kernel:
        return layers.Conv2D(width, kernel, padding="same")(x)
    if margin:
        x = layers.ZeroPadding2D(margin)(x)  # with a stride Keras' own "same" pads one side only
    return layers.Conv2D(width, kernel, stride)(x)


def norm_and_activation(x: Any, options: Mapping[str, Any], norm: str) -> Any:
    from keras import layers

    width, flat = x.shape[-1], len(x.shape) == 2
    groups = {"group": next(n for n in (8, 4, 2, 1) if width % n == 0), "layer": 1, "instance": -1}
    layers_in_order = [layers.Activation(options["activation"])]
    if norm == "batch":
        layers_in_order.insert(0, layers.BatchNormalization(momentum=0.9, epsilon=1e-5))
    elif norm != "none":
        over_all = flat and norm != "group"
        layers_in_order.insert(0, layers.LayerNormalization() if over_all else layers.GroupNormalization(groups[norm]))
    for layer in layers_in_order[::-1] if options["norm_last"] else layers_in_order:
        x = layer(x)
    return x


def serve() -> None:
    """Builds the model of the first line and answers with its parameters; then times a block for each further line."""
    request = json.loads(sys.stdin.readline())
    import keras
    import tensorflow as tf

    if request["threads"]:
        tf.config.threading.set_intra_op_parallelism_threads(request["threads"])
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)  # or it takes what the other columns need
    model = translate(request["num_classes"], request["options"])
    optimizer_options = dict(request["optimizer"])
    optimizer_options = getattr(keras.optimizers, optimizer_options.pop("name"))(**optimizer_options)
    model.compile(optimizer_options, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    batches = dataset(max(IMAGES, request["batch_size"]), request["num_classes"], request["batch_size"])
    parameters = sum(weight.numpy().size for weight in model.trainable_weights)
    library = f"Keras {keras.__version__}, TensorFlow {tf.__version__}"
    print(json.dumps({"parameters": parameters, "library": library}), flush=True)
    for line in sys.stdin:
        block = json.loads(line)
        seconds = timed_fit(model, batches, **block)
        print(json.dumps({"images_per_s": block["steps"] * request["batch_size"] / seconds}), flush=True)


def dataset(size: int, num_classes: int, batch_size: int) -> Any:
    """Returns endless batches of random images (B, 48, 48, 1) float32 in 0-1 and their classes."""
    import numpy as np
    import tensorflow as tf

    generator = np.random.default_rng(0)
    images = generator.random((size, 48, 48, 1), dtype=np.float32)
    samples = tf.data.Dataset.from_tensor_slices((images, generator.integers(num_classes, size=size)))
    return samples.shuffle(size).repeat().batch(batch_size).prefetch(tf.data.AUTOTUNE)


def timed_fit(model: Any, batches: Any, warmup: int, steps: int) -> float:
    """Returns the seconds of the `steps` steps after the first `warmup` in one model.fit."""
    import keras

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
