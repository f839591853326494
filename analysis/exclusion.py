"""Who and what a protocol leaves out: its table `[exclusion]`, and what the rules come to.

The rules are read from the copy of the protocol that every plan holds, so they are those that
were stated before the data were there. A protocol without the table excludes nobody, and so did
the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from analysis.words import count, number
from house.errors import UserError
from house.tables import parse_toml, validate

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Minutes = Annotated[float, Field(ge=0, le=1440)]


class Exclusion(BaseModel):
    """The table `[exclusion]` of a protocol. A rule that is not stated is not applied.

    Attributes
    ----------
    catch_accuracy : float
        Least share of catch trials that a participant must answer correctly.
    accuracy : float
        Least share of main trials that a participant must answer correctly.
    session_minutes : tuple of float
        Shortest and longest time that a participant's sessions may take together.
    side_bias : float
        Largest share of main trials in which a participant may choose the same side, 0.5 to 1.
    rt_floor, rt_ceiling : float
        Seconds; trials answered faster, or more slowly, are left out (ratings never are).
    fast_share : float
        Largest share of a participant's main trials that may lie below `rt_floor`.
    unfinished : bool
        Whether participants with an unfinished session are left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    catch_accuracy: Share | None = None
    accuracy: Share | None = None
    session_minutes: tuple[Minutes, Minutes] | None = None
    side_bias: Annotated[float, Field(ge=0.5, le=1)] | None = None
    rt_floor: Seconds | None = None
    rt_ceiling: Seconds | None = None
    fast_share: Share | None = None
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

    @property
    def stated(self) -> dict[str, Any]:
        """The rules that are stated, as in the file."""
        return self.model_dump(mode="json", exclude_defaults=True)


NOBODY = Exclusion()


def read_rules(text: str, where: str) -> Exclusion:
    """Read the rules from the text of a protocol.

    Raises
    ------
    UserError
        If the text is no TOML, or the table has unknown keys or impossible values.
    """
    if not text.strip():
        return NOBODY
    return validate(Exclusion, parse_toml(text, "protocol", where).get("exclusion", {}), where)


