"""Where a step of synthesis spends its time, and whether lucent's gradients are the same.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/synthesis_parts.py --layers mixed3a mixed4a
    OMP_NUM_THREADS=1 PYTHONPATH=. ENV/bin/python benchmarks/synthesis_parts.py --gradients

ENV is that of `benchmarks/synthesis.py`; lucent is needed for the second alone. Parts are those of
torch's profiler, by its wall clock times the share of it that the process had of a processor. What
runs inside a part (a copy inside the normalisation, say) counts as that part. The processor's rate
is the best that it reaches in large 3x3 convolutions, the number of operations that of the
network's convolutions and matrix products, forward and back to the image. The figures are in
benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import synthesis
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from generation.networks.network import Network
from generation.synthesis.optimize import optimize
from generation.synthesis.parametrization import FourierImages, initial_spectrum
from generation.synthesis.settings import Target
from generation.synthesis.transforms import RandomTransforms, draw_group
from house.seeds import generator

# The first of these that an event or one around it begins with, seen from the outside.
PARTS = {
    "convolutions": (
        "_Strided", "_Winograd", "aten::conv", "aten::mkldnn_conv", "aten::_slow_conv",
        "autograd::engine::evaluate_function: Conv",
    ),
    "maximum pooling": (
        "_RectifiedMaxima", "aten::max_pool", "autograd::engine::evaluate_function: MaxPool",
    ),
    "local response normalisation": ("_LocalResponse",),
    "similarity": ("_Similarity",),
    "transforms": ("_Moved", "_Taps", "_Turn"),
    "Fourier transforms": ("_Planes", "aten::fft", "aten::_fft"),
    "optimiser": ("Optimizer.step",),
    "copies between layouts and formats": (
        "aten::copy_", "aten::to", "aten::_to_copy", "aten::contiguous", "aten::clone",
    ),
}  # fmt: skip
REST = "the rest"
SEEN = 232
"""Pixels that the network sees on average."""


def part(event: Any) -> str:
    """Find the part that a profiled event belongs to."""
    names = []
    while event is not None:
        names.append(event.name)
        event = event.cpu_parent
    for name in reversed(names):
        for kind, beginnings in PARTS.items():
            if name.startswith(beginnings):
                return kind
    return REST


def profiled(network: Network, layer: str, precision: str, steps: int) -> dict[str, float]:
    """Processor milliseconds a step of every part."""
    profiler = profile(activities=[ProfilerActivity.CPU])
    count = 0
    busy = passed = 0.0

    def on_step() -> None:
        nonlocal count, busy, passed
        count += 1
        if count == synthesis.WARM_UP:
            profiler.start()
            busy, passed = time.process_time(), time.perf_counter()
        if count == synthesis.WARM_UP + steps:
            busy, passed = time.process_time() - busy, time.perf_counter() - passed
            profiler.stop()

    target = Target("unit", synthesis.CHANNEL, 1, synthesis.DIVERSITY)
    settings = synthesis.later(synthesis.WARM_UP + steps, precision)
    optimize(network, layer, [target], settings, synthesis.SEED, on_step)
    found: dict[str, float] = defaultdict(float)
    for event in profiler.events():
        # Other work on the machine stretches all parts alike.
        found[part(event)] += event.self_cpu_time_total / 1e3 / steps * busy / passed
    return found


def operations(network: Network, layer: str) -> float:
    """10^9 operations of the network's convolutions and matrix products, forward and back."""
    # The network as it is: Winograd's method would count as fewer.
    images = torch.rand(synthesis.IMAGES, 3, SEEN, SEEN).requires_grad_()
    with FlopCounterMode(display=False) as counter:
        network.features(images, layer).sum().backward()
    return float(counter.get_total_flops()) / 1e9


def least(work: Callable[[], object], rounds: int = 8) -> float:
    """Least processor milliseconds of some work."""
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return 1e3 * min(spent)


