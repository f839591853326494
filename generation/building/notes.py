"""What a bank says about how it was made: its provenance."""

from __future__ import annotations

import datetime
from typing import Any

from generation.building.job import Job
from generation.natural.photographs import Identity, Pool
from generation.natural.sources import printable
from generation.natural.stage import Exemplars
from generation.networks.accuracy import Accuracy
from generation.networks.spec import NetworkSpec
from generation.recipe import Recipe
from generation.units.recipe_units import Selection
from house.provenance import git_commit, machine, software_versions

# Of units and signs whose synthetic images beat all photographs: on average, and every one.
SHARES = ("share_beating_photographs", "share_all_beating_photographs")


def provenance(
    job: Job,
    spec: NetworkSpec,
    selection: Selection,
    accuracy: Accuracy | None,
    identity: Identity,
    pool: Pool,
    exemplars: Exemplars,
    beating: tuple[float, float],
    seconds: float,
) -> dict[str, Any]:
    """Put everything down that JSON can hold.

    Parameters
    ----------
    beating : tuple of float
        The `SHARES`.
    seconds : float
        What the build took so far.
    """
    recipe, facts = job.recipe, job.facts
    return {
        "build_key": job.build_key,
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
            printable(pool.source.name(index))
            for index in sorted(pool.unreadable.keys() - pool.too_small)
        ],
        "photographs_too_small": len(pool.too_small),
        "decoding": _decoding_notes(recipe),
        "assignment": recipe.natural.assignment,
        "query_percentile": recipe.natural.query_percentile,
        "precision": facts.precision,
        "device": facts.device_name,
        "threads": facts.threads,
        "scheduler": facts.scheduler,
        **{name: round(share, 4) for name, share in zip(SHARES, beating, strict=True)},
        "software": software_versions(["torch", "numpy", "h5py", "pillow"]),
        "machine": machine(),
        "git_commit": git_commit(),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
    }


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
