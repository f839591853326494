from __future__ import annotations

import pytest

from house.errors import UserError
from house.names import find_embedded, is_name, nearest, without_odd_characters


def test_an_error_says_where_what_and_what_to_do():
    error = UserError("the key is unknown", where="demo.toml", remedy="Remove it.")
    assert str(error) == "demo.toml: the key is unknown. Remove it."
    assert str(UserError("did it work?")) == "did it work?"


def test_the_nearest_name_is_offered():
    assert nearest("fier5", ["fire5", "fire6", "conv1"]).startswith('Did you mean "fire5"')
    assert nearest("zzzz", ["fire5"]) == ""


def test_embedded_files_are_found_by_name_and_by_path(tmp_path):
    (tmp_path / "demo.toml").write_text("a = 1")
    assert find_embedded("demo", tmp_path, ".toml", "recipe") == tmp_path / "demo.toml"
    path = str(tmp_path / "demo.toml")
    assert str(find_embedded(path, tmp_path / "elsewhere", ".toml", "recipe")) == path


def test_an_unknown_embedded_name_lists_what_exists(tmp_path):
    (tmp_path / "demo.toml").write_text("a = 1")
    with pytest.raises(UserError, match=r'Did you mean "demo"\?.*Embedded: demo'):
        find_embedded("dmeo", tmp_path, ".toml", "recipe")
    with pytest.raises(UserError, match="no such recipe file"):
        find_embedded(str(tmp_path / "absent.toml"), tmp_path, ".toml", "recipe")


@pytest.mark.parametrize(
    ("text", "may"),
    [("resnet50", True), ("a.b_c-9", True), ("9", True), ("", False), ("_a", False), (".a", False)]
    + [(text, False) for text in ("a/b", "a b", "ä", "a\n")],
)
def test_what_may_be_a_name(text, may):
    assert is_name(text) is may


def test_odd_characters_become_hyphens():
    assert without_odd_characters("lab_similarity:ä b.c") == "lab_similarity---b.c"
