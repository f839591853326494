"""The mixed ANOVA against statsmodels and pingouin, and against model comparison by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.anova import AnovaRM, anova_lm

from analysis.mixed_anova import mixed_anova

CONDITIONS, SCHEMES = ("natural", "synthetic"), ("Max 1", "Max 9", "Min+Max 1", "Min+Max 9")


def data(sizes: dict[str, int], seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Participants of two groups by condition and scheme, with effects of every kind."""
    random = np.random.default_rng(seed)
    people = [f"{name}{i}" for name, size in sizes.items() for i in range(size)]
    columns = pd.MultiIndex.from_product([CONDITIONS, SCHEMES], names=["condition", "scheme"])
    values = random.normal(size=(len(people), 8)) + random.normal(size=(len(people), 1))
    values += np.arange(8) * 0.15
    groups = pd.DataFrame({"expertise": [p.rstrip("0123456789") for p in people]}, index=people)
    values[groups["expertise"] == "lay", :4] += 0.5
    return pd.DataFrame(values, index=people, columns=columns), groups


def by_name(effects: list) -> dict:
    return {effect.name: effect for effect in effects}


def long(wide: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    table = wide.stack(["condition", "scheme"], future_stack=True).rename("y").reset_index()
    table = table.rename(columns={"level_0": "person"})
    return table.assign(expertise=table["person"].map(groups["expertise"]))


def test_all_seven_effects_of_an_unbalanced_design_by_model_comparison() -> None:
    """Type III: what is lost when one effect's columns leave the whole model.

    Least squares on the long table, with a column for every participant and for every
    participant's own effects; nothing of it is shared with the code under test.
    """
    wide, groups = data({"expert": 10, "lay": 13})
    table = long(wide, groups)
    codes = {
        "expertise": np.where(table["expertise"] == "expert", 1.0, -1.0)[:, None],
        "condition": np.where(table["condition"] == "natural", 1.0, -1.0)[:, None],
        "scheme": np.column_stack(
            [(table["scheme"] == s) * 1.0 - (table["scheme"] == SCHEMES[3]) for s in SCHEMES[:3]]
        ),
    }
    people = pd.get_dummies(table["person"]).to_numpy(float)

    def product(*blocks: np.ndarray) -> np.ndarray:
        result = np.ones((len(table), 1))
        for block in blocks:
            result = (result[:, :, None] * block[:, None, :]).reshape(len(table), -1)
        return result

    def lost(*blocks: np.ndarray) -> float:
        matrix = np.hstack(blocks)
        fitted = matrix @ np.linalg.lstsq(matrix, table["y"], rcond=None)[0]
        return float(((table["y"] - fitted) ** 2).sum())

    found = by_name(mixed_anova(wide, groups))
    assert len(found) == 7
    inside = [(), ("condition",), ("scheme",), ("condition", "scheme")]
    for names in inside:
        own = product(*[codes[name] for name in names])
        others = [product(*[codes[n] for n in other]) for other in inside if other != names]
        rest = [product(o, people) for o in others]
        for outside in ((), ("expertise",)):
            if not names and not outside:
                continue
            term = product(own, codes["expertise"]) if outside else own
            kept = own if outside else product(own, codes["expertise"])
            square = lost(*rest, kept) - lost(*rest, own, product(own, codes["expertise"]))
            error = lost(*rest, own, product(own, codes["expertise"])) - lost(
                *rest, product(own, people)
            )
            df1, df2 = term.shape[1], own.shape[1] * 21
            effect = found["*".join((*names, *outside))]
            assert effect.f == pytest.approx((square / df1) / (error / df2))
            assert (effect.df1, effect.df2) == (df1, df2)
            assert effect.p == pytest.approx(stats.f.sf(effect.f, df1, df2))
            assert effect.partial_eta_squared == pytest.approx(square / (square + error))


def test_between_participants_it_is_statsmodels_type_three() -> None:
    wide, groups = data({"expert": 6, "lay": 9}, seed=1)
    groups = groups.assign(lab=["x", "y", "y"] * 5)
    table = groups.assign(y=wide.mean(axis=1))
    expected = anova_lm(smf.ols("y ~ C(expertise, Sum) * C(lab, Sum)", data=table).fit(), typ=3)
    single = wide.mean(axis=1).to_frame("y")
    found = mixed_anova(single, groups)
    assert [e.name for e in found] == ["expertise", "lab", "expertise*lab"]
    for effect, (_, row) in zip(found, list(expected.iterrows())[1:4], strict=True):
        assert effect.f == pytest.approx(row["F"])
        assert effect.p == pytest.approx(row["PR(>F)"])


def test_without_groups_it_is_statsmodels_two_way_and_pingouins_correction() -> None:
    wide, groups = data({"all": 9}, seed=2)
    table = long(wide, groups)
    expected = AnovaRM(table, "y", "person", within=["condition", "scheme"]).fit().anova_table
    found = by_name(mixed_anova(wide, groups[[]]))
    for name, row in zip(("condition", "scheme", "condition*scheme"), expected.to_dict("records"),
                         strict=True):  # fmt: skip
        assert found[name].f == pytest.approx(row["F Value"])
        assert found[name].p == pytest.approx(row["Pr > F"])
    corrected = pingouin.rm_anova(
        table, dv="y", within=["condition", "scheme"], subject="person"
    ).set_index("Source")
    assert found["scheme"].p_gg == pytest.approx(corrected.loc["scheme", "p_GG_corr"])
    assert found["scheme"].epsilon == pytest.approx(corrected.loc["scheme", "eps"])
    assert found["condition"].epsilon == 1


def test_one_factor_of_each_kind_is_pingouins() -> None:
    wide, groups = data({"expert": 8, "lay": 8}, seed=3)
    scheme = wide["natural"]
    scheme.columns = pd.MultiIndex.from_arrays([scheme.columns], names=["scheme"])
    table = (
        scheme.droplevel([], axis=1).stack(future_stack=True).rename("y").reset_index()
        if scheme.columns.nlevels > 1
        else scheme.melt(ignore_index=False, value_name="y").rename_axis("person").reset_index()
    )
    table["expertise"] = table["person"].map(groups["expertise"])
    expected = pingouin.mixed_anova(
        table, dv="y", within="scheme", subject="person", between="expertise"
    ).set_index("Source")
    found = by_name(mixed_anova(scheme, groups))
    for name, source in (("scheme", "scheme"), ("expertise", "expertise"),
                         ("scheme*expertise", "Interaction")):  # fmt: skip
        assert found[name].f == pytest.approx(expected.loc[source, "F"])
        assert found[name].partial_eta_squared == pytest.approx(expected.loc[source, "np2"])


def test_the_order_of_participants_and_cells_does_not_matter() -> None:
    wide, groups = data({"expert": 4, "lay": 6}, seed=4)
    shuffled = wide.iloc[::-1, [3, 0, 7, 1, 2, 6, 5, 4]]
    one, other = mixed_anova(wide, groups), mixed_anova(shuffled, groups.loc[shuffled.index])
    assert [e.f for e in one] == pytest.approx([e.f for e in other])


@pytest.mark.parametrize("sizes", [{"expert": 1, "lay": 1}, {"expert": 2}])
def test_too_few_participants_give_nothing(sizes: dict[str, int]) -> None:
    wide, groups = data(sizes)
    assert mixed_anova(wide.iloc[: len(sizes)], groups.iloc[: len(sizes)]) == []


def test_false_positives_are_as_rare_as_they_should_be() -> None:
    """Every effect of noise is significant in one of twenty data sets (400 drawn)."""
    random = np.random.default_rng(7)
    wide, groups = data({"expert": 5, "lay": 8})
    hits = np.zeros(7)
    for _ in range(400):
        noise = pd.DataFrame(random.normal(size=wide.shape), index=wide.index, columns=wide.columns)
        hits += [e.p < 0.05 for e in mixed_anova(noise, groups)]
    # 400 draws of 5 %: 20 expected, standard deviation 4.4.
    assert (np.abs(hits - 20) < 16).all()
