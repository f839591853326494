"""How often the machine observer is right, what chance is, and how many trials it answers a second.

    OMP_NUM_THREADS=1 python benchmarks/machine.py [BANK] [--pairs]

With --pairs the control is taken apart: how often a unit's queries are judged rightly by another
unit's natural references, by whether the two units share exemplars on the same side or on opposite
ones.

Nothing is written into the bank. Processor time of one thread, so that other work on the machine
does not count, and time by the clock. Prints a section of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
# Python looks beside a script first.
sys.path[0] = str(ROOT)

from generation.networks.network import load_network  # noqa: E402
from generation.prediction.observer import decide, judge, predict  # noqa: E402
from generation.prediction.similarity import EmbeddedDistances, PerceptualFeatures  # noqa: E402
from house.provenance import machine, software_versions  # noqa: E402
from house.seeds import generator  # noqa: E402
from stimuli import SIGNS, StimulusBank  # noqa: E402
from stimuli.machine import SCHEMES  # noqa: E402
from stimuli.machine_summary import summarise  # noqa: E402

GIB = 1 << 30


class TimedFeatures(PerceptualFeatures):
    """Features of the default similarity, with the processor's time that they took."""

    seconds = 0.0

    def embed(self, images: np.ndarray) -> torch.Tensor:
        """Embed as usual."""
        began = time.process_time()
        found = super().embed(images)
        self.seconds += time.process_time() - began
        return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "bank", nargs="?", type=Path, default=ROOT / "stimuli" / "banks" / "demo.h5"
    )
    parser.add_argument("--shuffles", type=int, nargs="+", default=[10, 0])
    parser.add_argument("--memory", type=float, default=1.0, help="GiB for features")
    parser.add_argument("--pairs", action="store_true", help="take the control apart")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    network = load_network("squeezenet1_1")
    rows, first = [], None
    for shuffles in given.shuffles:
        features = TimedFeatures(network)
        similarity = EmbeddedDistances(features, int(given.memory * GIB))
        with StimulusBank(given.bank) as bank:
            began = time.process_time()
            made = predict(bank, similarity, "benchmark", shuffles=shuffles)
            spent = time.process_time() - began
            units, name = len(bank.units), bank.name
        first = first or made
        rows.append(
            (
                shuffles, f"{made.trials:,}", f"{spent:.1f} s", f"{made.trials / spent:.0f}",
                f"{made.seconds:.1f} s", f"{made.rate:.0f}",
                f"{similarity.embedded:,} ({features.seconds:.1f} s)",
            )
        )  # fmt: skip
    assert first is not None
    versions = software_versions(("torch", "numpy", "h5py"))
    print(f"{name}: {units} units; {machine()['processor']}, one thread; load "
          f"{os.getloadavg()[0]:.1f}; "
          + ", ".join(f"{k} {v}" for k, v in versions.items()))  # fmt: skip
    print()
    table(
        ("condition", "scheme", "trials", "right", "with other units' references",
         "with its own, dealt at random"),
        [
            (x.condition, x.scheme, f"{x.trials:,}", x.own, x.shuffled, x.dealt)
            for x in summarise(first.prediction)
        ],
    )  # fmt: skip
    print()
    table(
        ("other units", "trials", "processor", "trials/s", "clock", "trials/s",
         "images embedded (processor)"),
        rows,
    )  # fmt: skip
    if given.pairs:
        with StimulusBank(given.bank) as bank:
            similarity = EmbeddedDistances(PerceptualFeatures(network), int(given.memory * GIB))
            print()
            table(
                ("pairs of units", "number", "right by the other's references"),
                list(pairs(bank, similarity, max(given.shuffles))),
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory {peak:.0f} MB.")


def pairs(
    bank: StimulusBank, similarity: EmbeddedDistances, others: int
) -> Iterator[tuple[str, str, str]]:
    """Give the share of right choices (natural, Min+Max 9) by what two units share.

    A pair's agreement is the number of exemplars that are extreme for both units on the same side
    less that of those on opposite sides.
    """
    names = [unit.unit_id for unit in bank.units]
    extremes = [[set(bank.exemplars(name, sign)) for sign in SIGNS] for name in names]
    order = generator(0, "machine observer", "pairs").permutation(len(names))
    found: list[tuple[int, float]] = []
    for place, row in enumerate(order):
        group = [int(order[(place + k) % len(order)]) for k in range(others + 1)]
        right = np.zeros(others)
        for condition, _, distances in judge(bank, similarity, [names[u] for u in group]):
            if condition == 0:
                right += decide(distances)[1:, SCHEMES.index("Min+Max 9")] > 0
        own = extremes[row]
        for k, other in enumerate(group[1:]):
            shared = [[len(a & b) for b in extremes[other]] for a in own]
            agreement = shared[0][0] + shared[1][1] - shared[0][1] - shared[1][0]
            found.append((agreement, float(right[k]) / bank.n_batches))
    agreement, share = (np.array(values) for values in zip(*found, strict=True))
    kinds = (
        ("share more on opposite sides", agreement < 0),
        ("as much on both, or nothing", agreement == 0),
        ("share more on the same side", agreement > 0),
        ("all", np.ones(len(agreement), bool)),
    )
    random = generator(0, "machine observer", "pairs", "bootstrap")
    for name, own in kinds:
        values = share[own]
        if not len(values):
            continue
        drawn = values[random.integers(len(values), size=(2000, len(values)))].mean(axis=1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        yield name, f"{len(values):,}", f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table in Markdown."""
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


if __name__ == "__main__":
    main()
