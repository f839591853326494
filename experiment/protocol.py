"""What an experiment consists of: the model of `protocols/*.toml`."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field, model_validator

from experiment.appearance import Colours, Layout, Monitor, Screen, Table
from experiment.design_tables import (
    Design,
    Exclusion,
    Participants,
    Trials,
    Units,
    references_a_side,
)
from experiment.texts import override_problem
from house.errors import UserError
from house.names import find_embedded
from house.places import embedded_protocols
from house.tables import parse_toml, read_toml, validate
from participants.factors import Factor, FactorName, StatedAnalysis, check_factor_names

PROTOCOLS = embedded_protocols()

AnsweredType = Literal["practice", "main", "catch", "repeated"]
Seconds = Annotated[float, Field(ge=0, le=600)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


class Response(Table):
    """How a participant answers.

    `joint`: six keys, each gives choice and confidence; the lists hold confidence 1, 2, 3.
    `two-step`: one key for the choice, then one for the confidence.
    `device`: what answers trials; the keyboard always pauses and turns pages.
    """

    mode: Literal["joint", "two-step"] = "joint"
    device: Literal["keyboard", "mouse", "both"] = "keyboard"
    upper: tuple[Key, Key, Key] = ("u", "i", "o")
    lower: tuple[Key, Key, Key] = ("j", "k", "l")
    choose_upper: Key = "up"
    choose_lower: Key = "down"
    confidence: tuple[Key, Key, Key] = ("1", "2", "3")
    slide: tuple[Key, Key, Key, Key] = ("left", "right", "down", "up")
    go_on: Key = "space"
    pause: Key = "escape"
    leave: Key = "q"

    @model_validator(mode="after")
    def _one_meaning_a_key(self) -> Response:
        always = [self.go_on, self.pause, self.leave]
        for keys in ([*self.answer_keys(), *always], [*self.slide, *always]):
            twice = sorted({key for key in keys if keys.count(key) > 1})
            if twice:
                raise ValueError(f"should give every key one meaning; {', '.join(twice)} has two")
        return self

    def answer_keys(self) -> tuple[str, ...]:
        """Give the keys that answer a trial, those of the upper image first."""
        if self.mode == "joint":
            return (*self.upper, *self.lower)
        return (self.choose_upper, self.choose_lower, *self.confidence)

    @property
    def by_mouse(self) -> bool:
        """Whether the mouse answers."""
        return self.device != "keyboard"


class Timing(Table):
    """Durations in seconds. `time_limit = 0` means no limit."""

    gap: Seconds = 0.5
    feedback_choice: Seconds = 0.5
    feedback_correct: Seconds = 1.5
    time_limit: Seconds = 0.0


class Feedback(Table):
    """In which trials the correct image is shown, and whether blocks end with a score."""

    reveal: tuple[AnsweredType, ...] = ("practice", "main", "catch", "repeated")
    score: bool = True


class Pages(Table):
    """Optional pages, whose words are the texts `consent` and `debrief`."""

    consent: bool = False
    debrief: bool = False


class Protocol(Table):
    """A whole protocol."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    title: str
    description: str = ""
    language: str = "en"
    design: Design
    trials: Trials = Trials()
    units: Units = Units()
    participants: Participants = Participants()
    response: Response = Response()
    timing: Timing = Timing()
    feedback: Feedback = Feedback()
    pages: Pages = Pages()
    exclusion: Exclusion = Exclusion()
    factors: dict[FactorName, Factor] = Field(default_factory=dict)
    analysis: StatedAnalysis = StatedAnalysis()
    texts: dict[str, str] = Field(default_factory=dict)
    layout: Layout = Layout()
    monitor: Monitor = Monitor()
    colours: Colours = Colours()
    screen: Screen = Screen()

    @model_validator(mode="after")
    def _fits_together(self) -> Protocol:
        design, units = self.design, self.units
        if units.main_sets and len(units.main_sets) != len(design.schemes):
            raise ValueError("should have as many units.main_sets as design.schemes")
        if len(design.schemes) > 1 and not units.main_sets:
            raise ValueError(
                "should have units.main_sets, one a scheme, where there are several schemes: "
                "no unit is shown twice in a condition"
            )
        if units.practice_sets and units.practice_lists:
            raise ValueError("should have units.practice_sets or practice_lists, not both")
        lacking = [c for c in design.conditions if c not in units.practice_sets]
        if units.practice_sets and lacking:
            raise ValueError(f"should name in units.practice_sets a set for {', '.join(lacking)}")
        self._can_be_analysed()
        if self.layout.unit == "degrees" and not self.monitor.measured:
            raise ValueError(
                "should have width_cm, distance_cm, width_px and height_px in [monitor], all "
                'measured, where layout.unit = "degrees"'
            )
        widest = max(references_a_side(scheme)[1] for scheme in design.schemes)
        problem = self.layout.on_canvas(self.monitor).problem(3 if widest == 9 else 1)
        if design.intuitiveness:
            problem = problem or self.layout.on_canvas(self.monitor).problem(3, 390)
        if problem:
            raise ValueError(f"(layout) {problem}")
        return self

    def _can_be_analysed(self) -> None:
        """Refuse factors and contrasts of what this protocol never shows."""
        check_factor_names(self.factors)
        conditions: tuple[str, ...] = self.design.conditions
        for name in self.analysis.contrast or ():
            if name not in conditions:
                raise ValueError(
                    f'should name in analysis.contrast only conditions of its own, not "{name}"'
                )
        known: dict[str, tuple[str, ...]] = {
            "condition": conditions,
            "scheme": self.design.schemes,
            "expertise": tuple(self.participants.expertise),
        }
        for factor_name, factor in self.factors.items():
            if factor.column not in known:
                continue
            for value in (str(v) for values in factor.levels.values() for v in values):
                if value not in known[factor.column]:
                    raise ValueError(
                        f"should put into factors.{factor_name} only a {factor.column} of its "
                        f'own, not "{value}"'
                    )

    def group_of(self, participant: int) -> tuple[str | None, int]:
        """Give a participant's expertise (None without groups) and number within the group.

        Borowski et al. (2021) counted from 1 in each group of experiment II: the k-th lay
        participant saw what the k-th expert saw.
        """
        groups = self.participants.expertise
        if not groups:
            return None, participant
        name = max((g for g in groups if groups[g] <= participant), key=groups.__getitem__)
        return name, participant - groups[name] + 1


