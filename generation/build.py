"""The order of work: check the network, photographs, synthesis, writing, verification."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from generation import bank_assembly, exemplar_stage, synthesis_stage
from generation.accuracy import Accuracy, check_network
from generation.build_lock import sole_builder
from generation.checkpoints import RecordingFiles
from generation.decode_ahead import available_cores
from generation.exemplar_stage import Exemplars, find_exemplars
from generation.networks import Network, NetworkSpec, load_network, with_weights
from generation.photographs import Identity, Pool, identify, open_pool
from generation.progress_files import WorkFolder, key_of
from generation.recipe import Recipe
from generation.reporter import Reporter
from generation.sources import printable
from generation.synthesis.optimize import resolve_precision
from generation.synthesis_stage import synthesise
from generation.units import select
from house.errors import UserError
from house.provenance import git_commit, machine, software_versions
from stimuli import StimulusBank, Unit, verify_bank

# Raised when a change of this code changes the images that a recipe makes.
ALGORITHM = 1

_CHECKING = "checking the network"
# Photographs with labels among the embedded ones, about: what the check costs.
_LABELLED = 112
# So many photographs are enough for a mean spectrum.
_ESTIMATED_FROM = 512


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
    workers: int | None = None,
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
    workers : int, optional
        Threads that decode photographs ahead of the network; by default all cores where a GPU
        waits for them, else one. The bank does not depend on it.

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
    spec = with_weights(spec)
    selection = select(recipe, spec)
    units = selection.units
    if workers is None:
        workers = available_cores() if device.type == "cuda" else 1
    pool = open_pool(recipe.natural, recipe.synthesis.image_size, workers)
    identity = identify(pool.source)
    base = {
        "algorithm": ALGORITHM,
        "network": spec.determinants(),
        "seed": recipe.seed,
        "torch": torch.__version__,
        "device": device.type,
    }
    photographs = {
        "listing": identity.listing_sha256,
        "contents": identity.contents.hex() if identity.contents else None,
        "natural": recipe.natural.determinants(),
    }
    build_key = key_of(
        {
            **base,
            **photographs,
            "precision": precision,
            "recipe": recipe.model_dump(mode="json", exclude={"description", "natural"}),
        }
    )
    work = WorkFolder(out)
    if (found := _existing(out, build_key, replace)) is not None:
        _tidy(out, work)
        return found
    with sole_builder(out, work.path):
        pictures = bank_assembly.bank_bytes(recipe, len(units), 0)
        left = 2 * pictures - work.size()
        bank_assembly.check_space(out.parent, max(left, 0), "the bank and the work on it")
        _announce(recipe, units, pool, reporter)
        if selection.named_for:
            reporter.say(f"note: {selection.describe(spec.name)}")
        network = load_network(spec, device)
        accuracy = _check(network, reporter)
        recording_key = key_of(
            {
                **base,
                **photographs,
                "size": recipe.synthesis.image_size,
                "layers": sorted({unit.layer for unit in units}),
                "columns": [unit.unit_id for unit in units]
                if recipe.natural.query_percentile
                else None,
            }
        )
        exemplars = find_exemplars(
            recipe.natural,
            recipe.seed,
            network,
            units,
            pool,
            RecordingFiles(work.path, recording_key),
            reporter,
        )
        _check_unchanged(identity, exemplars, pool)
        keys, means = synthesise(
            recipe.synthesis,
            recipe.seed,
            network,
            units,
            exemplars.spans(),
            precision,
            {
                **base,
                "synthesis": recipe.synthesis.model_dump(mode="json"),
                "precision": precision,
                **(photographs if recipe.synthesis.parametrization == "maco" else {}),
            },
            work,
            reporter,
            lambda: _some(pool),
        )
        beating = _share_beating(means, exemplars.spans())
        provenance = {
            "build_key": build_key,
            "seed": recipe.seed,
            "network": spec.name,
            "network_choice": spec.choice,
            "network_layers": len(spec.layers),
            "units_named_for": selection.named_for or spec.name,
            "strata": selection.strata,
            "weights_sha256": spec.weights_sha256,
            "weights_licence": spec.licence,
            "accuracy": _accuracy_notes(accuracy),
            "photographs": recipe.natural.photographs,
            "photographs_sha256": exemplars.contents_sha256,
            "photographs_listing_sha256": identity.listing_sha256,
            "photographs_listed": len(pool),
            "photographs_unreadable": [
                printable(pool.source.name(index)) for index in sorted(pool.unreadable)
            ],
            "decoding": _decoding_notes(recipe),
            "assignment": recipe.natural.assignment,
            "query_percentile": recipe.natural.query_percentile,
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
        total = len(units) + len(np.unique(exemplars.indices))
        advance = reporter.stage(bank_assembly.STAGE, total)
        bank_assembly.assemble(
            recipe, recipe_text, units, pool, exemplars, work, keys, provenance, out, advance
        )
        content_sha256 = _verify(out, reporter)
    work.remove()
    return Built(out, content_sha256, True, beating)


def _some(pool: Pool) -> Iterator[npt.NDArray[np.uint8]]:
    """Give photographs spread over the pool, for what is estimated from them."""
    spread = np.linspace(0, len(pool) - 1, min(len(pool), _ESTIMATED_FROM))
    for index in np.unique(spread.astype(int)).tolist():
        if index not in pool.unreadable:
            yield pool.image(index)[0]


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


def _tidy(out: Path, work: WorkFolder) -> None:
    """Remove the work folder of a build that was killed after its bank was whole."""
    # Another process that builds something else in this place keeps its own.
    if work.path.exists():
        with contextlib.suppress(UserError), sole_builder(out, work.path):
            work.remove()


def _announce(recipe: Recipe, units: tuple[Unit, ...], pool: Pool, reporter: Reporter) -> None:
    """Tell what will have to be done, in passes of one photograph forward."""
    synthesis = recipe.synthesis
    steps = synthesis_stage.count_passes(units, synthesis.units_per_pass) * synthesis.steps
    reporter.plan(
        [
            (_CHECKING, 1, float(_LABELLED)),
            (exemplar_stage.STAGE, len(pool), 1.0),
            (synthesis_stage.STAGE, steps, synthesis_stage.cost_of_step(synthesis)),
            # Decoding once more, or reading back; how many are shown is not known yet.
            (
                bank_assembly.STAGE,
                len(units) + min(len(pool), 2 * len(units) * recipe.natural.ranks),
                0.3,
            ),
        ]
    )


def _check(network: Network, reporter: Reporter) -> Accuracy | None:
    checked = reporter.stage(_CHECKING, 1)
    accuracy = check_network(network)
    checked(1)
    if accuracy is None:
        reporter.say(
            f"note: {network.spec.name} could not be checked, as its outputs have no known names"
        )
    else:
        reporter.say(
            f"{network.spec.name} names {accuracy.top1:.0%} of {accuracy.photographs} labelled "
            f"photographs at once and {accuracy.top5:.0%} within five guesses"
        )
    return accuracy


def _accuracy_notes(accuracy: Accuracy | None) -> dict[str, Any] | None:
    if accuracy is None:
        return None
    return {
        "photographs": accuracy.photographs,
        "where": accuracy.where,
        "top1": round(accuracy.top1, 4),
        "top5": round(accuracy.top5, 4),
        "expected_top1": accuracy.expected,
    }


def _decoding_notes(recipe: Recipe) -> str:
    """Say in words what was done to the photographs, and whether it is what was published."""
    natural = recipe.natural
    notes = f"Pillow, bilinear resize of the shorter side to {natural.resize}, centre crop"
    if natural.upright:
        notes += "; turned upright where the camera noted a rotation"
    if natural.decoder == "draft":
        notes += "; JPEG decoded at reduced scale: other pixels than the published pipeline gives"
    return notes


def _check_unchanged(identity: Identity, exemplars: Exemplars, pool: Pool) -> None:
    if identity.contents and identity.contents.hex() != exemplars.contents_sha256:
        raise UserError(
            "the photographs were changed while they were recorded",
            where=pool.source.where,
            remedy="Give the command again.",
        )


def _share_beating(means: npt.NDArray[np.float32], spans: npt.NDArray[np.float32]) -> float:
    return float(np.mean([means[:, 0] < spans[:, 0], means[:, 1] > spans[:, 1]]))


def _verify(out: Path, reporter: Reporter) -> str:
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
    return verification.content_sha256
