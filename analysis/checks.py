"""What must hold in a table of trials before anything is computed from it.

A contradiction stops the work with a message. What can be set aside is set aside and said.
"""

from __future__ import annotations

import pandas as pd

from house.errors import UserError
from participants import TRIAL_TYPES

_LONGEST_MEDIAN = 300.0
_LONGEST_TIME = 600.0
_MOST_LONG = 3
"""So many times above `_LONGEST_TIME` in one session are no pauses."""


def check_trials(trials: pd.DataFrame, sessions: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Check a table of trials and say what a reader must know about it.

    Parameters
    ----------
    trials : pandas.DataFrame
        As `load` reads it.
    sessions : pandas.DataFrame
        The sessions that it came from.

    Returns
    -------
    trials : pandas.DataFrame
        The same, with times that cannot be true set to missing.
    statements : list of str
        Whole sentences for the report.

    Raises
    ------
    UserError
        On duplicated trials, values that contradict each other or that their column cannot
        have, and times that are plainly not seconds.
    """
    _refuse_contradictions(trials)
    _refuse_two_spellings(trials)
    _refuse_two_meanings(trials)
    _refuse_milliseconds(trials)
    _refuse_mixed_units(trials)
    trials, statements = _impossible_times(trials)
    return trials, [*_about_sessions(sessions, trials), *statements, *_about_trials(trials)]


def _refuse_contradictions(trials: pd.DataFrame) -> None:
    answered = trials["choice"].notna() & trials["correct_position"].notna()
    right = trials["choice"].astype(str) == trials["correct_position"].astype(str)
    known = trials["correct"].notna()
    marked = trials["correct"].fillna(False).astype(bool)
    main = trials["trial_type"].astype(str).isin(["main", "catch", "practice", "repeated"])
    rules = {
        "is there twice": trials.duplicated(["participant", "session", "trial"]),
        "has no trial number": trials["trial"].isna(),
        f"has a trial_type other than {', '.join(TRIAL_TYPES)}": ~trials["trial_type"].isin(
            list(TRIAL_TYPES)
        ),
        "has no condition": main & trials["condition"].isna(),
        "has a choice other than upper or lower": trials["choice"].notna()
        & ~trials["choice"].isin(["upper", "lower"]),
        "says correct where choice and correct_position say otherwise": answered
        & known
        & (right != marked),
        "has a confidence outside 1 to 3": trials["confidence"].notna()
        & ~trials["confidence"].fillna(1).between(1, 3).astype(bool),
        "has a rating outside -100 to 100": trials["rating"].notna()
        & ~trials["rating"].between(-100, 100),
        "has an infinite response time": trials["rt"].isin([float("inf"), float("-inf")]),
    }
    for problem, broken in rules.items():
        if broken.any():
            row = trials[broken.to_numpy(dtype=bool)].iloc[0]
            raise UserError(
                f"trial {row['trial']} {problem}",
                where=f"participant {row['participant']}, session {row['session']}",
                remedy=f"{int(broken.sum())} trial(s) are like this. Mend the trial table; it "
                "can be derived again from plan and journal.",
            )


def _refuse_two_spellings(trials: pd.DataFrame) -> None:
    """Refuse `Natural ` beside `natural`: they would be compared as two conditions."""
    for column in ("condition", "scheme", "branch", "selection", "expertise"):
        for _, some in trials.groupby("experiment"):
            seen: dict[str, str] = {}
            for value in some[column].value_counts().loc[lambda n: n > 0].index:
                key = " ".join(str(value).split()).casefold()
                if seen.setdefault(key, str(value)) != str(value):
                    raise UserError(
                        f'column {column} holds both "{seen[key]}" and "{value}"',
                        where=_first_place(some[some[column] == value]),
                        remedy="They would be taken for two. Write them alike in all tables.",
                    )


def _refuse_two_meanings(trials: pd.DataFrame) -> None:
    """Refuse a unit in two layers, and a participant of two kinds."""
    for key, columns in (("unit", ("layer", "branch")), ("participant", ("expertise",))):
        for column in columns:
            known = trials[trials[key].notna() & trials[column].notna()]
            pairs = known[["experiment", key, column]].astype(str).drop_duplicates()
            twice = pairs[pairs.duplicated(["experiment", key], keep=False)]
            if len(twice):
                name = twice[key].iloc[0]
                values = twice.loc[twice[key] == name, column].unique()
                raise UserError(
                    f"{key} {name} has the {column} " + " and ".join(f'"{v}"' for v in values),
                    where=_first_place(known[known[key].astype(str) == name]),
                    remedy="Tables of different banks or experiments may have been mixed.",
                )


def _first_place(trials: pd.DataFrame) -> str:
    row = trials.iloc[0]
    return f"participant {row['participant']}, session {row['session']}, trial {row['trial']}"


def _refuse_milliseconds(trials: pd.DataFrame) -> None:
    medians = trials.groupby(["participant", "session"])["rt"].median().reset_index()
    slow = medians[medians["rt"] > _LONGEST_MEDIAN]
    if len(slow):
        row = slow.iloc[0]
        raise UserError(
            f"the median response time is {row['rt']:.0f} s, which is not credible; response "
            "times must be in seconds, these look like milliseconds",
            where=f"participant {row['participant']:.0f}, session {row['session']:.0f}",
        )


def _refuse_mixed_units(trials: pd.DataFrame) -> None:
    long = trials[trials["rt"] > _LONGEST_TIME]
    often = long.groupby(["participant", "session"]).size()
    if (often >= _MOST_LONG).any():
        participant, session = often.index[often >= _MOST_LONG][0]
        raise UserError(
            f"{often.max()} response times are above {_LONGEST_TIME:.0f} s, while others of the "
            "same session are not; seconds and milliseconds may be mixed",
            where=f"participant {participant}, session {session}",
            remedy="Give all response times in seconds, or mark those that are wrong with n/a.",
        )


def _impossible_times(trials: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    negative = trials["rt"] < 0
    published = trials["kind"] == "published"
    statements = []
    if (negative & published).any():
        statements.append(
            f"{_count(int((negative & published).sum()), 'response time')} of the published data "
            "below zero kept, because the published numbers include them."
        )
    wrong = negative & ~published
    if wrong.any():
        trials = trials.assign(rt=trials["rt"].mask(wrong))
        statements.append(
            f"{_count(int(wrong.sum()), 'response time')} below zero left out of all analyses of "
            "time: a press cannot precede the images."
        )
    return trials, statements


def _about_sessions(sessions: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    statements = []
    unfinished = sessions[~sessions["finished"]]
    if len(unfinished):
        names = ", ".join(
            f"participant {row['participant']} session {row['session']} ({row['trials']}"
            + (f" of {row['planned']:.0f} trials)" if pd.notna(row["planned"]) else " trials)")
            for row in unfinished.head(8).to_dict("records")
        )
        more = ", ..." if len(unfinished) > 8 else ""
        statements.append(
            f"{_count(len(unfinished), 'session')} unfinished and included with the trials that "
            f"were answered: {names}{more}."
        )
    several = sessions.groupby("participant").size()
    if (several > 1).any():
        statements.append(
            f"{_count(int((several > 1).sum()), 'participant')} took more than one session; their "
            "trials are put together."
        )
    for column, what in (("protocol_sha256", "versions of the protocol"), ("bank_sha256", "banks")):
        kinds = sessions.groupby("protocol")[column].nunique()
        for name in kinds.index[kinds > 1]:
            statements.append(
                f'Sessions of protocol "{name}" used {kinds[name]} different {what}; they are '
                "analysed together."
            )
    statements += _copies(trials)
    if trials["experiment"].nunique() > 1:
        names = ", ".join(sorted(trials["experiment"].astype(str).unique()))
        statements.append(f"The folder holds several experiments, analysed apart: {names}.")
    return statements


def _copies(trials: pd.DataFrame) -> list[str]:
    """Name sessions of people that agree in every response time: one is a copy of another."""
    people = trials[(trials["kind"] != "simulated") & trials["rt"].notna()]
    times = people.groupby(["participant", "session"])["rt"].agg(["sum", "count", "nunique"])
    times = times[times["nunique"] > 3]
    copied = times[times.duplicated(["sum", "count"], keep=False)]
    return [
        "These sessions have the same response times throughout, as if one were a copy of the "
        "other: " + ", ".join(f"participant {p} session {s}" for p, s in some.index) + "."
        for _, some in copied.groupby(["sum", "count"])
    ]


def _about_trials(trials: pd.DataFrame) -> list[str]:
    statements = []
    open_trials = trials["correct"].isna() & (trials["trial_type"] != "intuitiveness")
    if open_trials.any():
        statements.append(
            f"{_count(int(open_trials.sum()), 'trial')} without an answer left out everywhere."
        )
    shown_again = trials["interrupted"].fillna(0) > 0
    if shown_again.any():
        statements.append(
            f"{_count(int(shown_again.sum()), 'trial')} had been shown before and interrupted "
            "without an answer; the answer to the later presentation counts."
        )
    return statements


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
