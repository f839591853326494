"""The record of a session as data: plan, planned trials, session metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

RECORD_VERSION = 1

Position = Literal["upper", "lower"]
TrialType = Literal["intuitiveness", "practice", "main", "catch", "repeated"]
Scheme = Literal["Max 1", "Min+Max 1", "Max 9", "Min+Max 9"]
BlockKind = Literal["intuitiveness", "practice", "main", "repeated"]
SessionKind = Literal["human", "simulated", "published"]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlannedTrial(_Frozen):
    """One trial as planned: everything about it but the answer.

    Attributes
    ----------
    trial : int
        Number within the session, from 1.
    block : int
        Number of its block, from 1.
    trial_type : str
        intuitiveness, practice, main, catch or repeated. A catch trial lies inside a main block.
    condition : str
        none, natural, synthetic, or a lab's own.
    scheme : str
        Which references are shown.
    unit, layer, branch, channel, selection
        The unit explained.
    batch : int
        Disjoint set of natural images that queries (and natural references) come from.
    references_min, references_max : tuple of str
        Image ids in order of the grid, row by row; empty where none are shown.
    query_upper, query_lower : str
        Image ids; both empty in an intuitiveness trial.
    correct_position : {"upper", "lower"} or None
        Where the strongly activating query is.
    repeated_of : int or None
        The trial that is shown again.
    """

    trial: int = Field(ge=1)
    block: int = Field(ge=1)
    trial_type: TrialType
    condition: str
    scheme: Scheme
    unit: str
    layer: str
    branch: str
    channel: int | None = None
    selection: str = "random"
    batch: int | None = None
    references_min: tuple[str, ...] = ()
    references_max: tuple[str, ...] = ()
    query_upper: str = ""
    query_lower: str = ""
    correct_position: Position | None = None
    repeated_of: int | None = None

    @property
    def image_ids(self) -> tuple[str, ...]:
        """All images that the trial shows: references, then the upper and the lower query."""
        queries = tuple(q for q in (self.query_upper, self.query_lower) if q)
        return self.references_min + self.references_max + queries


class PlannedBlock(_Frozen):
    """A run of trials of one condition and scheme, with an announcement and a score."""

    block: int = Field(ge=1)
    kind: BlockKind
    condition: str
    scheme: Scheme
    trials: tuple[PlannedTrial, ...]


class Plan(_Frozen):
    """The immutable list of trials of one session, with all that it was made from."""

    schema_version: Literal[1] = 1
    protocol: str
    protocol_sha256: str
    protocol_text: str
    bank_name: str
    bank_sha256: str
    participant: int = Field(ge=1)
    session: int = Field(ge=1)
    seed: int = Field(ge=0)
    blocks: tuple[PlannedBlock, ...]

    @model_validator(mode="after")
    def _numbers_are_unique(self) -> Plan:
        numbers = [trial.trial for trial in self.trials()]
        if len(set(numbers)) != len(numbers):
            raise ValueError("two trials of the plan have the same number")
        return self

    def extended(self, blocks: Iterable[PlannedBlock]) -> Plan:
        """Give the plan with blocks after its own that were decided during the session.

        Some blocks follow from answers: which trials are repeated depends on confidence. They are
        not in `plan.json`, which never changes. Once decided (by a pure function of plan and
        answers, `experiment.repeats.decide_repeats`) they are written to the journal as one
        fsynced event `plan_extended` with the data ``blocks``, before the first of them is shown;
        `participants.table.state_of` reads them back as `SessionState.extension`. A session that
        goes on takes the blocks of its journal and decides them only where there are none yet.

        Parameters
        ----------
        blocks : iterable of PlannedBlock
            Their blocks and trials are numbered on from those of the plan.
        """
        extra = tuple(blocks)
        if not extra:
            return self
        # Built anew, so that the numbers are checked.
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return Plan(**{**fields, "blocks": self.blocks + extra})

    def trials(self) -> Iterator[PlannedTrial]:
        """All trials in order."""
        for block in self.blocks:
            yield from block.trials

    def trial(self, number: int) -> PlannedTrial:
        """Give the trial of that number."""
        for trial in self.trials():
            if trial.trial == number:
                return trial
        raise KeyError(number)


class SessionInfo(BaseModel):
    """What was true of the whole session. No name, birth date or address is ever held.

    Attributes
    ----------
    kind : {"human", "simulated", "published"}
        Who answered: a person, a simulated observer, or a participant of a published data set.
    observer : dict or None
        Name and parameters of the simulated observer.
    started, completed : str or None
        Date and time, UTC, ISO 8601; `completed` is None while the session is unfinished.
    experimenter : str or None
        Code of whoever led the session, as the laboratory gives codes.
    consented : str or None
        Date and time at which the participant consented, UTC, ISO 8601.
    software, machine, screen, keyboard : dict
        Versions; operating system and processor; size and measured refresh rate; backend.
    triggers : list of dict
        What told recorders of onsets.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    participant: int = Field(ge=1)
    session: int = Field(ge=1)
    protocol: str
    protocol_sha256: str = ""
    bank_name: str = ""
    bank_sha256: str = ""
    kind: SessionKind
    observer: dict[str, Any] | None = None
    expertise: str | None = None
    started: str | None = None
    completed: str | None = None
    experimenter: str | None = None
    consented: str | None = None
    seed: int | None = None
    git_commit: str | None = None
    software: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, str] = Field(default_factory=dict)
    screen: dict[str, Any] = Field(default_factory=dict)
    keyboard: dict[str, Any] = Field(default_factory=dict)
    triggers: list[dict[str, Any]] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
