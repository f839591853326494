"""One bank for each of several networks, whatever becomes of the others; then one of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generation.building.order import Built, build
from generation.building.scheduling import Here, Scheduler
from generation.networks.network import network_spec
from generation.recipe import RECIPES, Recipe
from generation.reporting.reporter import Reporter
from generation.sweep.settings import Sweep, SweepNetwork
from generation.sweep.units import draw_over_depth
from generation.toml_text import toml_text
from house.errors import UserError
from house.names import find_embedded
from house.tables import read_toml, validate
from stimuli import StimulusBank
from stimuli.merge import Part, merge_banks

Schedule = Callable[[Callable[[str], None]], AbstractContextManager[Scheduler]]


@dataclass(frozen=True)
class Outcome:
    """What became of one network.

    Attributes
    ----------
    label : str
    path : Path
        Its bank.
    built : Built or None
        None where it failed.
    problem : str
        Why it failed; else empty.
    """

    label: str
    path: Path
    built: Built | None = None
    problem: str = ""


@dataclass
class Swept:
    """What became of a sweep.

    Attributes
    ----------
    outcomes : list of Outcome
        In the order of the sweep's networks.
    merged : Path or None
        The bank of all, where it was wanted and none failed.
    content_sha256 : str
        Of the merged bank.
    notes : list of str
        What could not be carried over into it.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    merged: Path | None = None
    content_sha256: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[Outcome]:
        """Networks without a bank."""
        return [outcome for outcome in self.outcomes if outcome.built is None]


def recipe_of(
    sweep: Sweep, network: SweepNetwork, base: dict[str, Any], where: str
) -> tuple[Recipe, str]:
    """Make the recipe of one network, and its text: the base's images, units over the depth.

    Raises
    ------
    UserError
        If there is no such network, or it has too few units.
    """
    spec = network_spec(network.choice())
    units: list[dict[str, Any]] = []
    taken: set[str] = set()
    for role, count in sweep.roles().items():
        for unit in draw_over_depth(spec, count, role, sweep.seed, taken):
            taken.add(unit.unit_id)
            units.append({"unit": unit.unit_id, "role": role, "selection": "random"})
    data: dict[str, Any] = {
        "name": f"{sweep.name}-{network.called}",
        "description": f"{network.called} in the sweep {sweep.name}",
        "network": network.choice().given(),
        "seed": sweep.seed,
        **{key: base[key] for key in ("synthesis", "natural") if key in base},
        "units": units,
    }
    return validate(Recipe, data, where), toml_text(data)


def run_sweep(
    sweep: Sweep,
    folder: Path,
    reporter: Callable[[str], Any],
    *,
    replace: bool = False,
    workers: int | None = None,
    only: Sequence[str] = (),
    schedule: Schedule = lambda _: nullcontext(Here()),
) -> Swept:
    """Build the bank of every network, and merge them.

    Parameters
    ----------
    sweep : Sweep
    folder : Path
        Where the banks go: ``LABEL.h5`` each, and ``NAME.h5`` of all.
    reporter : callable
        Given a network's label, gives a context whose value is its build's `Reporter`.
    replace : bool
        Whether banks that were made otherwise may be replaced.
    workers : int, optional
        See `build`.
    only : sequence of str
        Labels; the others are left for later, and nothing is merged.
    schedule : callable
        Given whom to tell, gives a context whose value makes the parts of one network's bank.

    Returns
    -------
    Swept
        A network that fails is told of and stops no other. Every build goes on where an earlier
        call stopped, and a bank that is there already costs only its check.

    Raises
    ------
    UserError
        If the base recipe is wrong, or the banks cannot be merged.
    """
    path = find_embedded(sweep.recipe, RECIPES, ".toml", "recipe")
    base = read_toml(path, "recipe")
    swept = Swept()
    for network in sweep.networks:
        if only and network.called not in only:
            continue
        with reporter(network.called) as told:
            swept.outcomes.append(
                _build_one(
                    sweep, network, base, str(path), folder, told, replace, workers, schedule
                )
            )
    if sweep.merge and not swept.failed and not only and len(sweep.networks) > 1:
        swept.merged = folder / f"{sweep.name}.h5"
        swept.content_sha256 = merge_outcomes(
            sweep, swept.outcomes, swept.merged, replace, swept.notes.append
        )
    return swept


def _build_one(
    sweep: Sweep,
    network: SweepNetwork,
    base: dict[str, Any],
    where: str,
    folder: Path,
    reporter: Reporter,
    replace: bool,
    workers: int | None,
    schedule: Schedule,
) -> Outcome:
    out = folder / f"{network.called}.h5"
    try:
        recipe, text = recipe_of(sweep, network, base, where)
        spec = network_spec(recipe.network)
        with schedule(reporter.say) as scheduler:
            built = build(
                recipe,
                spec,
                text,
                out,
                reporter,
                replace=replace,
                workers=workers,
                scheduler=scheduler,
            )
    except UserError as error:
        return Outcome(network.called, out, problem=str(error))
    # A network of a user's own may raise anything; the others are worth their banks all the same.
    except Exception as error:
        return Outcome(network.called, out, problem=f"{type(error).__name__}: {error}")
    return Outcome(network.called, out, built)


def merge_outcomes(
    sweep: Sweep,
    outcomes: Sequence[Outcome],
    out: Path,
    replace: bool,
    say: Callable[[str], None],
) -> str:
    """Merge the banks of a sweep, unless one of them is there already."""
    parts = [Part(outcome.label, outcome.path) for outcome in outcomes]
    if out.exists():
        wanted = [outcome.built.content_sha256 for outcome in outcomes if outcome.built]
        try:
            with StimulusBank(out) as bank:
                merged = bank.provenance.get("merged") or []
                labels = [(part["network_label"], part["content_sha256"]) for part in merged]
                same = labels == list(zip([part.label for part in parts], wanted, strict=True))
                if same and bank.compute_content_sha256() == bank.content_sha256:
                    return bank.content_sha256
        except (UserError, KeyError, TypeError):
            if not replace:
                raise
        if not replace:
            raise UserError(
                "there is a bank already that was not merged of these",
                where=str(out),
                remedy="Replace it with --force, or choose another --out.",
            )
    return merge_banks(parts, out, name=sweep.name, say=say)
