"""What a protocol states for the analysis: rules of exclusion, own factors, the primary contrast.

It is read from the copy of the protocol that every plan holds, so it is what was stated before
there were data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from analysis.exclusion import NOBODY, Exclusion, read_rules
from analysis.words import count, listed
from house.tables import parse_toml, validate
from participants.factors import Factor, FactorName, StatedAnalysis, check_factor_names


class _Tables(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    factors: dict[FactorName, Factor] = Field(default_factory=dict)
    analysis: StatedAnalysis = StatedAnalysis()

    @model_validator(mode="after")
    def _names(self) -> _Tables:
        check_factor_names(self.factors)
        return self


@dataclass(frozen=True)
class Stated:
    """What one version of a protocol states.

    Attributes
    ----------
    rules : Exclusion
    factors : dict of str to Factor
    contrast : tuple of str or None
    """

    rules: Exclusion = NOBODY
    factors: Mapping[str, Factor] = field(default_factory=dict)
    contrast: tuple[str, str] | None = None


def read_stated(text: str, where: str) -> Stated:
    """Read it from the text of a protocol.

    Raises
    ------
    UserError
        If the text is no TOML, or a table has unknown keys or impossible values.
    """
    if not text.strip():
        return Stated()
    tables = parse_toml(text, "protocol", where)
    own = {name: tables[name] for name in ("factors", "analysis") if name in tables}
    found = validate(_Tables, own, where)
    return Stated(read_rules(text, where), found.factors, found.analysis.contrast)


def with_factors(
    trials: pd.DataFrame, sessions: pd.DataFrame, stated: Mapping[str, Stated]
) -> tuple[pd.DataFrame, dict[str, dict[str, str]], list[str]]:
    """Give every trial its level of each factor that its own protocol names.

    Parameters
    ----------
    trials, sessions : pandas.DataFrame
        As `load` has them.
    stated : dict of str to Stated
        By checksum of the protocol.

    Returns
    -------
    trials : pandas.DataFrame
        With one more column a factor, an ordered category whose order is the protocol's.
    factors : dict of str to dict
        Experiment to its factors' names, each with the column that it reads.
    statements : list of str
        Sentences on values that are in no level.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    levels: dict[str, dict[str, None]] = defaultdict(dict)
    columns: dict[str, list[str | None]] = {}
    statements = []
    keys = ["participant", "session"]
    if not any(one.factors for one in stated.values()):
        return trials, {}, []
    known = sessions[[*keys, "protocol_sha256"]].astype(dict.fromkeys(keys, "Int64"))
    own = trials[keys].merge(known, on=keys, how="left")["protocol_sha256"].to_numpy()
    for sha, one in stated.items():
        here = trials[own == sha]
        if here.empty:
            continue
        label = str(here["experiment"].iloc[0])
        for name, factor in one.factors.items():
            values = here[factor.column].dropna()
            reader = factor.reader()
            reading = {value: reader(value) for value in values.unique()}
            column = columns.setdefault(name, [None] * len(trials))
            for place, value in zip(np.flatnonzero(trials.index.isin(values.index)), values,
                                    strict=True):  # fmt: skip
                column[place] = reading[value]
            found[label][name] = factor.column
            levels[name].update(dict.fromkeys(factor.levels))
            main = values[here.loc[values.index, "trial_type"] == "main"]
            outside = sorted({str(value) for value in main.unique() if reading[value] is None})
            lost = sum(reading[value] is None for value in main)
            if lost:
                statements.append(
                    f"Factor {name}: {factor.column} {listed(outside[:6])} "
                    f"{'is' if len(outside) == 1 else 'are'} in none of its levels; "
                    f"{count(lost, 'main trial')} left out of what concerns it."
                )
    typed = {
        name: pd.Categorical(column, categories=list(levels[name]), ordered=True)
        for name, column in columns.items()
    }
    return trials.assign(**typed), dict(found), statements


def contrasts_of(
    sessions: pd.DataFrame, stated: Mapping[str, Stated]
) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Primary contrast that each experiment's protocols state, and what to say of it."""
    found: dict[str, tuple[str, str]] = {}
    statements = []
    for label, some in sessions.groupby("experiment", sort=True):
        named = dict.fromkeys(
            one.contrast
            for sha in some["protocol_sha256"].unique()
            if (one := stated.get(str(sha))) is not None and one.contrast is not None
        )
        if not named:
            continue
        found[str(label)] = next(iter(named))
        if len(named) > 1:
            statements.append(
                f'Versions of the protocol "{label}" state different primary contrasts '
                f"({listed([' against '.join(pair) for pair in named])}); the first is used."
            )
    return found, statements
