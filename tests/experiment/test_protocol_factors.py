"""Factors and contrasts that a protocol names must be of what it shows."""

from __future__ import annotations

import pytest

from experiment.protocol import PROTOCOLS, parse_protocol
from house.errors import UserError

TEXT = (PROTOCOLS / "borowski2021_experiment2.toml").read_text(encoding="utf-8")
GOOD = """
[factors.amount]
column = "scheme"
levels = { one = ["Max 1", "Min+Max 1"], nine = ["Max 9", "Min+Max 9"] }

[factors.half]
column = "participant"
levels = { first = ["1-20"], second = ["21-40"] }

[analysis]
contrast = ["natural", "synthetic"]
"""


def test_they_are_kept() -> None:
    protocol = parse_protocol(TEXT + GOOD, "ours.toml")
    assert list(protocol.factors) == ["amount", "half"]
    assert protocol.analysis.contrast == ("natural", "synthetic")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"synthetic"]\n', '"none"]\n', 'analysis.contrast only conditions of its own, not "none"'),
        ('"Max 9", "Min', '"Max 4", "Min', 'factors.amount only a scheme of its own, not "Max 4"'),
        ("factors.half", "factors.batch", 'no factor "batch"'),
        ('"21-40"', '"20-40"', "20 into one level only"),
    ],
)
def test_what_is_never_shown_is_refused(old: str, new: str, said: str) -> None:
    changed = GOOD.replace(old, new)
    assert changed != GOOD
    with pytest.raises(UserError, match=said):
        parse_protocol(TEXT + changed, "ours.toml")
