"""Protocol files: what is allowed, and what is said about the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experiment.protocol import (
    PROTOCOLS,
    load_protocol,
    parse_protocol,
    protocol_sha256,
    references_a_side,
)
from house.errors import UserError
from house.names import embedded_names

Variant = Callable[..., Path]


@pytest.mark.parametrize("name", embedded_names(PROTOCOLS, ".toml"))
def test_embedded_protocols_load_and_carry_their_name(name: str) -> None:
    protocol, text = load_protocol(name)
    assert protocol.name == name
    assert parse_protocol(text, name) == protocol


def test_demo_is_what_the_documentation_says(demo_text: str) -> None:
    protocol = parse_protocol(demo_text, "demo")
    assert protocol.design.conditions == ("none", "natural", "synthetic")
    assert protocol.design.scheme == "Min+Max 9"
    assert protocol.response.answer_keys() == ("u", "i", "o", "j", "k", "l")
    assert (protocol.layout.width, protocol.layout.height, protocol.layout.image) == (
        1920,
        1080,
        224,
    )
    assert (protocol.timing.feedback_choice, protocol.timing.feedback_correct) == (0.5, 1.5)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("feedback_choice =", "feedback_choise =", ["timing.feedback_choise", "feedback_choice"]),
        ("[timing] ", "[timings] ", ["timings", "timing"]),
        ('"Min+Max 9"', '"Min+Max 7"', ["design.scheme", "Min+Max 1"]),
        ('"natural", "synthetic"]', '"natural", "natural"]', ["design", "every condition once"]),
        ('mode = "joint"', 'mode = "mouse"', ["response.mode", "joint", "two-step"]),
        ('["u", "i", "o"]', '["u", "i", "j"]', ["response", "one meaning", "j"]),
        ('["u", "i", "o"]', '["u", "i"]', ["response.upper"]),
        ('pause = "escape"', 'pause = "Esc!"', ["response.pause"]),
        ("#efefed", "white", ["colours.background", "#1b7f3b"]),
        ("gap = 0.5", "gap = -1", ["timing.gap"]),
        ("practice = 1", "practice = 1.5", ["trials.practice"]),
        ("image = 224", "image = 320", ["room for its images"]),
        ('name = "demo"', 'name = "../demo"', ["name"]),
        ('title = "What does this unit respond to?"', "", ["title", "missing"]),
        ("refresh_rate = 60", "refresh_rate = 0", ["screen.refresh_rate"]),
    ],
)
def test_what_is_wrong_is_named(variant: Variant, old: str, new: str, said: list[str]) -> None:
    path = variant((old, new))
    with pytest.raises(UserError) as caught:
        load_protocol(str(path))
    message = str(caught.value)
    assert str(path) in message
    for words in said:
        assert words in message


def test_no_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text('name = "x"\n[design\n', encoding="utf-8")
    with pytest.raises(UserError, match="line 2"):
        load_protocol(str(path))
    with pytest.raises(UserError, match="line 2"):
        parse_protocol(path.read_text(encoding="utf-8"), "plan.json")


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(UserError, match=r'Did you mean "demo"\?'):
        load_protocol("dmeo")


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("Max 1", (0, 1)), ("Min+Max 1", (1, 1)), ("Max 9", (0, 9)), ("Min+Max 9", (9, 9))],
)
def test_references_a_side(scheme: str, expected: tuple[int, int]) -> None:
    assert references_a_side(scheme) == expected


def test_checksum_does_not_depend_on_line_ends(demo_text: str) -> None:
    assert protocol_sha256(demo_text) == protocol_sha256(demo_text.replace("\n", "\r\n"))
    assert protocol_sha256(demo_text) != protocol_sha256(demo_text + " ")