def parse_protocol(text: str, where: str) -> Protocol:
    """Read a protocol from TOML text, such as the copy that every plan holds.

    Sizes in degrees are turned into pixels of the canvas.

    Raises
    ------
    UserError
        If it is no TOML or not a protocol.
    """
    return _checked(parse_toml(text, "protocol", where), where)


def load_protocol(name_or_path: str) -> tuple[Protocol, str]:
    """Read a protocol by the name of an embedded one or by path.

    Returns
    -------
    protocol : Protocol
        With sizes in pixels of the canvas.
    text : str
        The file as it is, for the plan.

    Raises
    ------
    UserError
        If there is none, or it is wrong; the message names file, key and what is allowed.
    """
    path = find_embedded(name_or_path, PROTOCOLS, ".toml", "protocol")
    protocol = _checked(read_toml(path, "protocol"), str(path))
    return protocol, path.read_text(encoding="utf-8")


def _checked(data: object, where: str) -> Protocol:
    protocol = validate(Protocol, data, where)
    problem = override_problem(protocol.language, protocol.texts)
    if problem:
        raise UserError(problem, where=where)
    layout = protocol.layout.on_canvas(protocol.monitor)
    return protocol.model_copy(update={"layout": layout})


def protocol_sha256(text: str) -> str:
    """Checksum of a protocol's text, independent of line endings."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode("utf-8")).hexdigest()