def processor_rate(dtype: torch.dtype) -> float:
    """10^9 operations a second in the best of some large 3x3 convolutions."""
    rates = []
    for channels, side in ((64, 58), (128, 58), (192, 58), (256, 29)):
        x = torch.randn(synthesis.IMAGES, channels, side, side).to(dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        weight = torch.randn(channels, channels, 3, 3).to(dtype)
        done = 2 * 9 * channels**2 * synthesis.IMAGES * side**2
        rates.append(done / 1e6 / least(partial(F.conv2d, x, weight, padding=1)))
    return max(rates)


def alone() -> dict[str, float]:
    """Least milliseconds of rendering and of the transforms, forward and back, by themselves."""
    device = torch.device("cpu")
    render = FourierImages(synthesis.CANVAS, device)
    drawn = initial_spectrum(generator(1), synthesis.IMAGES, synthesis.CANVAS, 0.01)
    spectrum = torch.from_numpy(drawn).requires_grad_()
    images = render(spectrum).detach()[None].requires_grad_()
    transform = RandomTransforms(synthesis.PUBLISHED, device)
    draws = [draw_group(synthesis.PUBLISHED, 1, synthesis.SEED, "unit", 1)]

    def both(source: Tensor, work: Callable[[Tensor], Tensor]) -> float:
        gradient = torch.randn_like(work(source))
        return least(lambda: torch.autograd.grad(work(source), source, gradient))

    scales = [
        both(images, partial(transform, draws=draws, scale_index=scale, step=0))
        for scale in range(len(synthesis.PUBLISHED.scales))
    ]
    return {
        "rendering": both(spectrum, render),
        "transforms, mean of all scales": sum(scales) / len(scales),
    }


def print_parts(name: str, layers: list[str], steps: int) -> None:
    """Print the processor's rate, the parts of a step and what the convolutions reach."""
    network, _ = synthesis.networks(name)
    precisions = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    rates = {precision: processor_rate(dtype) for precision, dtype in precisions.items()}
    for precision, rate in rates.items():
        print(f"{precision}: the processor does {rate:.0f} GFLOP/s")
    for title, milliseconds in alone().items():
        print(f"{title}, alone: {milliseconds:.0f} ms")
    for layer in layers:
        todo = operations(network, layer)
        print(f"\n{layer}, {todo:.1f} GFLOP a step; processor milliseconds a step, profiled\n")
        found = {kind: profiled(network, layer, kind, steps) for kind in precisions}
        print(f"| part | {' | '.join(precisions)} |\n|---|---|---|")
        for title in (*PARTS, REST):
            print(f"| {title} | {' | '.join(f'{found[kind][title]:.0f}' for kind in found)} |")
        print(f"| all | {' | '.join(f'{sum(parts.values()):.0f}' for parts in found.values())} |")
        for kind, parts in found.items():
            reached = todo / parts["convolutions"] * 1e3
            print(
                f"{kind}: convolutions at {reached:.0f} GFLOP/s, {reached / rates[kind]:.0%} of "
                f"the processor's rate, at which they take {todo / rates[kind] * 1e3:.0f} ms"
            )


def print_gradients(layers: list[str], channel: int, steps: int) -> None:
    """Print how far both sides' gradients at the same spectrum differ, for each step's draws."""
    ours, whole = synthesis.networks("squeezenet1_1")
    gradients: list[Tensor] = []

    def stand_still(optimizer: torch.optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            group["lr"] = 0.0

    def keep(optimizer: torch.optim.Optimizer, *_: object) -> None:
        gradients.append(optimizer.param_groups[0]["params"][0].grad.detach().clone())

    register_optimizer_step_pre_hook(stand_still)
    register_optimizer_step_post_hook(keep)
    print("| layer | difference over lucent's gradient, least | most |\n|---|---|---|")
    for layer in layers:
        gradients.clear()
        synthesis.run_lucent(whole, ours, layer, steps, True, channel)
        theirs = list(gradients)
        gradients.clear()
        synthesis.run_ours(ours, layer, steps, "float32", channel)
        pairs = zip(theirs, gradients, strict=True)
        apart = [float((a - b).norm() / a.norm()) for a, b in pairs]
        print(f"| {layer} | {min(apart):.1e} | {max(apart):.1e} |", flush=True)


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=list(synthesis.DEPTHS), default="inception_v1")
    parser.add_argument("--layers", nargs="+", help="four from early to late by default")
    parser.add_argument("--steps", type=int, default=5, help="after eight to warm up")
    parser.add_argument("--gradients", action="store_true", help="of SqueezeNet, beside lucent's")
    parser.add_argument("--channel", type=int, default=40, help="whose gradients are compared")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if options.gradients:
        layers = options.layers or list(synthesis.DEPTHS["squeezenet1_1"])
        print_gradients(layers, options.channel, options.steps)
    else:
        layers = options.layers or list(synthesis.DEPTHS[options.network])
        print_parts(options.network, layers, options.steps)


if __name__ == "__main__":
    main()
