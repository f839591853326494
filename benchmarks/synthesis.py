"""Synthesis here against lucent: the same network, layer, pixels, transforms, images, diversity.

    python -m venv ENV
    ENV/bin/pip install torch==2.13.0 torchvision==0.28.0 torch-lucent==0.1.8
    ENV/bin/pip install numba pydantic platformdirs typer rich h5py pillow jinja2
    OMP_NUM_THREADS=1 PYTHONPATH=. ENV/bin/python benchmarks/synthesis.py

Both optimise the published batch: 10 images of 256 pixels from the same initial spectrum, diversity
100, the same transform callables with the same draws, one thread, steps of both interleaved.
InceptionV1 has random weights (He et al. 2015) here, which costs what trained ones cost; whether
both reach the same activation is for `benchmarks/synthesis_activation.py`. lucent is used as its
users do: the network as it was loaded, weights not frozen. Times are CPU times of the process,
which other work on a machine disturbs less than wall clocks; both are printed. The table is in
benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from generation.networks.network import Network, load_network, network_spec
from generation.networks.torchvision_models import torchvision_models
from generation.synthesis.measuring import as_shown, measure
from generation.synthesis.objectives import similarity
from generation.synthesis.optimize import optimize
from generation.synthesis.parametrization import FourierImages, initial_spectrum
from generation.synthesis.settings import Settings, Target
from generation.synthesis.transforms import (
    RandomTransforms,
    TransformSettings,
    draw_group,
    draw_scales,
)
from house.seeds import generator

IMAGES, CANVAS, CROP, DIVERSITY, SEED = 10, 256, 16, 100.0, 1
PUBLISHED = TransformSettings(
    16, (1.0, 0.975, 1.025, 0.95, 1.05), tuple(float(angle) for angle in range(-5, 6)), 8
)
DEPTHS = {
    "inception_v1": ("mixed3a", "mixed4a", "mixed4e", "mixed5b"),
    "squeezenet1_1": ("fire2", "fire4", "fire6", "fire9"),
}
CHANNEL = 7
# Five scales make images of five sizes, and memory for each is taken when it is first met.
WARM_UP = 8


class Reached(NamedTuple):
    """What the images of a run are worth, as shown.

    Attributes
    ----------
    activation : float
        Mean of the images.
    objective : float
        Less the weight of diversity times their similarity.
    """

    activation: float
    objective: float


def reached(
    network: Network,
    images: np.ndarray[Any, np.dtype[np.uint8]],
    layer: str,
    channel: int,
    diversity: float,
) -> Reached:
    """Measure the images of a run."""
    activation = float(measure(network, images, layer)[:, channel].mean())
    if not diversity:
        return Reached(activation, activation)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        alike = float(similarity(network.features(x, layer)[None]))
    return Reached(activation, activation - diversity * alike)


@dataclass
class Clock:
    """CPU and wall seconds between the marks of consecutive steps."""

    marks: list[tuple[float, float]] = field(default_factory=list)

    def mark(self) -> None:
        """Note the end of a step."""
        self.marks.append((time.process_time(), time.perf_counter()))

    def steps(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Give seconds (steps, 2)."""
        return np.diff(np.array(self.marks), axis=0)


