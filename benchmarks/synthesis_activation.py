"""Whether images made here activate their unit as strongly as lucent's do.

    OMP_NUM_THREADS=1 PYTHONPATH=. ENV/bin/python benchmarks/synthesis_activation.py RECORD.jsonl

ENV and both sides' settings are those of `benchmarks/synthesis.py`; the network is SqueezeNet with
its trained weights. Each unit, drawn without replacement from a layer's, has a spectrum and draws
of its own, the same for everybody. Adam divides the first gradients by their own size, so that the
last bits of a sum decide where an image goes, and one run tells nothing: single units of a late
layer end up to a tenth apart. So the units are many, everybody runs twice, the second time from a
spectrum larger by a millionth ("again"), the means of both runs are compared, and how far lucent's
two runs are apart shows what chance alone does. A difference is told as a share of lucent's rise
over the activation of the first spectrum, for units that rise: where diversity outweighs the
activation, it may fall for everybody. The objective, which is what everybody maximises, is compared
alike.

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
from generation.synthesis.measuring import as_shown
from generation.synthesis.parametrization import FourierImages, initial_spectrum
from house.seeds import generator

NETWORK = "squeezenet1_1"
KINDS = ("lucent", "float32", "bfloat16")
AGAIN = " again"
OBJECTIVE = " objective"
RUNS = tuple(kind + which for kind in KINDS for which in ("", AGAIN))
NUDGE = 1e-6
NUDGES = (0, 1e-6, 2e-6, -1e-6, 3e-6, -2e-6, 1e-5, -1e-5)
# Shares of a rise that is smaller than this part of the layer's largest are all noise.
LEAST_RISE = 0.1
RESAMPLES = 10_000


def first(
    network: Network, layer: str, channel: int, diversity: float, seed: int
) -> synthesis.Reached:
    """Measure the images that everybody begins with."""
    spectrum = initial_spectrum(
        generator(seed, "spectrum", "unit", 1), synthesis.IMAGES, synthesis.CANVAS, 0.01
    )
    with torch.no_grad():
        images = FourierImages(synthesis.CANVAS, torch.device("cpu"))(torch.from_numpy(spectrum))
    shown = as_shown(images, synthesis.CROP)
    return synthesis.reached(network, shown, layer, channel, diversity)


def last(
    side: str,
    nudge: float,
    network: Network,
    whole: synthesis.Whole,
    layer: str,
    channel: int,
    options: argparse.Namespace,
    seed: int,
) -> synthesis.Reached:
    """Measure the images that one side ends with."""
    if side == "lucent":
        return synthesis.run_lucent(
            whole, network, layer, options.steps, True, channel, options.diversity, seed, nudge
        )[1]
    return synthesis.run_ours(
        network, layer, options.steps, side, channel, options.diversity, seed, nudge=nudge
    )[1]


def noted(run: str, reached: synthesis.Reached) -> dict[str, float]:
    """Write down what a run has reached."""
    return {run: reached.activation, run + OBJECTIVE: reached.objective}


def rises(lines: Sequence[Mapping[str, Any]], what: str, *runs: str) -> npt.NDArray[np.float64]:
    """Give (units,) how much each rose over the first images, on the mean of some runs."""
    return np.array(
        [np.mean([line[run + what] for run in runs]) - line["first" + what] for line in lines]
    )


def interval(values: npt.NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float]:
    """Give the middle 95 % of the mean of `values` (n,) drawn anew."""
    drawn = rng.choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def report(lines: Sequence[Mapping[str, Any]], layers: Sequence[str], what: str) -> None:
    """Print a row a layer and one of all: mean difference, interval, units above lucent."""
    rng = np.random.default_rng(0)
    columns = ["lucent's second run", *KINDS[1:]]
    print(f"| layer | units | {' | '.join(columns)} |\n|---|---|---|---|---|")
    shares: dict[str, list[npt.NDArray[np.float64]]] = {kind: [] for kind in columns}
    for layer in layers:
        mine = [line for line in lines if line["layer"] == layer]
        rise = rises(mine, what, KINDS[0], KINDS[0] + AGAIN)
        answers = rise > LEAST_RISE * max(rise.max(), 0.0)
        if not answers.all():
            print(f"| {layer} | {(~answers).sum()} of {len(mine)} hardly rise: left out | | | |")
        if not answers.any():
            continue
        differences = [rises(mine, what, KINDS[0] + AGAIN) - rises(mine, what, KINDS[0])]
        differences += [rises(mine, what, kind, kind + AGAIN) - rise for kind in KINDS[1:]]
        for column, difference in zip(columns, differences, strict=True):
            shares[column].append((difference / rise)[answers])
        row(layer, [shares[column][-1] for column in columns], rng)
    if not shares[columns[0]]:
        return
    row("all", [np.concatenate(shares[column]) for column in columns], rng)


def row(name: str, shares: Sequence[npt.NDArray[np.float64]], rng: np.random.Generator) -> None:
    """Print one."""
    cells = []
    for values in shares:
        low, high = interval(values, rng)
        cells.append(
            f"{values.mean():+.1%} [{low:+.1%}, {high:+.1%}], {np.mean(values > 0):.0%} above"
        )
    print(f"| {name} | {len(shares[0])} | " + " | ".join(cells) + " |", flush=True)


def scatter(
    network: Network,
    whole: synthesis.Whole,
    unit: tuple[str, int, int],
    options: argparse.Namespace,
) -> None:
    """Print what every side reaches with one unit from spectra nudged by nearly nothing."""
    layer, channel, seed = unit
    for side in [kind for kind in KINDS if kind in options.kinds]:
        ends = []
        for nudge in NUDGES[: options.runs]:
            made = last(side, nudge, network, whole, layer, channel, options, seed)
            ends.append(made.activation)
            print(f"{layer}/{channel}, {side}, {nudge:+.0e}: {ends[-1]:.1f}", flush=True)
        print(f"{side}: {min(ends):.0f} to {max(ends):.0f}, mean {np.mean(ends):.0f}", flush=True)


def main() -> None:
    """Go through the units and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("--layers", nargs="+", default=list(synthesis.DEPTHS[NETWORK]))
    parser.add_argument("--kinds", nargs="+", choices=RUNS, default=RUNS)
    parser.add_argument("--units", type=int, default=8, help="of each layer")
    parser.add_argument("--steps", type=int, default=96)
    parser.add_argument("--diversity", type=float, default=synthesis.DIVERSITY)
    parser.add_argument("--seed", type=int, default=synthesis.SEED)
    parser.add_argument("--scatter", help="LAYER/CHANNEL of one of the units: these runs alone")
    parser.add_argument("--runs", type=int, default=len(NUDGES), help="of each side then")
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
    if options.scatter:
        (unit,) = (unit for unit in units if f"{unit[0]}/{unit[1]}" == options.scatter)
        scatter(network, whole, unit, options)
        return
    for layer, channel, seed in units:
        found = known.setdefault(
            (layer, channel),
            noted("first", first(network, layer, channel, options.diversity, seed)),
        )
        for kind in options.kinds:
            if kind in found:
                continue
            begun = time.perf_counter()
            nudge = NUDGE if kind.endswith(AGAIN) else 0.0
            side = kind.removesuffix(AGAIN)
            made = last(side, nudge, network, whole, layer, channel, options, seed)
            found |= noted(kind, made)
            found |= {"layer": layer, "channel": channel, **setting}
            with options.record.open("a") as file:
                file.write(json.dumps(found) + "\n")
            print(f"{layer}/{channel}, {kind}: {time.perf_counter() - begun:.0f} s", flush=True)
    lines = [known[layer, channel] for layer, channel, _ in units]
    if not all(set(RUNS) <= set(line) for line in lines):
        print("Not all are made yet: give the other kinds.")
        return
    for what in ["", OBJECTIVE] if options.diversity else [""]:
        print(
            f"\n{NETWORK}, {options.steps} steps, diversity {options.diversity:g}: "
            f"rise of the {what.strip() or 'activation'} against lucent's\n"
        )
        report(lines, options.layers, what)


if __name__ == "__main__":
    main()
