"""What an experiment consists of: the model of `protocols/*.toml`."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from house.names import find_embedded
from house.tables import parse_toml, read_toml, validate

PROTOCOLS = Path(__file__).parent / "protocols"

Condition = Literal["none", "natural", "synthetic"]
Scheme = Literal["Max 1", "Min+Max 1", "Max 9", "Min+Max 9"]
Role = Literal["main", "practice", "intuitiveness", "catch"]


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError('should be a colour such as "#1b7f3b"')
    return value.lower()


Colour = Annotated[str, AfterValidator(_colour)]
Pixels = Annotated[int, Field(ge=0, le=4000)]
Seconds = Annotated[float, Field(ge=0, le=600)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Design(_Table):
    """Conditions, the scheme of references, and how orders are drawn."""

    conditions: tuple[Condition, ...] = Field(min_length=1)
    scheme: Scheme = "Min+Max 9"
    longest_run: int = Field(default=4, ge=1)

    @model_validator(mode="after")
    def _distinct(self) -> Design:
        if len(set(self.conditions)) != len(self.conditions):
            raise ValueError("should name every condition once")
        return self


class Trials(_Table):
    """Counts of trials and blocks a condition; `main = 0` means every main unit."""

    practice: int = Field(default=1, ge=0)
    main: int = Field(default=0, ge=0)
    main_blocks: int = Field(default=1, ge=1)
    catch_per_block: int = Field(default=0, ge=0)


class Units(_Table):
    """Which role in the bank the units of each trial type are taken from."""

    main: Role = "main"
    practice: Role = "practice"
    catch: Role = "practice"


class Response(_Table):
    """How a participant answers.

    `joint`: six keys, each gives choice and confidence; the lists hold confidence 1, 2, 3.
    `two-step`: one key for the choice, then one for the confidence.
    """

    mode: Literal["joint", "two-step"] = "joint"
    upper: tuple[Key, Key, Key] = ("u", "i", "o")
    lower: tuple[Key, Key, Key] = ("j", "k", "l")
    choose_upper: Key = "up"
    choose_lower: Key = "down"
    confidence: tuple[Key, Key, Key] = ("1", "2", "3")
    go_on: Key = "space"
    pause: Key = "escape"
    leave: Key = "q"

    @model_validator(mode="after")
    def _one_meaning_a_key(self) -> Response:
        keys = [*self.answer_keys(), self.go_on, self.pause, self.leave]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"should give every key one meaning; {', '.join(twice)} has two")
        return self

    def answer_keys(self) -> tuple[str, ...]:
        """Give the keys that answer a trial, those of the upper image first."""
        if self.mode == "joint":
            return (*self.upper, *self.lower)
        return (self.choose_upper, self.choose_lower, *self.confidence)


class Timing(_Table):
    """Durations in seconds. `time_limit = 0` means no limit."""

    gap: Seconds = 0.5
    feedback_choice: Seconds = 0.5
    feedback_correct: Seconds = 1.5
    time_limit: Seconds = 0.0


class Layout(_Table):
    """Pixels of a canvas of `width` x `height`, scaled uniformly to the window."""

    width: int = Field(default=1920, ge=640)
    height: int = Field(default=1080, ge=480)
    image: int = Field(default=224, ge=16)
    gap: Pixels = 7
    margin: Pixels = 28
    frame: Pixels = 6


class Colours(_Table):
    """Colours of the screens as `#rrggbb`."""

    background: Colour = "#efefed"
    text: Colour = "#1c1c1e"
    muted: Colour = "#6b6b70"
    line: Colour = "#d3d3d1"
    key: Colour = "#ffffff"
    chosen: Colour = "#000000"
    correct: Colour = "#0a8f4d"


class Screen(_Table):
    """What the presentation machine should offer; preflight compares."""

    refresh_rate: float = Field(default=60.0, gt=0, le=500)
    refresh_tolerance: float = Field(default=1.0, gt=0)
    smallest: tuple[int, int] = (1280, 720)


class Protocol(_Table):
    """A whole protocol. `text` and `sha256` hold the file itself, for the plan."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    title: str
    description: str = ""
    language: str = "en"
    design: Design
    trials: Trials = Trials()
    units: Units = Units()
    response: Response = Response()
    timing: Timing = Timing()
    layout: Layout = Layout()
    colours: Colours = Colours()
    screen: Screen = Screen()

    @model_validator(mode="after")
    def _images_fit(self) -> Protocol:
        per_side = 3 if self.design.scheme.endswith("9") else 1
        side = per_side * self.layout.image + (per_side - 1) * self.layout.gap
        needed = 2 * (side + self.layout.margin) + self.layout.image + 2 * self.layout.margin
        if needed > self.layout.width or side + 200 > self.layout.height:
            raise ValueError(
                f"should have a layout with room for its images: the scheme {self.design.scheme} "
                f"with images of {self.layout.image} px needs {needed} x {side + 200} px"
            )
        return self


def references_a_side(scheme: str) -> tuple[int, int]:
    """Number of minimal and of maximal references in a scheme, such as (9, 9) or (0, 1)."""
    count = int(scheme.rsplit(" ", 1)[1])
    return (count if scheme.startswith("Min+") else 0), count


def parse_protocol(text: str, where: str) -> Protocol:
    """Read a protocol from TOML text, such as the copy that every plan holds.

    Raises
    ------
    UserError
        If it is no TOML or not a protocol.
    """
    return validate(Protocol, parse_toml(text, "protocol", where), where)


def load_protocol(name_or_path: str) -> tuple[Protocol, str]:
    """Read a protocol by the name of an embedded one or by path.

    Returns
    -------
    protocol : Protocol
    text : str
        The file as it is, for the plan.

    Raises
    ------
    UserError
        If there is none, or it is wrong; the message names file, key and what is allowed.
    """
    path = find_embedded(name_or_path, PROTOCOLS, ".toml", "protocol")
    protocol = validate(Protocol, read_toml(path, "protocol"), str(path))
    return protocol, path.read_text(encoding="utf-8")


def protocol_sha256(text: str) -> str:
    """Checksum of a protocol's text, independent of line endings."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode("utf-8")).hexdigest()
