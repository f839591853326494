"""A study's own factors: values become levels, and what cannot be is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from house.errors import UserError
from house.tables import validate
from participants.factors import (
    RESERVED,
    Factor,
    FactorName,
    StatedAnalysis,
    check_factor_names,
)


def test_texts_and_numbers_find_their_level() -> None:
    depth = Factor(column="layer", levels={"early": ("3a", "3b"), "late": ("5b",)}).reader()
    assert [depth(v) for v in ("3a", "3b", "5b", "4c")] == ["early", "early", "late", None]
    half = Factor(column="participant", levels={"one": ("1-3", 7), "two": (" 4 - 6 ",)}).reader()
    assert [half(v) for v in range(9)] == [None, "one", "one", "one", "two", "two", "two", "one",
                                           None]  # fmt: skip


@given(st.lists(st.integers(0, 200), min_size=2, max_size=8, unique=True))
def test_neighbouring_ranges_part_the_numbers(cuts: list[int]) -> None:
    """Every number from the first to the last cut has exactly the level whose range holds it."""
    ends = sorted(cuts)
    levels = {f"level {i}": (f"{low}-{high - 1}",) for i, (low, high) in enumerate(pairwise(ends))}
    if len(levels) < 2:
        return
    reader = Factor(column="batch", levels=levels).reader()
    for value in range(ends[0], ends[-1]):
        place = sum(value >= end for end in ends) - 1
        assert reader(value) == f"level {place}"
    assert reader(ends[-1]) is None


@pytest.mark.parametrize(
    ("column", "levels", "said"),
    [
        ("layer", {"early": ("3a",)}, "two levels or more"),
        ("layer", {"early": ("3a",), "late": ()}, "at least one value"),
        ("layer", {"early": ("3a",), "late": ("3a", "5b")}, '"3a" into one level only'),
        ("layer", {"early ": ("3a",), "late": ("5b",)}, "spaces around"),
        ("participant", {"a": ("1-10",), "b": (10,)}, "10 into one level only"),
        ("participant", {"a": ("10-1",), "b": (11,)}, "whole numbers and ranges"),
        ("participant", {"a": ("few",), "b": (11,)}, "whole numbers and ranges"),
        ("rt", {"fast": ("1",), "slow": ("2",)}, "Input should be"),
    ],
)
def test_what_cannot_be_is_refused(column: str, levels: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Factor.model_validate({"column": column, "levels": levels})


class _File(BaseModel):
    factors: dict[str, Factor]


def test_the_levels_are_named_and_not_all_of_the_table_is_repeated() -> None:
    table = {"column": "participant", "levels": {"a": ["1-10"], "b": [10]}}
    with pytest.raises(UserError) as caught:
        validate(_File, {"factors": {"group": table}}, "p.toml")
    assert str(caught.value) == (
        "p.toml: `factors.group.levels` should put 10 into one level only."
    )
    table = {"column": "rt", "levels": {"a": ["x"], "b": ["y"]}}
    with pytest.raises(UserError, match=r"`factors\.group\.column` should be"):
        validate(_File, {"factors": {"group": table}}, "p.toml")


def test_names() -> None:
    names = TypeAdapter(FactorName)
    assert names.validate_python("n_references") == "n_references"
    for wrong in ("Depth", "1st", "a-b", "", "x" * 31):
        with pytest.raises(ValidationError):
            names.validate_python(wrong)
    factor = Factor(column="layer", levels={"early": ("3a",), "late": ("5b",)})
    check_factor_names({"depth": factor})
    for taken in ("scheme", "participant", "kind", "none"):
        assert taken in RESERVED
        with pytest.raises(ValueError, match="something else"):
            check_factor_names({"depth": factor, taken: factor})


def test_a_contrast_is_of_two() -> None:
    assert StatedAnalysis(contrast=("a", "b")).contrast == ("a", "b")
    with pytest.raises(ValidationError, match="two conditions"):
        StatedAnalysis(contrast=("a", "a"))
