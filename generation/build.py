"""The order of work: check the network, photographs, synthesis, writing, verification."""

from __future__ import annotations

import datetime
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from generation.accuracy import check_network
from generation.assignment import deal
from generation.exemplars import RunningExtremes, record
from generation.networks import Network, NetworkSpec, load_network
from generation.photographs import Pool, listing_sha256, open_pool, require
from generation.progress_files import WorkFolder, key_of
from generation.recipe import Recipe
from generation.synthesis.optimize import Optimized, Target, optimize, resolve_precision
from generation.units import select_units
from house.errors import UserError
from house.provenance import git_commit, machine, software_versions
from house.seeds import generator
from stimuli import SIGNS, BankWriter, StimulusBank, Unit, verify_bank

# Raised when a change of this code changes the images that a recipe makes.
ALGORITHM = 1


class Reporter(Protocol):
    """Who is told how the work goes on; see `generation.reporting`."""

    def stage(self, name: str, total: int) -> Callable[[int], None]:
        """Begin a stage of `total` parts; the returned function is told of finished ones."""
        ...

    def say(self, text: str) -> None:
        """Give one line of news."""
        ...


@dataclass(frozen=True)
class Built:
    """What a build made.

    Attributes
    ----------
    fresh : bool
        False where an identical bank lay there already and nothing was done.
    beating : float
        Share of units and signs whose synthetic images, on average, are more extreme than the
        most extreme photograph.
    """

    path: Path
    content_sha256: str
    fresh: bool
    beating: float


@dataclass(frozen=True)
class _Natural:
    """All units' exemplars: indices and activations (U, 2, R); ranks in batches (U, 2, B, P)."""

    indices: np.ndarray[Any, np.dtype[np.int64]]
    activations: np.ndarray[Any, np.dtype[np.float32]]
    ranks: np.ndarray[Any, np.dtype[np.int32]]


