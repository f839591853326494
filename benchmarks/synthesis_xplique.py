"""What a step costs xplique, for the table beside lucent's: InceptionV1 in Keras, no diversity.

    python -m venv ENV
    ENV/bin/pip install tensorflow-cpu==2.20.0 xplique==2.0.2
    ENV/bin/python benchmarks/synthesis_xplique.py

xplique has no diversity term and draws its transforms by itself, so equal images cannot be asked
for. Equal is what costs: random weights of the same shapes, 10 images of 256 pixels in Fourier
space, which the network sees at 232 pixels (the mean of the published transforms' sizes), one
thread. The other side is `benchmarks/synthesis.py --diversity 0`. CPU milliseconds a step, the
median of blocks of steps, the graph's tracing left out.
"""

from __future__ import annotations

import argparse
import os
import time

# Before TensorFlow looks for GPUs.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import numpy as np
import tensorflow as tf
from xplique.features_visualizations import Objective, optimize
from xplique.features_visualizations.transformations import (
    compose_transformations,
    random_jitter,
    random_scale,
)

IMAGES, CANVAS, SEEN = 10, 256, 232
# Name; then 1x1, 3x3 bottleneck, 3x3, 5x5 bottleneck, 5x5, pool.
BLOCKS = (
    ("mixed3a", 64, 96, 128, 16, 32, 32),
    ("mixed3b", 128, 128, 192, 32, 96, 64),
    ("mixed4a", 192, 96, 204, 16, 48, 64),
    ("mixed4b", 160, 112, 224, 24, 64, 64),
    ("mixed4c", 128, 128, 256, 24, 64, 64),
    ("mixed4d", 112, 144, 288, 32, 64, 64),
    ("mixed4e", 256, 160, 320, 32, 128, 128),
    ("mixed5a", 256, 160, 320, 48, 128, 128),
    ("mixed5b", 384, 192, 384, 48, 128, 128),
)


class LocalResponse(tf.keras.layers.Layer):
    """TensorFlow's local response normalisation with the published constants."""

    def call(self, maps: tf.Tensor) -> tf.Tensor:
        """Normalise."""
        return tf.nn.local_response_normalization(maps, 5, 2.0, 1e-4, 0.5)


def inception_v1(last: str) -> tf.keras.Model:
    """Build the network up to a block, its output before the ReLU."""
    layers = tf.keras.layers
    relu = layers.ReLU

    def convolve(maps: tf.Tensor, width: int, size: int, stride: int = 1) -> tf.Tensor:
        convolution = layers.Conv2D(
            width, size, stride, padding="same", kernel_initializer="he_normal"
        )
        return convolution(maps)

    def pool(maps: tf.Tensor, stride: int = 2) -> tf.Tensor:
        return layers.MaxPool2D(3, stride, padding="same")(maps)

    entering = layers.Input((SEEN, SEEN, 3))
    x = pool(relu()(convolve(layers.Rescaling(255.0, -117.0)(entering), 64, 7, 2)))
    x = relu()(convolve(LocalResponse()(x), 64, 1))
    x = pool(LocalResponse()(relu()(convolve(x, 192, 3))))
    for name, one, three_less, three, five_less, five, pooled in BLOCKS:
        branches = [
            convolve(x, one, 1),
            convolve(relu()(convolve(x, three_less, 1)), three, 3),
            convolve(relu()(convolve(x, five_less, 1)), five, 5),
            convolve(pool(x, 1), pooled, 1),
        ]
        x = layers.Concatenate(name=name)(branches)
        if name == last:
            break
        x = relu()(x)
        if name in ("mixed3b", "mixed4e"):
            x = pool(x)
    return tf.keras.Model(entering, x)


def milliseconds(layer: str, steps: int, blocks: int) -> tuple[float, float]:
    """Median CPU and wall milliseconds a step."""
    objective = Objective.channel(inception_v1(layer), layer, list(range(IMAGES)))
    transforms = compose_transformations(
        [random_jitter(16), random_scale((0.95, 1.05)), random_jitter(8)]
    )
    marks: list[tuple[float, float]] = []

    class Marking(tf.keras.optimizers.Adam):
        """Adam that notes the end of every step."""

        def apply_gradients(self, pairs: object) -> object:
            done = super().apply_gradients(pairs)
            marks.append((time.process_time(), time.perf_counter()))
            return done

    for _ in range(blocks):
        optimize(
            objective,
            Marking(0.05),
            nb_steps=steps + 2,
            transformations=transforms,
            custom_shape=(CANVAS, CANVAS),
        )
    taken = np.diff(np.array(marks).reshape(blocks, steps + 2, 2), axis=1)[:, 1:]
    cpu, wall = np.median(taken.reshape(-1, 2), axis=0) * 1e3
    return float(cpu), float(wall)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", nargs="+", default=["mixed3a", "mixed4a", "mixed4e", "mixed5b"])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(f"TensorFlow {tf.__version__}\n\n| layer | xplique, CPU ms (wall) |\n|---|---|")
    for layer in options.layers:
        cpu, wall = milliseconds(layer, options.steps, options.rounds)
        print(f"| {layer} | {cpu:.0f} ({wall:.0f}) |", flush=True)


if __name__ == "__main__":
    main()