@dataclass(frozen=True)
class Decision:
    """What the rules come to for one experiment.

    Attributes
    ----------
    trials : pandas.DataFrame
        What is left.
    rules : list of dict
        The stated rules, one dict a version of the protocol; empty where there are none.
    participants : list of dict
        `participant` and `reasons` of everyone left out.
    n_trials : int
        Trials of the others that were left out.
    statements : list of str
        Whole sentences for the report.
    """

    trials: pd.DataFrame
    rules: list[dict[str, Any]] = field(default_factory=list)
    participants: list[dict[str, Any]] = field(default_factory=list)
    n_trials: int = 0
    statements: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was left out."""
        return bool(self.participants or self.n_trials)


def exclude(trials: pd.DataFrame, sessions: pd.DataFrame, rules: dict[str, Exclusion]) -> Decision:
    """Apply the rules of each participant's own protocol to one experiment.

    Participants are judged by all their trials, then single trials of the others are left out.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment.
    sessions : pandas.DataFrame
        Its sessions.
    rules : dict of str to Exclusion
        Checksum of a protocol to its rules; a protocol that is not there states none.

    Raises
    ------
    UserError
        If nobody or no main trial is left.
    """
    versions = sessions.sort_values("session").groupby("participant")["protocol_sha256"].first()
    own = {int(str(p)): rules.get(str(sha), NOBODY) for p, sha in versions.items()}
    stated = [rule.stated for rule in dict.fromkeys(own.values()) if rule.stated]
    if not stated:
        return Decision(trials)
    out: list[dict[str, Any]] = []
    unjudged: list[str] = []
    keep = pd.Series(True, index=trials.index)
    for participant, some in trials.groupby("participant", sort=True):
        person = int(str(participant))
        rule = own.get(person, NOBODY)
        theirs = sessions[sessions["participant"] == person]
        reasons, open_questions = _judge(some, theirs, rule)
        unjudged += [f"participant {person} ({question})" for question in open_questions]
        if reasons:
            out.append({"participant": person, "reasons": reasons})
            keep[some.index] = False
        else:
            keep[some.index] = ~_times_to_leave_out(some, rule)
    left = trials[keep]
    gone = {entry["participant"] for entry in out}
    n_trials = int((~keep & ~trials["participant"].isin(list(gone))).sum())
    if not ((left["trial_type"] == "main") & left["correct"].notna()).any():
        raise UserError(
            f"the exclusion rules of the protocol leave no main trial: {len(gone)} of "
            f"{trials['participant'].nunique()} participants are excluded",
            remedy="; ".join(f"{e['participant']}: {', '.join(e['reasons'])}" for e in out[:5]),
        )
    statements = [_sentence(out, n_trials)]
    if unjudged:
        statements.append("Could not be judged and kept: " + ", ".join(unjudged) + ".")
    return Decision(left, stated, out, n_trials, statements)


def _sentence(out: list[dict[str, Any]], n_trials: int) -> str:
    if not out and not n_trials:
        return "The protocol states rules of exclusion; nobody and nothing broke them."
    parts = []
    if out:
        listing = "; ".join(f"{e['participant']} ({', '.join(e['reasons'])})" for e in out)
        parts.append(
            f"{count(len(out), 'participant')} excluded by the protocol's rules: {listing}"
        )
    if n_trials:
        parts.append(f"{count(n_trials, 'trial')} of the others left out for their response time")
    return "; ".join(parts) + "."


def _times_to_leave_out(trials: pd.DataFrame, rule: Exclusion) -> pd.Series[bool]:
    answered = (trials["trial_type"] != "intuitiveness") & trials["rt"].notna()
    wrong = pd.Series(False, index=trials.index)
    if rule.rt_floor is not None:
        wrong |= trials["rt"] < rule.rt_floor
    if rule.rt_ceiling is not None:
        wrong |= trials["rt"] > rule.rt_ceiling
    return wrong & answered


def _judge(
    trials: pd.DataFrame, sessions: pd.DataFrame, rule: Exclusion
) -> tuple[list[str], list[str]]:
    """Why a participant is left out, and which stated rules could not be judged."""
    reasons, unjudged = [], []
    for limit, what, measured, broken in _measures(trials, sessions, rule):
        if measured is None:
            unjudged.append(f"{what} not in the record")
        elif broken(measured):
            reasons.append(f"{what} {_written(measured)}, allowed {limit}")
    if rule.unfinished and not sessions["finished"].all():
        reasons.append("session unfinished")
    return reasons, unjudged


def _measures(
    trials: pd.DataFrame, sessions: pd.DataFrame, rule: Exclusion
) -> Iterator[tuple[str, str, float | None, Callable[[float], bool]]]:
    """Every stated rule: its limit in words, what it is about, the value, and when it is broken."""
    main = trials[trials["trial_type"] == "main"]
    catch = trials[trials["trial_type"] == "catch"]
    if (low := rule.catch_accuracy) is not None:
        yield f"at least {low:g}", "catch accuracy", _mean(catch["correct"]), lambda v: v < low
    if (least := rule.accuracy) is not None:
        yield f"at least {least:g}", "accuracy", _mean(main["correct"]), lambda v: v < least
    if rule.session_minutes is not None:
        shortest, longest = rule.session_minutes
        yield (f"{shortest:g} to {longest:g}", "minutes of the session", _minutes(sessions),
               lambda v: not shortest <= v <= longest)  # fmt: skip
    if (most := rule.side_bias) is not None:
        upper = _mean((main["choice"] == "upper").where(main["choice"].notna()))
        share = None if upper is None else max(upper, 1 - upper)
        yield f"at most {most:g}", "share of one side", share, lambda v: v > most
    if (quick := rule.fast_share) is not None:
        times = main["rt"].dropna()
        fast = _mean(times < (rule.rt_floor or 0.0))
        yield f"at most {quick:g}", "share of too fast answers", fast, lambda v: v > quick


def _mean(values: pd.Series[Any]) -> float | None:
    known = values.dropna()
    return float(known.astype(float).mean()) if len(known) else None


def _minutes(sessions: pd.DataFrame) -> float | None:
    begun = pd.to_datetime(sessions["started"], errors="coerce", utc=True, format="ISO8601")
    ended = pd.to_datetime(sessions["completed"], errors="coerce", utc=True, format="ISO8601")
    if begun.isna().any() or ended.isna().any():
        return None
    return float((ended - begun).dt.total_seconds().sum() / 60)


def _written(value: float) -> str:
    return number(value, 2).rstrip("0").rstrip(".")
