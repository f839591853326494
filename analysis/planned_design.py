"""What a protocol asks of participants, for planning: conditions, units, trials.

The protocol is read as text, with no more of it than planning needs: whether it can be run is for
the experiment to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from analysis.words import count, listed
from house.errors import UserError
from house.names import find_embedded
from house.places import embedded_protocols
from house.tables import read_toml, validate
from participants.factors import StatedAnalysis

Count = Annotated[int, Field(ge=0)]


class UnitLike(Protocol):
    """What planning needs to know of a unit of a bank."""

    @property
    def role(self) -> str:
        """What the unit is for."""

    @property
    def set(self) -> str:
        """Which of several lists it belongs to."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


# Defaults are those of the experiment's protocols, to which a test holds them.
class PlannedTrials(_Table):
    """Of the table `[trials]`: main trials of a scheme and condition; 0 means every main unit."""

    model_config = ConfigDict(extra="allow", frozen=True)

    main: Count = 0


class OwnTrials(_Table):
    """Of a condition's own table: what it has otherwise than the rest."""

    main: Count | None = None


class PlannedConditions(_Table):
    """Of the table `[design]`."""

    conditions: tuple[str, ...] = Field(min_length=1)
    schemes: tuple[str, ...] = Field(default=("Min+Max 9",), min_length=1)


class PlannedUnits(_Table):
    """Of the table `[units]`."""

    main: str = "main"
    main_sets: tuple[str, ...] = ()


class PlannedProtocol(_Table):
    """What planning reads of a protocol."""

    name: str
    design: PlannedConditions
    trials: PlannedTrials = PlannedTrials()
    units: PlannedUnits = PlannedUnits()
    analysis: StatedAnalysis = StatedAnalysis()


@dataclass(frozen=True)
class PlannedDesign:
    """One comparison of two conditions as a protocol plans it.

    Attributes
    ----------
    contrast : tuple of str
    units : int or None
        Units that participants are shown altogether; None where only a bank can tell.
    units_each : int
        Units that one participant meets in a condition; 0 means all.
    same_units : bool
        Whether a participant meets the same units in both conditions.
    origin : str
        Sentences that say where this comes from.
    """

    contrast: tuple[str, str]
    units: int | None
    units_each: int
    same_units: bool
    origin: str


def read_planned(
    name_or_path: str,
    contrast: str | None = None,
    bank: Sequence[UnitLike] | None = None,
    otherwise: tuple[str, str] | None = None,
) -> PlannedDesign:
    """Read what a protocol plans.

    Parameters
    ----------
    name_or_path : str
        An embedded protocol, or the path of a TOML file.
    contrast : str, optional
        Two of its conditions such as ``synthetic-natural``; by default what it calls primary.
    bank : sequence of Unit, optional
        Units of the bank that it is to be run with.
    otherwise : tuple of str, optional
        The two conditions where it calls none primary; by default synthetic and natural images,
        else its first two.

    Raises
    ------
    UserError
        If there is no such protocol, it has one condition, or the bank lacks its units.
    """
    path = find_embedded(name_or_path, embedded_protocols(), ".toml", "protocol")
    where = str(path)
    planned = validate(PlannedProtocol, read_toml(path, "protocol"), where)
    pair = _pair(planned, contrast, otherwise, where)
    wanted = [_main_trials(planned.trials, condition, where) for condition in pair]
    least = min(wanted, key=lambda n: n or float("inf"))
    schemes = len(planned.design.schemes)
    sizes = None if bank is None else _sizes(planned, bank, where)
    if sizes is None:
        # A protocol that takes so many units of each scheme needs that many; a bank may hold more.
        units = least * schemes or None
        each = least * schemes
    else:
        units = sum(sizes)
        each = sum(min(least or size, size) for size in sizes)
    same = units is None or each in (0, units)
    said = [
        f"The design is that of the protocol “{planned.name}”, {pair[0]} against {pair[1]}: a "
        + (f"participant meets {count(each, 'unit')}" if each else "participant meets every unit")
        + f" once in each condition, over {count(schemes, 'scheme')} of references."
    ]
    if wanted[0] != wanted[1]:
        numbers = [f"{n or 'all'} units with {c}" for n, c in zip(wanted, pair, strict=True)]
        said.append(
            f"It plans {listed(numbers)} in each scheme; the smaller number is simulated for both."
        )
    if not same:
        said.append("Which units a participant meets is drawn for each condition by itself.")
    return PlannedDesign(pair, units, each, same, " ".join(said))


def _pair(
    planned: PlannedProtocol,
    contrast: str | None,
    otherwise: tuple[str, str] | None,
    where: str,
) -> tuple[str, str]:
    names = planned.design.conditions
    pairs = {f"{a}-{b}": (a, b) for a in names for b in names if a != b}
    if not pairs:
        raise UserError(
            f'the protocol has one condition, "{names[0]}": there is nothing to compare',
            where=where,
        )
    named = planned.analysis.contrast or otherwise
    if contrast is None and named is None:
        usual = "synthetic-natural"
        return pairs[usual] if usual in pairs else (names[0], names[1])
    wanted = contrast or "-".join(named or ())
    if wanted not in pairs:
        raise UserError(
            f'there is no contrast "{wanted}" in this protocol',
            where=where,
            remedy=f"Its conditions are {listed(list(names))}; choose two with --contrast.",
        )
    return pairs[wanted]


def _main_trials(trials: PlannedTrials, condition: str, where: str) -> int:
    own = (trials.model_extra or {}).get(condition)
    if not isinstance(own, dict):
        return trials.main
    value = validate(OwnTrials, own, f"{where}, table [trials.{condition}]").main
    return trials.main if value is None else value


def _sizes(planned: PlannedProtocol, bank: Sequence[UnitLike], where: str) -> list[int]:
    """Number of main units of each set, or of all where there are no sets."""
    main = [unit for unit in bank if unit.role == planned.units.main]
    sets = planned.units.main_sets
    sizes = [sum(u.set == name for u in main) for name in sets] if sets else [len(main)]
    if min(sizes) == 0:
        lacking = next((name for name, n in zip(sets, sizes, strict=False) if not n), "")
        which = f' in the set "{lacking}"' if lacking else ""
        raise UserError(
            f'the bank has no unit with the role "{planned.units.main}"{which}, which the '
            "protocol takes its main trials from",
            where=where,
        )
    return sizes
