from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from house.errors import UserError
from house.tables import read_toml, validate


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    learning_rate: float = Field(gt=0)
    kind: Literal["fourier", "pixel"] = "fourier"


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    inner: Inner
    parts: list[Inner] = []


def test_an_unknown_key_names_the_nearest_right_one():
    data = {"name": "x", "inner": {"learning_rat": 1.0, "learning_rate": 1.0}}
    with pytest.raises(UserError, match=r"inner\.learning_rat`.*learning_rate") as caught:
        validate(Outer, data, "a.toml")
    assert str(caught.value).startswith("a.toml: ")
    assert 'Did you mean "learning_rate"?' in str(caught.value)


def test_an_unknown_key_within_a_list_is_found():
    data = {"name": "x", "inner": {"learning_rate": 1}, "parts": [{"learning_rate": 1, "kid": 1}]}
    with pytest.raises(UserError, match=r"parts\.0\.kid.*kind, learning_rate"):
        validate(Outer, data, "a.toml")


def test_all_problems_are_listed_at_once():
    with pytest.raises(UserError, match="2 things are wrong") as caught:
        validate(Outer, {"inner": {"learning_rate": -1}}, "a.toml")
    assert "`name` is missing" in str(caught.value)
    assert "greater than 0, found -1" in str(caught.value)


def test_long_values_and_many_problems_are_cut_short():
    with pytest.raises(UserError) as caught:
        validate(Outer, {"name": ["x" * 5000], "inner": {"learning_rate": 1}}, "a.toml")
    assert "found ['xxxx" in str(caught.value)
    assert len(str(caught.value)) < 200
    parts = [{"learning_rate": -1}] * 30
    with pytest.raises(UserError, match="30 things are wrong") as caught:
        validate(Outer, {"name": "x", "inner": {"learning_rate": 1}, "parts": parts}, "a.toml")
    assert str(caught.value).count("greater than 0") == 20
    assert "and 10 more" in str(caught.value)


def test_what_is_allowed_is_said():
    with pytest.raises(UserError, match="'fourier' or 'pixel'"):
        validate(Outer, {"name": "x", "inner": {"learning_rate": 1, "kind": "wave"}}, "a.toml")


def test_broken_toml_names_the_line(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("a = 1\nb = \n")
    with pytest.raises(UserError, match="line 2"):
        read_toml(path, "recipe")
    with pytest.raises(UserError, match="no such recipe file"):
        read_toml(tmp_path / "none.toml", "recipe")
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(UserError, match="not valid TOML"):
        read_toml(path, "recipe")
