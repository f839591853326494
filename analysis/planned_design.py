"""What a protocol asks of participants, for planning: conditions, units, trials.

The protocol is read as text, with no more of it than planning needs: whether it can be run is for
the experiment to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.words import count, listed
from house.errors import UserError
from house.names import find_embedded
from house.tables import read_toml
from participants.factors import StatedAnalysis

PROTOCOLS = Path(__file__).resolve().parent.parent / "experiment" / "protocols"
"""The embedded protocols: text files that lie in another room, and nothing of it is imported."""

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


class _Design(_Table):
    conditions: tuple[str, ...] = Field(min_length=1)
    schemes: tuple[str, ...] = Field(default=("Min+Max 9",), min_length=1)


class _Units(_Table):
    main: str = "main"
    main_sets: tuple[str, ...] = ()


class _Planned(_Table):
    name: str
    design: _Design
    trials: dict[str, Any] = Field(default_factory=dict)
    units: _Units = _Units()
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
    name_or_path: str, contrast: str | None = None, bank: Sequence[UnitLike] | None = None
) -> PlannedDesign:
    """Read what a protocol plans.

    Parameters
    ----------
    name_or_path : str
        An embedded protocol, or the path of a TOML file.
    contrast : str, optional
        Two of its conditions such as ``synthetic-natural``; by default what it calls primary,
        else its synthetic and natural images, else its first two.
    bank : sequence of Unit, optional
        Units of the bank that it is to be run with.

    Raises
    ------
    UserError
        If there is no such protocol, it has one condition, or the bank lacks its units.
    """
    path = find_embedded(name_or_path, PROTOCOLS, ".toml", "protocol")
    where = str(path)
    try:
        planned = _Planned.model_validate(read_toml(path, "protocol"))
        pair = _pair(planned, contrast, where)
        wanted = [_main_trials(planned.trials, condition) for condition in pair]
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UserError(f"`{key}` of this protocol: {first['msg']}", where=where) from error
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


def _pair(planned: _Planned, contrast: str | None, where: str) -> tuple[str, str]:
    names = planned.design.conditions
    pairs = {f"{a}-{b}": (a, b) for a in names for b in names if a != b}
    if not pairs:
        raise UserError(
            f'the protocol has one condition, "{names[0]}": there is nothing to compare',
            where=where,
        )
    if contrast is None:
        usual = planned.analysis.contrast or ("synthetic", "natural")
        return usual if set(usual) <= set(names) else (names[0], names[1])
    if contrast not in pairs:
        raise UserError(
            f'there is no contrast "{contrast}" in this protocol',
            where=where,
            remedy=f"Its conditions are {listed(list(names))}; choose two with --contrast.",
        )
    return pairs[contrast]


def _main_trials(trials: Mapping[str, Any], condition: str) -> int:
    """Main trials of a scheme and condition; 0 means every main unit."""
    own = trials.get(condition)
    value = own.get("main") if isinstance(own, dict) else None
    return _Count(main=trials.get("main", 0) if value is None else value).main


class _Count(_Table):
    main: Count


def _sizes(planned: _Planned, bank: Sequence[UnitLike], where: str) -> list[int]:
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
