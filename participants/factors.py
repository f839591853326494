"""A study's own factors: what a protocol names beyond condition, scheme and expertise.

Both sides of the record read them: the experiment refuses a protocol whose factors cannot be, the
analysis gives every trial its level. The trial table needs no column for them, because each is a
reading of a column that it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from participants.columns import TRIAL_COLUMNS

FactorColumn = Literal["condition", "scheme", "unit", "layer", "branch", "selection", "channel",
                       "batch", "block", "expertise", "participant", "session"]  # fmt: skip
FactorName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
Value = int | str

RESERVED = {*TRIAL_COLUMNS, "experiment", "kind", "block_half", "progress", "moment",
            "participant_code", "unit_code", "none", "all"}  # fmt: skip
"""Names that mean something else in the tables of the analysis."""

_RANGE = re.compile(r"^(\d+)\s*-\s*(\d+)$")


class Factor(BaseModel):
    """One factor.

    Attributes
    ----------
    column : str
        Column of the trial table that it reads.
    levels : dict
        Name of each level to the values of the column that belong to it, in the order in which
        levels are shown. Columns of whole numbers take numbers and ranges such as ``"1-20"``,
        both ends included. A value that is in no level belongs to none: its trials are left out
        of what concerns the factor.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: FactorColumn
    levels: dict[Annotated[str, Field(min_length=1, max_length=40)], tuple[Value, ...]]

    @field_validator("levels")
    @classmethod
    def _named_well(
        cls, levels: dict[str, tuple[Value, ...]], known: ValidationInfo
    ) -> dict[str, tuple[Value, ...]]:
        if len(levels) < 2:
            raise ValueError("should hold two levels or more")
        for name, values in levels.items():
            if name != name.strip() or not name.isprintable():
                raise ValueError(f'should name no level "{name}" with spaces around it')
            if not values:
                raise ValueError(f'should give the level "{name}" at least one value')
        # Without a column it is the column that is wrong.
        if "column" in known.data:
            _no_value_twice(levels, _of_numbers(known.data["column"]))
        return levels

    @property
    def of_numbers(self) -> bool:
        """Whether the column holds whole numbers."""
        return _of_numbers(self.column)

    def reader(self) -> Callable[[Any], str | None]:
        """Give the function from a value of the column to the name of its level, or None."""
        if not self.of_numbers:
            names = {str(v): name for name, values in self.levels.items() for v in values}
            return lambda value: names.get(str(value))
        spans = [(*_span(value), name) for name, values in self.levels.items() for value in values]

        def of_number(value: Any) -> str | None:
            return next((name for low, high, name in spans if low <= int(value) <= high), None)

        return of_number


def _of_numbers(column: str) -> bool:
    return TRIAL_COLUMNS[column].dtype == "int"


def _no_value_twice(levels: dict[str, tuple[Value, ...]], of_numbers: bool) -> None:
    if of_numbers:
        spans = sorted(span for values in levels.values() for span in map(_span, values))
        for (_, end), (start, _) in pairwise(spans):
            if start <= end:
                raise ValueError(f"should put {start} into one level only")
        return
    everything = [str(value) for values in levels.values() for value in values]
    twice = sorted({value for value in everything if everything.count(value) > 1})
    if twice:
        raise ValueError(f'should put "{twice[0]}" into one level only')


def _span(value: Value) -> tuple[int, int]:
    text = str(value).strip()
    if text.isdecimal():
        return int(text), int(text)
    found = _RANGE.match(text)
    if found is None or int(found.group(1)) > int(found.group(2)):
        raise ValueError(f'should hold whole numbers and ranges such as "1-20", not "{value}"')
    return int(found.group(1)), int(found.group(2))


def check_factor_names(factors: dict[str, Factor]) -> None:
    """Refuse a factor that is called like a column, with a `ValueError` for pydantic."""
    taken = sorted(set(factors) & RESERVED)
    if taken:
        raise ValueError(
            f'should call no factor "{taken[0]}": that name means something else in the tables'
        )


class StatedAnalysis(BaseModel):
    """The table ``[analysis]`` of a protocol.

    Attributes
    ----------
    contrast : tuple of str, optional
        The two conditions whose comparison is primary, stated before there are data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    contrast: tuple[str, str] | None = None

    @field_validator("contrast")
    @classmethod
    def _of_two(cls, contrast: tuple[str, str] | None) -> tuple[str, str] | None:
        if contrast is not None and contrast[0] == contrast[1]:
            raise ValueError("should name two conditions")
        return contrast
