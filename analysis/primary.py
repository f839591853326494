"""Which test is the primary one: the contrast first, then the best test that there is of it."""

from __future__ import annotations

import pandas as pd

from analysis.model_tests import PRIMARY

TESTS_IN_ORDER = (PRIMARY, "glmm", "rm_anova_posthoc")
"""The primary comparison is the first of these that is defined for the contrast; see
`mark_primary`."""

USUAL = "synthetic-natural"
"""The contrast that is primary where no protocol names one and the data have it: the paper's."""


def mark_primary(tests: pd.DataFrame, contrast: tuple[str, str] | None = None) -> pd.DataFrame:
    """Mark the one comparison that the experiment was made for.

    Parameters
    ----------
    tests : pandas.DataFrame
        All tests of one experiment, those of the mixed models included.
    contrast : tuple of str, optional
        The two conditions that the protocol names, either way round.

    Returns
    -------
    pandas.DataFrame
        With the column `primary`. Where nothing can be computed of the contrast, the row that is
        marked has no numbers and a note that says why; data without one of the two conditions
        have that row added. No other contrast takes its place: one that is chosen after the data
        are there is not primary.

    Notes
    -----
    The claim is about units of networks, and units differ far more than participants do in what
    they make of the images (random-effect standard deviations 0.94 and 0.04 in the published
    data); so the primary comparison counts both as samples. It has the largest random structure
    that the design allows, with a difference that varies over both (`glmm_slopes`): with
    intercepts alone a difference that varies is found where there is none, one time in ten
    instead of twenty (benchmarks/calibration.py). Where that model cannot be fitted the primary
    comparison is `glmm`, where that is not defined either the paper's own.
    """
    accuracy = tests["measure"] == "accuracy"
    own = tests["contrast"].where(accuracy & (tests["test"] == PRIMARY)).dropna()
    pairs = list(dict.fromkeys(str(pair) for pair in own))
    if contrast is None and not pairs:
        return tests.assign(primary=False)
    if contrast is None:
        chosen = USUAL if USUAL in pairs else pairs[0]
    else:
        named = ["-".join(contrast), "-".join(contrast[::-1])]
        chosen = next((pair for pair in named if pair in pairs), named[0])
        if chosen not in pairs:
            tests = pd.concat([tests, _lacking(tests, contrast)], ignore_index=True)
            accuracy = tests["measure"] == "accuracy"
    found = tests[accuracy & (tests["factor"] == "") & (tests["contrast"] == chosen)]
    by_test = [found[found["test"] == name] for name in TESTS_IN_ORDER]
    defined = [index for rows in by_test for index in rows.index[rows["p"].notna()]]
    return tests.assign(primary=tests.index.isin((defined or list(by_test[0].index))[:1]))


def _lacking(tests: pd.DataFrame, contrast: tuple[str, str]) -> pd.DataFrame:
    """Row of a contrast that the data do not have, with the types of the table."""
    row = {
        "measure": "accuracy", "trials": "all", "test": PRIMARY, "contrast": "-".join(contrast),
        "factor": "", "level": "", "adjustment": "", "effect_name": "odds ratio", "n": 0,
        "primary": False,
        "note": f"not defined: main trials of both {' and '.join(contrast)} are wanted, and the "
        "data do not have them",
    }  # fmt: skip
    types = {name: kind for name, kind in tests.dtypes.items() if kind.kind in "fib"}
    return pd.DataFrame([row], columns=list(tests.columns)).astype(types)
