"""The columns of the trial table: names, meanings, units, levels. One row a presentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

MISSING = "n/a"
"""How the table writes a value that does not exist (the BIDS convention)."""

CONDITIONS = ("none", "natural", "synthetic")
SCHEMES = ("Max 1", "Min+Max 1", "Max 9", "Min+Max 9")
TRIAL_TYPES = ("intuitiveness", "practice", "main", "catch", "repeated")
POSITIONS = ("upper", "lower")

Dtype = Literal["str", "int", "float", "bool"]


@dataclass(frozen=True)
class Column:
    """One column of the trial table.

    Parameters
    ----------
    description : str
        What it holds.
    dtype : {"str", "int", "float", "bool"}
        Type of its values; any may be missing, written ``n/a``.
    units : str, optional
        Unit of measurement.
    levels : dict, optional
        What each value means, where there are few.
    """

    description: str
    dtype: Dtype
    units: str | None = None
    levels: dict[str, str] | None = None

    def sidecar(self) -> dict[str, Any]:
        """Describe the column as a BIDS sidecar does."""
        entry: dict[str, Any] = {"Description": self.description}
        if self.units:
            entry["Units"] = self.units
        if self.levels:
            entry["Levels"] = self.levels
        return entry


_POSITIONS = {"upper": "the upper query image", "lower": "the lower query image"}

TRIAL_COLUMNS: dict[str, Column] = {
    "participant": Column("Participant number, from 1.", "int"),
    "session": Column("Session number of the participant, from 1.", "int"),
    "block": Column("Block within the session, from 1.", "int"),
    "trial": Column("Trial within the session, from 1, as planned.", "int"),
    "trial_type": Column(
        "What the trial is for.",
        "str",
        levels={
            "intuitiveness": "rating of how intuitive a set of images is",
            "practice": "before the main trials of a condition",
            "main": "the measured trials",
            "catch": "queries are copies of shown references: checks attention",
            "repeated": "an earlier main trial shown again",
        },
    ),
    "condition": Column(
        "Kind of reference images.",
        "str",
        levels={
            "none": "no references",
            "natural": "data-set images that activate the unit most and least",
            "synthetic": "feature visualizations",
        },
    ),
    "scheme": Column(
        "Which references are shown.",
        "str",
        levels={
            "Max 1": "one maximally activating image",
            "Min+Max 1": "one minimally and one maximally activating image",
            "Max 9": "nine maximally activating images",
            "Min+Max 9": "nine minimally and nine maximally activating images",
        },
    ),
    "unit": Column("The unit explained, as layer:branch:channel.", "str"),
    "layer": Column("Layer of the unit.", "str"),
    "branch": Column("Branch of the module that the unit belongs to.", "str"),
    "channel": Column("Channel of the unit within its layer's output, from 0.", "int"),
    "selection": Column(
        "How the unit was chosen.",
        "str",
        levels={"random": "drawn at random", "hand-picked": "chosen by the stimulus maker"},
    ),
    "batch": Column("Disjoint set of natural images that the trial draws from.", "int"),
    "references_min": Column(
        "Ids of the minimally activating references in order of the grid, separated by spaces.",
        "str",
    ),
    "references_max": Column(
        "Ids of the maximally activating references in order of the grid, separated by spaces.",
        "str",
    ),
    "query_upper": Column("Id of the upper query image.", "str"),
    "query_lower": Column("Id of the lower query image.", "str"),
    "correct_position": Column(
        "Where the query that activates the unit strongly was shown.", "str", levels=_POSITIONS
    ),
    "key": Column("The key or button that gave the choice.", "str"),
    "choice": Column("The query image chosen.", "str", levels=_POSITIONS),
    "correct": Column("Whether the choice was the strongly activating query.", "bool"),
    "confidence": Column(
        "Confidence in the choice.",
        "int",
        levels={"1": "not confident", "2": "somewhat confident", "3": "very confident"},
    ),
    "rt": Column("From onset of the trial's images to the choice.", "float", "s"),
    "confidence_rt": Column(
        "From onset of the trial's images to the confidence rating; equals rt where one "
        "response gives both.",
        "float",
        "s",
    ),
    "rating": Column(
        "Intuitiveness rating from -100 (not intuitive) to 100 (very intuitive).", "float"
    ),
    "onset_time": Column(
        "Time of the flip that showed the trial's images, on the session's clock.", "float", "s"
    ),
    "response_time": Column("Time of the choice on the session's clock.", "float", "s"),
    "confidence_time": Column(
        "Time of the confidence rating on the session's clock.", "float", "s"
    ),
    "wall_clock": Column("Date and time of onset, UTC, ISO 8601.", "str"),
    "presses_before_onset": Column("Key presses before onset, which were rejected.", "int"),
    "frames_shown": Column("Screen frames from onset to the response.", "int"),
    "frames_dropped": Column("Frames that took more than 1.5 times the refresh period.", "int"),
    "longest_frame": Column("Longest interval between two flips of the trial.", "float", "s"),
    "preparation_time": Column("Time taken to decode and upload the trial's images.", "float", "s"),
    "gap_overrun": Column(
        "By how much the gap before the trial outlasted its planned length.", "float", "s"
    ),
    "repeated_of": Column("The trial of which this one is a repetition.", "int"),
    "interrupted": Column(
        "Number of earlier presentations of this trial that ended without an answer "
        "(a crash or an abort).",
        "int",
    ),
    "expertise": Column("The participant's expertise, where the protocol asks for it.", "str"),
}

RESULT_COLUMNS = (
    "key",
    "choice",
    "correct",
    "confidence",
    "rt",
    "confidence_rt",
    "rating",
    "onset_time",
    "response_time",
    "confidence_time",
    "wall_clock",
    "presses_before_onset",
    "frames_shown",
    "frames_dropped",
    "longest_frame",
    "preparation_time",
    "gap_overrun",
)
"""Columns that a `trial_end` event carries; the others come from the plan and the session."""
