"""Wilcoxon's test against scipy where scipy is exact, and against all sign patterns."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.signed_rank import signed_rank


def by_enumeration(differences: list[int]) -> tuple[float, float]:
    kept = [d for d in differences if d]
    ranks = stats.rankdata(np.abs(kept))
    sums = np.array(
        [sum(r for r, s in zip(ranks, signs, strict=True) if s)
         for signs in product([False, True], repeat=len(kept))]
    )  # fmt: skip
    up = sum(r for r, d in zip(ranks, kept, strict=True) if d > 0)
    smaller = min(up, ranks.sum() - up)
    return smaller, min(1.0, 2 * float(np.mean(sums <= smaller + 1e-9)))


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9).filter(any))
def test_exact_with_ties_is_the_share_of_sign_patterns(differences: list[int]) -> None:
    found = signed_rank(differences)
    statistic, p = by_enumeration(differences)
    assert found.statistic == pytest.approx(statistic)
    assert found.p == pytest.approx(p)
    assert found.n == sum(d != 0 for d in differences)


@given(st.lists(st.floats(0.1, 100), min_size=5, max_size=40, unique=True), st.data())
def test_without_ties_it_is_scipys_exact_test(sizes: list[float], data: st.DataObject) -> None:
    signs = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(sizes), max_size=len(sizes)))
    differences = [s * v for s, v in zip(signs, sizes, strict=True)]
    expected = stats.wilcoxon(differences, method="exact")
    found = signed_rank(differences)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=30).filter(any))
def test_turning_the_comparison_round_turns_only_the_effect(differences: list[int]) -> None:
    one, other = signed_rank(differences), signed_rank([-d for d in differences])
    assert one.statistic == other.statistic
    assert one.p == other.p
    assert one.rank_biserial == pytest.approx(-other.rank_biserial)
    assert -1 <= one.rank_biserial <= 1


def test_fractions_tie_where_floats_do_not() -> None:
    pairs = [(3, 2), (2, 1), (1, 2)]
    exact = signed_rank([Fraction(a, 10) - Fraction(b, 10) for a, b in pairs])
    floats = signed_rank([a / 10 - b / 10 for a, b in pairs])
    assert exact.statistic == 2
    assert floats.statistic != 2


def test_normal_approximation_for_many_pairs_is_scipys() -> None:
    differences = np.random.default_rng(2).normal(0.1, 1, size=400)
    found = signed_rank(list(differences))
    expected = stats.wilcoxon(differences, method="asymptotic", correction=True)
    assert not found.exact
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6)


def test_only_zeros_give_no_result() -> None:
    found = signed_rank([0, 0])
    assert found.n == 0
    assert math.isnan(found.p)
