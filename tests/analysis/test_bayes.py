from __future__ import annotations

import sys

import numpy as np
import pytest

from analysis.bayes import bayes_rows, require_bambi, split_rhat
from house.errors import UserError
from tests.analysis.observers import answers


def test_without_bambi_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bambi", None)
    with pytest.raises(UserError, match=r"exemplary-lab\[bayes\]"):
        require_bambi()


def test_split_rhat_is_one_for_mixed_chains_and_larger_for_drifting_ones() -> None:
    random = np.random.default_rng(1)
    mixed = random.normal(size=(4, 1000))
    assert split_rhat(mixed) == pytest.approx(1, abs=0.01)
    assert split_rhat(mixed + np.arange(4)[:, None]) > 1.5
    # A chain that drifts disagrees with itself, which only splitting shows.
    assert split_rhat(mixed + np.linspace(0, 3, 1000)) > 1.2


@pytest.mark.slow
def test_posterior_agrees_with_the_likelihood() -> None:
    pytest.importorskip("bambi", reason="bambi is not installed: pip install '.[bayes]'")
    from analysis.model_tests import fit_models, mixed_test_rows

    trials = answers(
        np.random.default_rng(2), participants=12, units=20, unit_sd=0.5,
        d_prime={"synthetic": 1.0, "natural": 1.8},
    )  # fmt: skip
    plain = {row["test"]: row for row in mixed_test_rows(fit_models(trials))}
    rows = {row["test"]: row for row in bayes_rows(trials, 1)}
    assert set(rows) == {
        "glmm_slopes_bayes", "glmm_bayes", "lmm_log_rt_bayes", "lmm_confidence_bayes",
    }  # fmt: skip
    for name, row in rows.items():
        other = plain[name.removesuffix("_bayes")]
        width = other["ci_high"] - other["ci_low"]
        assert row["effect"] == pytest.approx(other["effect"], abs=0.25 * width)
        assert row["ci_low"] < row["effect"] < row["ci_high"]
        assert "R-hat 1.0" in row["note"]