def choose_device() -> torch.device:
    """Take the GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def build(
    recipe: Recipe,
    spec: NetworkSpec,
    recipe_text: str,
    out: Path,
    reporter: Reporter,
    *,
    replace: bool = False,
) -> Built:
    """Build a bank, or go on where an earlier call was interrupted.

    Parameters
    ----------
    recipe, spec, recipe_text
        From `generation.recipe.load_recipe`.
    out : Path
        The bank.
    reporter : Reporter
    replace : bool
        Whether a bank that was made otherwise may be replaced.

    Raises
    ------
    UserError
        For everything a person can mend. Finished units stay in ``out.work`` and are taken up
        by the next call.
    """
    started = time.monotonic()
    # Numbers too small for the normal format slow a processor down a hundredfold.
    torch.set_flush_denormal(True)
    device = choose_device()
    precision = resolve_precision(recipe.synthesis.precision, device)
    units = select_units(recipe, spec)
    pool = open_pool(recipe.natural, recipe.synthesis.image_size)
    checksums = pool.checksums()
    base = {
        "algorithm": ALGORITHM,
        "network": spec.name,
        "weights": spec.weights_sha256,
        "synthesis": recipe.synthesis.model_dump(mode="json"),
        "precision": precision,
        "seed": recipe.seed,
        "torch": torch.__version__,
        "device": device.type,
    }
    build_key = key_of(
        {
            **base,
            "recipe": recipe.model_dump(mode="json", exclude={"description"}),
            "photographs": listing_sha256(pool.photographs, checksums),
        }
    )
    if (found := _existing(out, build_key, replace)) is not None:
        return found
    work = WorkFolder(out)
    _check_writable(out.parent)

    network = load_network(spec.name, device)
    checked = reporter.stage("checking the network", 1)
    accuracy = check_network(network)
    checked(1)
    reporter.say(
        f"{spec.name} names {accuracy.top1:.0%} of {accuracy.photographs} labelled photographs "
        f"at once and {accuracy.top5:.0%} within five guesses"
    )
    natural = _find_exemplars(recipe, network, units, pool, reporter)
    synthetic = _synthesise(recipe, network, units, natural, precision, base, work, reporter)
    beating = _share_beating(synthetic, natural)
    provenance = {
        "build_key": build_key,
        "seed": recipe.seed,
        "network": spec.name,
        "weights_sha256": spec.weights_sha256,
        "weights_licence": spec.licence,
        "accuracy": {
            "photographs": accuracy.photographs,
            "top1": round(accuracy.top1, 4),
            "top5": round(accuracy.top5, 4),
        },
        "photographs": recipe.natural.photographs,
        "photographs_sha256": listing_sha256(pool.photographs, checksums),
        "photographs_listed": len(pool.photographs),
        "photographs_unreadable": [
            pool.photographs[index].name for index in sorted(pool.unreadable)
        ],
        "precision": precision,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "share_beating_photographs": round(beating, 4),
        "software": software_versions(["torch", "numpy", "h5py", "pillow"]),
        "machine": machine(),
        "git_commit": git_commit(),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 1),
    }
    _write(recipe, recipe_text, units, pool, checksums, natural, synthetic, provenance, out)
    verification = verify_bank(out)
    if not verification.ok:
        out.unlink()
        raise UserError(
            "the bank just written does not verify and was deleted: "
            + "; ".join(verification.problems),
            where=str(out),
        )
    for warning in verification.warnings:
        reporter.say(f"note: {warning}")
    work.remove()
    return Built(out, verification.content_sha256, True, beating)


def _existing(out: Path, build_key: str, replace: bool) -> Built | None:
    if not out.exists():
        return None
    try:
        with StimulusBank(out) as bank:
            if bank.provenance.get("build_key") == build_key:
                whole = bank.compute_content_sha256() == bank.content_sha256
                if whole:
                    share = float(bank.provenance["share_beating_photographs"])
                    return Built(out, bank.content_sha256, False, share)
    except UserError:
        if not replace:
            raise
    if replace:
        return None
    raise UserError(
        "there is a bank already, made from another recipe, other photographs or other software",
        where=str(out),
        remedy="Choose another --out, or replace it with --force.",
    )


def _check_writable(folder: Path) -> None:
    """Find out before hours of work that the result cannot be stored."""
    probe = folder / f".{secrets.token_hex(4)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"cannot write to this folder ({error.strerror})",
            where=str(folder),
            remedy="Choose another with --out.",
        ) from error


def _find_exemplars(
    recipe: Recipe, network: Network, units: Sequence[Unit], pool: Pool, reporter: Reporter
) -> _Natural:
    settings = recipe.natural
    layers = [
        layer.name
        for layer in network.spec.layers
        if any(unit.layer == layer.name for unit in units)
    ]
    extremes = record(
        network,
        pool,
        layers,
        settings.ranks,
        settings.images_per_pass,
        reporter.stage("photographs", len(pool.photographs)),
    )
    readable = len(pool.photographs) - len(pool.unreadable)
    require(readable, settings, settings.photographs)
    if pool.unreadable:
        reporter.say(f"{len(pool.unreadable)} photographs could not be read and were left out")
    indices, activations = _extremes_of(units, extremes)
    ranks = np.stack(
        [
            [
                deal(
                    settings.batches,
                    settings.positions,
                    generator(recipe.seed, "batches", unit.unit_id, sign),
                )
                for sign in SIGNS
            ]
            for unit in units
        ]
    )
    return _Natural(indices, activations, ranks)


def _extremes_of(
    units: Sequence[Unit], extremes: dict[str, RunningExtremes]
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.float32]]]:
    found = [extremes[unit.layer].of(unit.channel) for unit in units]
    return np.stack([indices for indices, _ in found]), np.stack([values for _, values in found])


def _synthesise(
    recipe: Recipe,
    network: Network,
    units: Sequence[Unit],
    natural: _Natural,
    precision: str,
    base: dict[str, Any],
    work: WorkFolder,
    reporter: Reporter,
) -> list[list[Optimized]]:
    """Make all units' images, or read those that an earlier call finished."""
    settings = recipe.synthesis.settings(precision)
    passes = _group(units, recipe.synthesis.units_per_pass)
    advance = reporter.stage("synthetic images", len(passes) * settings.steps)
    results: dict[int, list[Optimized]] = {}
    for rows in passes:
        weights = [_diversity(recipe, natural, row) for row in rows]
        members = [units[row].unit_id for row in rows]
        # A pass is made again as a whole: what is computed together decides the last bits.
        keys = {
            row: key_of({**base, "unit": units[row].unit_id, "pass": members, "diversity": weights})
            for row in rows
        }
        kept = {row: work.load(units[row].unit_id, keys[row]) for row in rows}
        if all(value is not None for value in kept.values()):
            results.update({row: value for row, value in kept.items() if value is not None})
            advance(settings.steps)
            reporter.say(f"{', '.join(members)}: finished earlier")
            continue
        targets = [
            Target(units[row].unit_id, units[row].channel, sign, weight)
            for row, weight in zip(rows, weights, strict=True)
            for sign in (0, 1)
        ]
        layer = units[rows[0]].layer
        made = optimize(network, layer, targets, settings, recipe.seed, on_step=lambda: advance(1))
        for place, row in enumerate(rows):
            results[row] = made[2 * place : 2 * place + 2]
            work.save(units[row].unit_id, keys[row], results[row])
            reporter.say(_news(units[row], results[row], natural, row))
    return [results[row] for row in range(len(units))]


