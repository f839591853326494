"""Protocol files: what is allowed, and what is said about the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import exclusion as analysis
from experiment.design_tables import Exclusion, references_a_side
from experiment.protocol import (
    PROTOCOLS,
    load_protocol,
    parse_protocol,
    protocol_sha256,
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
    assert protocol.design.schemes == ("Min+Max 9",)
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


def test_the_rules_of_exclusion_are_those_that_the_analysis_reads() -> None:
    ours, theirs = Exclusion.model_json_schema(), analysis.Exclusion.model_json_schema()
    assert ours["properties"].keys() == theirs["properties"].keys()
    stated = {"catch_accuracy": 0.8, "rt_floor": 0.2, "fast_share": 0.1, "unfinished": True}
    assert Exclusion(**stated).model_dump() == analysis.Exclusion(**stated).model_dump()


PUBLISHED = "borowski2021_experiment2"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["Max 1", "Max 9", "Min', '["Max 1", "Max 1", "Min', "every scheme once"),
        ('order = "published"\n', 'order = "balanced"\n', "scheme_orders only with order"),
        ('main_sets = ["a", "b", "c", "d"]', 'main_sets = ["a"]', "as many units.main_sets"),
        ('main_sets = ["a", "b", "c", "d"]', "", "one a scheme, where there are several"),
        ('synthetic = "f", ', "", "a set for synthetic"),
        ('practice = "practice"\n', "practice_lists = true\n", "not both"),
        ("expert = 1", "expert = 2", "one of them 1"),
        ("lay = 11", "lay = 1", "its own first number"),
        ('intuitiveness = ["before", "after"]', 'intuitiveness = ["during"]', "intuitiveness"),
        ('unit = "pixels"', 'unit = "degrees"', "width_cm, distance_cm"),
        ("[screen]", '[texts]\n"pause.titel" = "x"\n[screen]', 'Did you mean "pause.title"'),
        ("[screen]", '[texts]\n"block.body" = "{n}"\n[screen]', "it may hold: count"),
        ("[screen]", '[texts]\n"block.body" = "{"\n[screen]', "cannot be filled"),
        ("[screen]", "[exclusion]\nfast_share = 0.1\n[screen]", "rt_floor"),
    ],
)
def test_what_does_not_fit_together_is_named(old: str, new: str, said: str) -> None:
    text = load_protocol(PUBLISHED)[1]
    assert old in text
    with pytest.raises(UserError) as caught:
        parse_protocol(text.replace(old, new, 1), "own.toml")
    assert "own.toml" in str(caught.value)
    assert said in str(caught.value)


def test_expertise_follows_from_the_number() -> None:
    protocol, _ = load_protocol(PUBLISHED)
    assert protocol.group_of(1) == ("expert", 1)
    assert protocol.group_of(10) == ("expert", 10)
    assert protocol.group_of(11) == ("lay", 1)
    assert protocol.group_of(500) == ("lay", 490)
    assert load_protocol("demo")[0].group_of(12) == (None, 12)


def test_counts_of_a_condition(demo_text: str) -> None:
    text = demo_text.replace("[units]", "[trials.natural]\npractice = 0\nmain_blocks = 3\n[units]")
    trials = parse_protocol(text, "x").trials
    assert (trials.of("natural").practice, trials.of("natural").main_blocks) == (0, 3)
    assert trials.of("natural").catch_per_block == trials.of("synthetic").catch_per_block == 2
    assert (trials.of("none").practice, trials.of("none").catch_per_block) == (1, 0)


DEGREES = """
[monitor]
width_cm = 53.0
distance_cm = 60.0
width_px = 2560
height_px = 1440
"""


def test_degrees_become_pixels_of_the_monitor(demo_text: str) -> None:
    text = demo_text.replace("[layout]  ", f'{DEGREES}[layout]\nunit = "degrees" ')
    text = text.replace("image = 224", "image = 4.0").replace("gap = 7", "gap = 0.1")
    text = text.replace("frame = 6", "frame = 0.1")
    protocol = parse_protocol(text, "x")
    # By hand: 2 x 60 cm x tan(2 deg) = 4.1905 cm = 202.41 px of 2560 / 53 cm, so 202 px.
    scale = min(2560 / 1920, 1440 / 1080)
    assert protocol.layout.unit == "pixels"
    assert protocol.layout.image * scale == pytest.approx(202)
    # 2 x 60 x tan(0.05 deg) = 0.10472 cm = 5.06 px.
    assert protocol.layout.gap * scale == pytest.approx(5)
    assert protocol.layout.frame * scale == pytest.approx(5)
    too_near = text.replace("distance_cm = 60.0", "distance_cm = 120.0")
    with pytest.raises(UserError, match="room for its images"):
        parse_protocol(too_near, "x")
