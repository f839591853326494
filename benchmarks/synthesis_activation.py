"""Whether images made here activate their unit as strongly as lucent's do.

    OMP_NUM_THREADS=1 PYTHONPATH=. ENV/bin/python benchmarks/synthesis_activation.py RECORD.jsonl

ENV and both sides' settings are those of `benchmarks/synthesis.py`; the network is SqueezeNet with
its trained weights. Each unit, drawn without replacement from a layer's, has a spectrum and draws
of its own, the same for everybody. Adam divides the first gradients by their own size, so that the
last bits of a sum decide where an image goes, and one unit tells nothing: the runs are many, and
lucent is compared with itself from a spectrum larger by a millionth ("again"), which shows what
chance alone does. A difference is told as a share of lucent's rise over the activation of the first
spectrum, for units that rise: where diversity outweighs the activation, it may fall for everybody.

The record has a line a unit; a run that was stopped goes on, and more units are added to it.
The table is in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import synthesis
import torch

from generation.networks.network import Network
from generation.synthesis.measuring import as_shown, measure
from generation.synthesis.parametrization import FourierImages, initial_spectrum
from house.seeds import generator

NETWORK = "squeezenet1_1"
KINDS = ("lucent", "again", "float32", "bfloat16")
NUDGE = 1e-6
# Shares of a rise that is smaller than this part of the layer's largest are all noise.
LEAST_RISE = 0.1
RESAMPLES = 10_000


def compare(
    network: Network,
    whole: synthesis.Whole,
    layer: str,
    channel: int,
    steps: int,
    diversity: float,
    seed: int,
) -> dict[str, float]:
    """Give the activation of the first images and of everybody's last ones."""
    spectrum = initial_spectrum(
        generator(seed, "spectrum", "unit", 1), synthesis.IMAGES, synthesis.CANVAS, 0.01
    )
    with torch.no_grad():
        first = FourierImages(synthesis.CANVAS, torch.device("cpu"))(torch.from_numpy(spectrum))
    shown = as_shown(first, synthesis.CROP)
    found = {"first": float(measure(network, shown, layer)[:, channel].mean())}
    for kind, nudge in (("lucent", 0.0), ("again", NUDGE)):
        found[kind] = synthesis.run_lucent(
            whole, network, layer, steps, True, channel, diversity, seed, nudge
        )[1]
    for kind in ("float32", "bfloat16"):
        found[kind] = synthesis.run_ours(network, layer, steps, kind, channel, diversity, seed)[1]
    return found


def rises(lines: Sequence[Mapping[str, Any]], kind: str) -> npt.NDArray[np.float64]:
    """Give (units,) how much each rose over the first images."""
    return np.array([line[kind] - line["first"] for line in lines])


def interval(values: npt.NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float]:
    """Give the middle 95 % of the mean of `values` (n,) drawn anew."""
    drawn = rng.choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def report(lines: Sequence[Mapping[str, Any]], layers: Sequence[str]) -> None:
    """Print a row a layer and one of all: mean difference, interval, units above lucent."""
    rng = np.random.default_rng(0)
    print("| layer | units | " + " | ".join(KINDS[1:]) + " |\n|---|---|---|---|---|")
    shares: dict[str, list[npt.NDArray[np.float64]]] = {kind: [] for kind in KINDS[1:]}
    for layer in layers:
        mine = [line for line in lines if line["layer"] == layer]
        rise = rises(mine, "lucent")
        answers = rise > LEAST_RISE * max(rise.max(), 0.0)
        if not answers.all():
            print(f"| {layer} | {(~answers).sum()} of {len(mine)} hardly rise: left out | | | |")
        if not answers.any():
            continue
        for kind in KINDS[1:]:
            shares[kind].append(((rises(mine, kind) - rise) / rise)[answers])
        row(layer, [shares[kind][-1] for kind in KINDS[1:]], rng)
    row("all", [np.concatenate(shares[kind]) for kind in KINDS[1:]], rng)


def row(name: str, shares: Sequence[npt.NDArray[np.float64]], rng: np.random.Generator) -> None:
    """Print one."""
    cells = []
    for values in shares:
        low, high = interval(values, rng)
        cells.append(
            f"{values.mean():+.1%} [{low:+.1%}, {high:+.1%}], {np.mean(values > 0):.0%} above"
        )
    print(f"| {name} | {len(shares[0])} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Go through the units and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("--layers", nargs="+", default=list(synthesis.DEPTHS[NETWORK]))
    parser.add_argument("--units", type=int, default=8, help="of each layer")
    parser.add_argument("--steps", type=int, default=96)
    parser.add_argument("--diversity", type=float, default=synthesis.DIVERSITY)
    parser.add_argument("--seed", type=int, default=synthesis.SEED)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    network, whole = synthesis.networks(NETWORK)
    sizes = {layer.name: layer.channels for layer in network.spec.layers}
    lines = []
    if options.record.exists():
        lines = [json.loads(line) for line in options.record.read_text().splitlines()]
    setting = {"steps": options.steps, "diversity": options.diversity}
    lines = [line for line in lines if setting.items() <= line.items()]
    done = {(line["layer"], line["channel"]) for line in lines}
    order = {
        layer: np.random.default_rng(options.seed).permutation(sizes[layer])
        for layer in options.layers
    }
    for place in range(options.units):
        for layer in options.layers:
            channel = int(order[layer][place])
            if (layer, channel) in done:
                continue
            begun = time.perf_counter()
            seed = options.seed + place
            found = compare(network, whole, layer, channel, options.steps, options.diversity, seed)
            line = {"layer": layer, "channel": channel, **setting, **found}
            lines.append(line)
            with options.record.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{layer}/{channel}: {time.perf_counter() - begun:.0f} s", flush=True)
    print(
        f"\n{NETWORK}, {options.steps} steps, diversity {options.diversity:g}: "
        "rise of the activation against lucent's\n"
    )
    report(lines, options.layers)


if __name__ == "__main__":
    main()
