"""The tables of a protocol that say what is shown to whom: design, counts, units, exclusion."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from experiment.appearance import Table

Condition = Literal["none", "natural", "synthetic"]
Scheme = Literal["Max 1", "Min+Max 1", "Max 9", "Min+Max 9"]
Role = Literal["main", "practice", "intuitiveness", "catch"]
Minutes = Annotated[float, Field(ge=0, le=1440)]
Proportion = Annotated[float, Field(ge=0, le=1)]


class Design(Table):
    """Conditions, schemes of references, and how orders are drawn.

    Attributes
    ----------
    order : {"balanced", "published"}
        `balanced`: schemes follow a Williams square, sets of units and the starting condition are
        crossed with it, and the correct side is balanced within every condition and scheme.
        `published`: as Borowski et al. (2021) did it: `scheme_orders` by participant number, sides
        by a coin, references in the order of the released files.
    around : tuple of str
        Conditions whose blocks lie half before and half after those of the others.
    practice_together : bool
        Whether all practice blocks of the other conditions come before their first main block;
        otherwise each condition's practice comes before its own.
    intuitiveness : tuple of {"before", "after"}
        When ratings are asked for.
    repeated : int
        At the end of the session, this many of the least and of the most confident main trials
        of every condition (and scheme) are shown again.
    batch_step, batch_participants : int
        Main trials move on by `batch_step` batches of images every `batch_participants`
        participants.
    """

    conditions: tuple[Condition, ...] = Field(min_length=1)
    schemes: tuple[Scheme, ...] = Field(default=("Min+Max 9",), min_length=1)
    order: Literal["balanced", "published"] = "balanced"
    scheme_orders: tuple[tuple[Scheme, ...], ...] = ()
    longest_run: int = Field(default=4, ge=1)
    around: tuple[Condition, ...] = ()
    practice_together: bool = False
    intuitiveness: tuple[Literal["before", "after"], ...] = ()
    repeated: int = Field(default=0, ge=0)
    batch_step: int = Field(default=1, ge=1)
    batch_participants: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Design:
        for name in ("conditions", "schemes", "intuitiveness", "around"):
            value = getattr(self, name)
            if len(set(value)) != len(value):
                what = "condition" if name == "conditions" else "one"
                raise ValueError(f"should name every {what} once in {name}")
        if not set(self.around) <= set(self.conditions):
            raise ValueError("should name in around only conditions of its own")
        for order in self.scheme_orders:
            if sorted(order) != sorted(self.schemes):
                raise ValueError("should hold every scheme once in each of scheme_orders")
        if self.scheme_orders and self.order == "balanced":
            raise ValueError('should have scheme_orders only with order = "published"')
        return self


class Counts(Table):
    """What a condition has otherwise than the rest; left out, the value of `trials` holds."""

    practice: int | None = Field(default=None, ge=0)
    main: int | None = Field(default=None, ge=0)
    main_blocks: int | None = Field(default=None, ge=1)
    catch_per_block: int | None = Field(default=None, ge=0)


class Trials(Table):
    """Counts of trials and blocks a condition and scheme; `main = 0` means every main unit."""

    practice: int = Field(default=1, ge=0)
    main: int = Field(default=0, ge=0)
    main_blocks: int = Field(default=1, ge=1)
    catch_per_block: int = Field(default=0, ge=0)
    none: Counts = Counts()
    natural: Counts = Counts()
    synthetic: Counts = Counts()

    def of(self, condition: str) -> Trials:
        """Give the counts of one condition. Without references there are no catch trials."""
        own: Counts = getattr(self, condition)
        changes = {name: value for name, value in own if value is not None}
        if condition == "none":
            changes["catch_per_block"] = 0
        return self.model_copy(update=changes)


class Units(Table):
    """Where the units of each trial type come from: a role in the bank, and sets within it.

    Attributes
    ----------
    main_sets : tuple of str
        As many as schemes: a Latin square over participants assigns them. Empty: all units.
    practice_sets : dict
        Condition to the set of its practice units.
    practice_lists : bool
        Whether the practice units are parted into one list a condition (the sets of the bank,
        or equal parts in the bank's order), and which list a condition gets is drawn.
    catch_sets : tuple of str
        Sets of the catch units. Empty: all of the role.
    """

    main: Role = "main"
    practice: Role = "practice"
    catch: Role = "practice"
    intuitiveness: Role = "intuitiveness"
    main_sets: tuple[str, ...] = ()
    practice_sets: dict[Condition, str] = Field(default_factory=dict)
    practice_lists: bool = False
    catch_sets: tuple[str, ...] = ()


class Participants(Table):
    """Groups of participants.

    `expertise` gives the first participant number of each group. Orders, sets and batches count
    from 1 within a group, so that the groups see the same designs.
    """

    expertise: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _from_one(self) -> Participants:
        numbers = list(self.expertise.values())
        if numbers and (min(numbers) != 1 or len(set(numbers)) != len(numbers)):
            raise ValueError("should give each group its own first number, one of them 1")
        return self


class Exclusion(Table):
    """Whom and what the analysis leaves out, stated before there are data; it applies the rules.

    Left out, a rule is not applied.

    Attributes
    ----------
    catch_accuracy, accuracy : float
        Least share of catch trials, and of main trials, that must be answered correctly.
    session_minutes : tuple of float
        Shortest and longest time that a participant's sessions may take together.
    side_bias : float
        Largest share of main trials in which the same side may be chosen, 0.5 to 1.
    rt_floor, rt_ceiling : float
        Seconds; trials answered faster, or more slowly, are left out.
    fast_share : float
        Largest share of main trials that may lie below `rt_floor`.
    unfinished : bool
        Whether participants with an unfinished session are left out.
    """

    catch_accuracy: Proportion | None = None
    accuracy: Proportion | None = None
    session_minutes: tuple[Minutes, Minutes] | None = None
    side_bias: Annotated[float, Field(ge=0.5, le=1)] | None = None
    rt_floor: Annotated[float, Field(gt=0, le=3600)] | None = None
    rt_ceiling: Annotated[float, Field(gt=0, le=3600)] | None = None
    fast_share: Proportion | None = None
    unfinished: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Exclusion:
        if self.session_minutes and self.session_minutes[0] >= self.session_minutes[1]:
            raise ValueError("should have session_minutes with the shorter time first")
        if self.rt_floor and self.rt_ceiling and self.rt_floor >= self.rt_ceiling:
            raise ValueError("should have an rt_floor below rt_ceiling")
        if self.fast_share is not None and self.rt_floor is None:
            raise ValueError("should have an rt_floor where it has fast_share")
        return self


def references_a_side(scheme: str) -> tuple[int, int]:
    """Number of minimal and of maximal references in a scheme, such as (9, 9) or (0, 1)."""
    count = int(scheme.rsplit(" ", 1)[1])
    return (count if scheme.startswith("Min+") else 0), count
