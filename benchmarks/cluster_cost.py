"""What banks of whole networks cost on 1 to 256 GPUs: a model and a simulated schedule.

    python benchmarks/cluster_cost.py [--images-per-second RATE] [--card NAME --peak TFLOPS]

Without a measured rate the GPU is modelled: the floating-point operations of the truncated
network, forward and back to its input, over a share of the card's peak. With one (images a
second, forward and back to the input through the whole of InceptionV1 at 224 pixels, as synthesis
does it) everything is scaled from that. The table is in docs/cluster.md.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from generation.natural.shard_plan import shard_length

GPUS = (1, 4, 16, 64, 256)
# InceptionV1: units of a layer, and multiply-adds (10^9) up to it at 224 pixels.
LAYERS = (
    (256, 0.61),
    (480, 0.91),
    (508, 0.98),
    (512, 1.07),
    (512, 1.17),
    (528, 1.29),
    (832, 1.46),
    (832, 1.51),
    (1024, 1.58),
)
# Whole forward passes, 10^9 multiply-adds at 224 pixels: torchvision's figures for its models;
# CLIP's ResNet-50 by its authors' architecture.
NETWORKS = {
    "InceptionV1": 1.58,
    "ResNet-50": 4.09,
    "robust ResNet-50": 4.09,
    "Wide ResNet-50": 11.40,
    "DenseNet-201": 4.29,
    "ConvNeXt-B": 15.36,
    "ViT-B/32": 4.41,
    "CLIP ResNet-50": 6.1,
    "CLIP ViT-B/32": 4.41,
}
# Sides that reach the network by the published transforms.
SIDES = (232, 226, 238, 220, 243)


@dataclass(frozen=True)
class Machine:
    """What one GPU and its share of a machine do; all but `decoding` is assumed."""

    flops: float
    cores: int = 16
    # Measured, images a second and core: the decoder alone in benchmarks/exemplars.py.
    decoding: float = 439.0
    start: float = 30.0
    disk: float = 1e9
    task: float = 0.01


@dataclass(frozen=True)
class Work:
    """A bank of all units of a network."""

    multiply_adds: float
    photographs: int = 1_281_167
    images: int = 20
    steps: int = 2561
    units_per_pass: int = 8
    ranks: int = 200
    images_per_pass: int = 64

    def layers(self) -> list[tuple[int, float]]:
        """Units and multiply-adds up to each layer; other networks like InceptionV1, scaled."""
        scale = self.multiply_adds / LAYERS[-1][1]
        return [(units, 1e9 * scale * cost) for units, cost in LAYERS]

    def units(self) -> int:
        """Number of units."""
        return sum(units for units, _ in LAYERS)


def synthesis_tasks(work: Work, machine: Machine) -> list[float]:
    """Seconds of every portion: units of one layer that are optimised together."""
    area = sum(side**2 for side in SIDES) / len(SIDES) / 224**2
    seconds = []
    for units, multiply_adds in work.layers():
        # Two operations a multiply-add; the gradient of the input costs as much as the pass.
        one = 2 * 2 * multiply_adds * area * work.images * work.steps / machine.flops
        whole, rest = divmod(units, work.units_per_pass)
        seconds += [one * work.units_per_pass] * whole + ([one * rest] if rest else [])
    return seconds


def recording_tasks(work: Work, machine: Machine, gpus: int) -> list[float]:
    """Seconds of every shard: the network's pass, or decoding where that takes longer."""
    length = shard_length(work.photographs, gpus, work.images_per_pass, 16 * 64)
    forward = 2 * work.layers()[-1][1] / machine.flops
    one = max(forward, 1 / (machine.cores * machine.decoding))
    full, rest = divmod(work.photographs, length)
    return [one * length] * full + ([one * rest] if rest else [])


def makespan(tasks: Iterable[float], workers: int, overhead: float) -> float:
    """End of the last task where each goes to whoever is free first, in order."""
    free = [0.0] * workers
    last = 0.0
    for seconds in tasks:
        end = heapq.heappop(free) + seconds + overhead
        last = max(last, end)
        heapq.heappush(free, end)
    return last


def bank_bytes(work: Work) -> float:
    """Pictures of the bank: synthetic ones, and as many photographs as units share by chance."""
    drawn = 2 * work.ranks * work.units()
    shown = work.photographs * -math.expm1(-drawn / work.photographs)
    return 3 * 224**2 * (work.units() * work.images + shown)


def build(work: Work, machine: Machine, gpus: int) -> tuple[float, float]:
    """Seconds of a whole build, and of GPUs at work in it."""
    recording = recording_tasks(work, machine, gpus)
    synthesis = synthesis_tasks(work, machine)
    # Shards: 16 bytes a unit and rank, read and written once a level of the tree.
    merging = 3 * 2 * 16 * work.ranks * work.units() * len(recording) / 8 / machine.disk
    size = bank_bytes(work)
    # One process decodes what is shown, writes it, and reads it to verify.
    decoding = size / (3 * 224**2) / (machine.cores * machine.decoding)
    alone = decoding + 2 * size / machine.disk
    together = makespan(recording, gpus, machine.task) + makespan(synthesis, gpus, machine.task)
    return machine.start + together + merging + alone, sum(recording) + sum(synthesis)


def hours(seconds: float) -> str:
    """Two figures are enough for a model."""
    value = seconds / 3600
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def table(rows: Sequence[tuple[str, list[Work]]], machine: Machine) -> None:
    """Print hours by number of GPUs, and GPU-hours."""
    print(
        "| what | GPU-hours of work | "
        + " | ".join(f"{n} GPU{'s' * (n > 1)}, h" for n in GPUS)
        + " |"
    )
    print("|---" * (2 + len(GPUS)) + "|")
    for name, works in rows:
        busy = sum(build(work, machine, 1)[1] for work in works)
        spent = [sum(build(work, machine, n)[0] for work in works) for n in GPUS]
        print(f"| {name} | {hours(busy)} | " + " | ".join(hours(s) for s in spent) + " |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--card", default="A100")
    parser.add_argument("--peak", type=float, default=312.0, help="dense bfloat16, TFLOP/s")
    parser.add_argument("--share", type=float, default=0.15, help="of the peak that is reached")
    parser.add_argument("--images-per-second", type=float, help="measured; see above")
    parser.add_argument("--cores", type=int, default=16, help="processor cores beside each GPU")
    arguments = parser.parse_args()
    if arguments.images_per_second:
        flops = arguments.images_per_second * 2 * 2 * LAYERS[-1][1] * 1e9
        print(f"Measured: {arguments.images_per_second:g} images a second, forward and back.")
    else:
        flops = arguments.peak * 1e12 * arguments.share
        print(f"Modelled: {arguments.card}, {arguments.share:.0%} of {arguments.peak:g} TFLOP/s.")
    machine = Machine(flops, cores=arguments.cores)
    one = NETWORKS["InceptionV1"]
    all_networks = list(NETWORKS.values())
    rows = [
        ("InceptionV1, 512 steps, 18 images", [Work(one, images=18, steps=512)]),
        ("InceptionV1, 2,561 steps, 20 images (published)", [Work(one)]),
        (
            "nine networks, 512 steps, 18 images",
            [Work(n, images=18, steps=512) for n in all_networks],
        ),
        ("nine networks, 2,561 steps, 20 images", [Work(n) for n in all_networks]),
    ]
    table(rows, machine)
    print(f"A bank of 200 ranks takes {bank_bytes(Work(one)) / 1e9:,.0f} GB.")


if __name__ == "__main__":
    main()
