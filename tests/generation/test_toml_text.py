from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.recipe import RECIPES
from generation.toml_text import toml_text
from house.tables import parse_toml, read_toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_subnormal=False),
    TEXT,
)
LISTS = st.lists(SCALARS, max_size=3) | st.lists(st.lists(SCALARS, max_size=2), max_size=2)
TABLES = st.recursive(
    st.dictionaries(TEXT, SCALARS | LISTS, max_size=3),
    lambda inner: st.dictionaries(
        TEXT, SCALARS | LISTS | inner | st.lists(inner, min_size=1, max_size=2), max_size=3
    ),
    max_leaves=8,
)


@given(TABLES)
def test_what_is_written_is_read_again(data: dict[str, object]) -> None:
    assert parse_toml(toml_text(data), "text", "here") == data


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_embedded_recipes_survive(path) -> None:
    data = read_toml(path, "recipe")
    assert parse_toml(toml_text(data), "recipe", "here") == data


def test_what_toml_does_not_have_is_left_out_or_refused() -> None:
    assert toml_text({"a": None, "b": 1}) == "b = 1\n"
    with pytest.raises(TypeError, match="TOML has no set"):
        toml_text({"a": {1}})
