"""Whether images made here activate their unit as strongly as lucent's do.

    OMP_NUM_THREADS=1 PYTHONPATH=. ENV/bin/python benchmarks/synthesis_activation.py RECORD.jsonl

ENV and both sides' settings are those of `benchmarks/synthesis.py`; the network is SqueezeNet with
its trained weights. Each unit, drawn without replacement from a layer's, has a spectrum and draws
of its own, the same for everybody. Adam divides the first gradients by their own size, so that the
last bits of a sum decide where an image goes, and one unit tells nothing: the runs are many, and
lucent is compared with itself from a spectrum larger by a millionth ("again"), which shows what
chance alone does. A difference is told as a share of lucent's rise over the activation of the first
spectrum, for units that rise: where diversity outweighs the activation, it may fall for everybody.

The record keeps what was made: a run that was stopped goes on, more units are added, and both
sides can be made at different times (`--kinds`). The table is in benchmarks/RESULTS.md.
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


def first_activation(network: Network, layer: str, channel: int, seed: int) -> float:
    """Give the activation of the images that everybody begins with."""
    spectrum = initial_spectrum(
        generator(seed, "spectrum", "unit", 1), synthesis.IMAGES, synthesis.CANVAS, 0.01
    )
    with torch.no_grad():
        images = FourierImages(synthesis.CANVAS, torch.device("cpu"))(torch.from_numpy(spectrum))
    shown = as_shown(images, synthesis.CROP)
    return float(measure(network, shown, layer)[:, channel].mean())


def last_activation(
    kind: str,
    network: Network,
    whole: synthesis.Whole,
    layer: str,
    channel: int,
    options: argparse.Namespace,
    seed: int,
) -> float:
    """Give the activation of the images that one side ends with."""
    if kind in ("lucent", "again"):
        nudge = NUDGE if kind == "again" else 0.0
        return synthesis.run_lucent(
            whole, network, layer, options.steps, True, channel, options.diversity, seed, nudge
        )[1]
    return synthesis.run_ours(
        network, layer, options.steps, kind, channel, options.diversity, seed
    )[1]


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
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--units", type=int, default=8, help="of each layer")
    parser.add_argument("--steps", type=int, default=96)
    parser.add_argument("--diversity", type=float, default=synthesis.DIVERSITY)
    parser.add_argument("--seed", type=int, default=synthesis.SEED)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    network, whole = synthesis.networks(NETWORK)
    sizes = {layer.name: layer.channels for layer in network.spec.layers}
    setting = {"steps": options.steps, "diversity": options.diversity}
    known: dict[tuple[str, int], dict[str, Any]] = {}
    if options.record.exists():
        for text in options.record.read_text().splitlines():
            line = json.loads(text)
            if setting.items() <= line.items():
                known.setdefault((line["layer"], line["channel"]), {}).update(line)
    order = {
        layer: np.random.default_rng(options.seed).permutation(sizes[layer])
        for layer in options.layers
    }
    units = [
        (layer, int(order[layer][place]), options.seed + place)
        for place in range(options.units)
        for layer in options.layers
    ]
    for layer, channel, seed in units:
        found = known.setdefault(
            (layer, channel),
            {"first": first_activation(network, layer, channel, seed)},
        )
        for kind in options.kinds:
            if kind in found:
                continue
            begun = time.perf_counter()
            found[kind] = last_activation(kind, network, whole, layer, channel, options, seed)
            found |= {"layer": layer, "channel": channel, **setting}
            with options.record.open("a") as file:
                file.write(json.dumps(found) + "\n")
            print(f"{layer}/{channel}, {kind}: {time.perf_counter() - begun:.0f} s", flush=True)
    lines = [known[layer, channel] for layer, channel, _ in units]
    if not all(set(KINDS) <= set(line) for line in lines):
        print("Not all are made yet: give the other kinds.")
        return
    print(
        f"\n{NETWORK}, {options.steps} steps, diversity {options.diversity:g}: "
        "rise of the activation against lucent's\n"
    )
    report(lines, options.layers)


if __name__ == "__main__":
    main()