def _group(units: Sequence[Unit], size: int) -> list[list[int]]:
    """Rows of units that are optimised together: neighbours of one layer, `size` at most."""
    passes: list[list[int]] = []
    for row, unit in enumerate(units):
        last = passes[-1] if passes else []
        if last and units[last[0]].layer == unit.layer and len(last) < size:
            last.append(row)
        else:
            passes.append([row])
    return passes


def _diversity(recipe: Recipe, natural: _Natural, row: int) -> float:
    weight = recipe.synthesis.diversity
    if recipe.synthesis.diversity_unit == "activation":
        return weight
    lowest, highest = natural.activations[row, :, 0].tolist()
    return weight * float(highest - lowest)


def _news(unit: Unit, made: list[Optimized], natural: _Natural, row: int) -> str:
    low, high = natural.activations[row, :, 0]
    return (
        f"{unit.unit_id}: synthetic {made[0].activations.mean():.4g} … "
        f"{made[1].activations.mean():.4g}, photographs {low:.4g} … {high:.4g}"
    )


def _share_beating(synthetic: list[list[Optimized]], natural: _Natural) -> float:
    low = [made[0].activations.mean() for made in synthetic] < natural.activations[:, 0, 0]
    high = [made[1].activations.mean() for made in synthetic] > natural.activations[:, 1, 0]
    return float(np.mean([low, high]))


def _write(
    recipe: Recipe,
    recipe_text: str,
    units: Sequence[Unit],
    pool: Pool,
    checksums: list[str],
    natural: _Natural,
    synthetic: list[list[Optimized]],
    provenance: dict[str, Any],
    out: Path,
) -> None:
    shown = np.unique(natural.indices)
    photographs = [pool.photographs[index] for index in shown]
    exemplars = np.searchsorted(shown, natural.indices)
    ranks = natural.ranks
    flat = np.take_along_axis(exemplars, ranks.reshape(*ranks.shape[:2], -1).astype(np.int64), 2)
    with BankWriter(
        out,
        units=units,
        name=recipe.name,
        image_size=recipe.synthesis.image_size,
        images_per_sign=recipe.synthesis.images_per_sign,
        curve_steps=recipe.synthesis.settings("float32").curve_steps,
        recipe=recipe_text,
        provenance=provenance,
    ) as writer:
        for row, made in enumerate(synthetic):
            for sign, result in enumerate(made):
                writer.write_synthetic(row, sign, result.images, result.activations, result.curve)
        writer.write_natural(
            np.stack([pool.image(index) for index in shown]),
            name=[photograph.name for photograph in photographs],
            sha256=[checksums[index] for index in shown],
            label=[photograph.label for photograph in photographs],
            licence=[photograph.licence for photograph in photographs],
            author=[photograph.author for photograph in photographs],
        )
        writer.write_exemplars(exemplars, natural.activations, flat.reshape(ranks.shape), ranks)