class Whole(nn.Module):  # type: ignore[misc]
    """A network as lucent wants it: one forward pass to the classes, a submodule a layer.

    Parameters
    ----------
    module : nn.Module
        Walked layer by layer.
    layers : sequence of str
        Names for the submodules, through which each layer's pre-ReLU features pass.
    head : callable
        From the last layer's features to class scores.
    """

    def __init__(
        self, module: nn.Module, layers: list[str], head: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.network = module
        self._head = head
        for layer in layers:
            self.add_module(layer, nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """Give class scores."""
        features = x
        for name, found in self.network.walk(x):
            features = self.get_submodule(name)(found)
        return self._head(features)


def networks(name: str) -> tuple[Network, Whole]:
    """Build a network for each side, with equal weights."""
    spec = network_spec(name)
    if name == "inception_v1":
        torch.manual_seed(0)
        module = spec.factory()
        for part in module.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        ours = Network(spec, module, torch.device("cpu"))
    else:
        ours = load_network(name)
    theirs = spec.factory()
    theirs.load_state_dict(next(ours.modules()).state_dict())

    def head(features: Tensor) -> Tensor:
        rectified = torch.relu(features)
        if name == "inception_v1":
            scores: Tensor = theirs.softmax2(rectified.mean(dim=(2, 3)))
        else:
            scores = torch.relu(theirs.conv10(rectified)).mean(dim=(2, 3))
        return scores

    return ours, Whole(theirs.eval(), [layer.name for layer in spec.layers], head)


def settings(steps: int, precision: str) -> Settings:
    """Give the published settings."""
    return Settings(
        IMAGES, CANVAS, CROP, steps, 0.05, "constant", 0.01, PUBLISHED, precision, steps
    )


def later(steps: int, precision: str) -> Settings:
    """Give the settings of all updates but the first, which are in float32."""
    return replace(settings(steps, precision), float32_updates=0)


@contextmanager
def nudged(by: float) -> Iterator[None]:
    """Let optimisations begin with spectra that are larger by this share."""
    initial = FourierImages.initial

    def larger(self: FourierImages, *arguments: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
        return initial(self, *arguments) * np.float32(1 + by)

    FourierImages.initial = larger
    try:
        yield
    finally:
        FourierImages.initial = initial


def run_ours(
    network: Network,
    layer: str,
    steps: int,
    precision: str,
    channel: int = CHANNEL,
    diversity: float = DIVERSITY,
    seed: int = SEED,
    how: Callable[[int, str], Settings] = settings,
    nudge: float = 0.0,
) -> tuple[Clock, Reached]:
    """Optimise here; seconds of each step, and what was reached."""
    clock = Clock()
    target = Target("unit", channel, 1, diversity)
    with nudged(nudge):
        (made,) = optimize(network, layer, [target], how(steps, precision), seed, clock.mark)
    return clock, reached(network, made.images, layer, channel, diversity)


def run_lucent(
    whole: Whole,
    network: Network,
    layer: str,
    steps: int,
    channels_last: bool = False,
    number: int = CHANNEL,
    diversity: float = DIVERSITY,
    seed: int = SEED,
    nudge: float = 0.0,
) -> tuple[Clock, Reached]:
    """Optimise with lucent; seconds of each step, and what was reached."""
    torchvision_models()
    from lucent.optvis import objectives, param, render

    clock = Clock()
    transform = RandomTransforms(PUBLISHED, torch.device("cpu"))
    draws = [draw_group(PUBLISHED, steps, seed, "unit", 1)]
    scales = draw_scales(PUBLISHED, steps, seed)
    step = 0
    spectrum = initial_spectrum(generator(seed, "spectrum", "unit", 1), IMAGES, CANVAS, 0.01)
    spectrum = spectrum * np.float32(1 + nudge)

    def parameters() -> tuple[list[Tensor], Callable[[], Tensor]]:
        found, image = param.image(CANVAS, batch=IMAGES, sd=0.01)
        with torch.no_grad():
            found[0].copy_(torch.from_numpy(spectrum))
        return found, image

    def transformed(images: Tensor) -> Tensor:
        nonlocal step
        clock.mark()
        seen = transform(images[None], draws, int(scales[step]), step)[0]
        seen = network.spec.preprocessing(seen)
        step += 1
        return seen if channels_last else seen.contiguous()

    channel = objectives.channel(layer, number)
    (images,) = render.render_vis(
        whole,
        channel - diversity * objectives.diversity(layer) if diversity else channel,
        parameters,
        transforms=[transformed],
        preprocess=False,
        thresholds=(steps,),
        show_image=False,
        progress=False,
    )
    clock.mark()
    shown = as_shown(torch.from_numpy(images).permute(0, 3, 1, 2), CROP)
    return clock, reached(network, shown, layer, number, diversity)


def middle(clocks: list[Clock]) -> tuple[float, float]:
    """Median CPU and wall milliseconds a step, the first of each run left out.

    Steps differ in size, and until each size was met memory is still being taken: thousands of
    steps follow in earnest.
    """
    steps = np.concatenate([clock.steps()[WARM_UP:] for clock in clocks])
    cpu, wall = np.median(steps, axis=0) * 1e3
    return float(cpu), float(wall)


def timed(kind: str, name: str, layer: str, steps: int, diversity: float) -> Clock:
    """Run one side by itself."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    ours, whole = networks(name)
    if kind in ("lucent", "last"):
        return run_lucent(whole, ours, layer, steps, kind == "last")[0]
    return run_ours(ours, layer, steps + 1, kind, diversity=diversity, how=later)[0]


def compare_speed(
    name: str, layers: Sequence[str], rounds: int, steps: int, diversity: float
) -> None:
    """Print a row a depth; without diversity for this side alone, as lucent is given it."""
    kinds = ("lucent", "last", "float32", "bfloat16") if diversity else ("float32", "bfloat16")
    print(f"\n{name}, diversity {diversity:g}, CPU milliseconds a step (wall in brackets)\n")
    titles = [{"last": "lucent, channels last"}.get(kind, kind) for kind in kinds]
    titles += ["float32: times", "bfloat16: times"] if diversity else []
    print(f"| layer | {' | '.join(titles)} |\n|{'---|' * (len(titles) + 1)}")
    # A process a run: what one side does to the process's memory must not help the other.
    processes = multiprocessing.get_context("spawn")
    for layer in layers:
        runs: dict[str, list[Clock]] = {}
        for _ in range(rounds):
            # Interleaved, so that other work on the machine meets everybody alike.
            for kind in kinds:
                with processes.Pool(1) as pool:
                    clock = pool.apply(timed, (kind, name, layer, steps, diversity))
                    pool.close()
                    pool.join()
                runs.setdefault(kind, []).append(clock)
        times = {kind: middle(clocks) for kind, clocks in runs.items()}
        cells = [f"{cpu:.0f} ({wall:.0f})" for cpu, wall in times.values()]
        if diversity:
            cells += [
                f"{times['lucent'][0] / times[kind][0]:.1f} "
                f"({times['last'][0] / times[kind][0]:.1f})"
                for kind in ("float32", "bfloat16")
            ]
        print(f"| {layer} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=list(DEPTHS), default="inception_v1")
    parser.add_argument("--layers", nargs="+", help="four from early to late by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=16, help="eight of them to warm up")
    parser.add_argument("--diversity", type=float, default=DIVERSITY)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}")
    layers = options.layers or DEPTHS[options.network]
    compare_speed(options.network, layers, options.rounds, options.steps, options.diversity)


if __name__ == "__main__":
    main()
