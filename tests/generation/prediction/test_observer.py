"""The machine observer: its rule, and what it says of banks whose truth is known."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from generation.prediction.command import predict as predict_command
from generation.prediction.observer import DEALS, deal, decide, predict
from generation.prediction.similarity import PairDistances
from generation.sweep.command import merge as merge_command
from house.errors import UserError
from stimuli import BankWriter, StimulusBank, Unit, add_machine, unit_id, verify_bank
from stimuli.machine import SCHEMES
from stimuli.machine_summary import right_by_unit, summarise
from tests.generation.conftest import run_generation

DISTANCES = st.integers(1, 10).flatmap(
    lambda k: arrays(np.float64, (2, 2, k), elements=st.floats(0, 4, allow_subnormal=False))
)


@given(DISTANCES)
def test_the_rule_written_out(distances: np.ndarray) -> None:
    found = decide(distances)
    for place, (both, count) in enumerate([(False, 1), (True, 1), (False, 9), (True, 9)]):
        if count > distances.shape[-1]:
            assert np.isnan(found[place])
            continue
        evidence = []
        for query in range(2):
            near = -sum(distances[query, 1, :count]) / count
            far = -sum(distances[query, 0, :count]) / count
            evidence.append(near - far if both else near)
        assert found[place] == pytest.approx(evidence[1] - evidence[0], abs=1e-12)


@given(DISTANCES)
def test_the_other_query_is_the_other_answer(distances: np.ndarray) -> None:
    np.testing.assert_allclose(decide(distances[::-1]), -decide(distances), atol=1e-12)
    # Exchanging the references as well leaves the answer of schemes with both sides.
    both = [SCHEMES.index("Min+Max 1"), SCHEMES.index("Min+Max 9")]
    np.testing.assert_allclose(
        decide(distances[::-1, ::-1])[both], decide(distances)[both], atol=1e-12
    )


def shaded_bank(path: Path, levels: list[tuple[int, int]], batch_size: int = 10) -> Path:
    """Write a bank whose units' min and max images are all of one grey each."""
    batches, size, per_sign = 3, 32, 9
    units = [Unit(unit_id("a", "all", u), "a", 0, "all", u) for u in range(len(levels))]
    ranks = np.arange(batches * batch_size).reshape(batch_size, batches).T
    rows = np.arange(len(units) * 2 * ranks.size).reshape(len(units), 2, ranks.size)

    def grey(level: int, count: int) -> np.ndarray:
        noise = np.random.default_rng(level).integers(-3, 4, (count, size, size, 3))
        return np.asarray(level + noise, dtype=np.uint8)

    with BankWriter(
        path,
        units=units,
        name="shaded",
        image_size=size,
        images_per_sign=per_sign,
        curve_steps=[0],
        recipe="",
        provenance={},
    ) as writer:
        for u, pair in enumerate(levels):
            for s, level in enumerate(pair):
                images = grey(level, per_sign)
                writer.write_synthetic(u, s, images, [s - 0.5] * per_sign, [0.0])
        natural = np.concatenate([grey(level, ranks.size) for pair in levels for level in pair])
        texts = [""] * len(natural)
        writer.write_natural(
            natural, name=texts, sha256=texts, label=texts, licence=texts, author=texts
        )
        steps = np.linspace(2, 1, ranks.size)
        writer.write_exemplars(
            rows,
            np.broadcast_to(np.array([-1, 1])[:, None] * steps, rows.shape),
            rows[:, :, ranks],
            np.broadcast_to(ranks, (len(units), 2, *ranks.shape)),
        )
    return path


def brightness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    means = [side.mean(axis=(1, 2, 3)) for side in (first, second)]
    return np.abs(means[0] - means[1])


def test_right_where_images_tell_and_wrong_where_others_mislead(tmp_path: Path) -> None:
    # Bright images activate two units, dark ones the other two: half of the others mislead.
    path = shaded_bank(tmp_path / "b.h5", [(50, 200), (60, 190), (200, 50), (190, 60)])
    told = []
    with StimulusBank(path) as bank:
        made = predict(
            bank, PairDistances(brightness, "b"), "b", shuffles=3, advance=lambda: told.append(1)
        )
    assert len(told) == 4
    assert made.trials == 4 * 3 * 2 * 4
    assert (right_by_unit(made.prediction) == 1).all()
    # With both sides shown, the distances differ by 2 x 150 grey levels and by 2 x 130.
    values = made.prediction.decision[:, :, :, SCHEMES.index("Min+Max 9")]
    np.testing.assert_allclose(values[[0, 2]].mean(), 300, rtol=0.01)
    np.testing.assert_allclose(values[[1, 3]].mean(), 260, rtol=0.01)
    np.testing.assert_allclose(made.prediction.shuffled, 1 / 3, atol=1e-6)
    lines = list(summarise(made.prediction))
    assert [(x.condition, x.scheme) for x in lines] == [
        (c, s) for c in ("natural", "synthetic") for s in SCHEMES
    ]
    assert {x.own.value for x in lines} == {1.0}
    assert {round(x.shuffled.value, 3) for x in lines} == {0.333}
    assert {x.trials for x in lines} == {12}


@given(DISTANCES, st.integers(0, 2**32))
def test_dealing_is_a_draw_of_the_trials_own_references(distances: np.ndarray, seed: int) -> None:
    found = deal(distances, np.random.default_rng(seed), deals=5)
    assert np.isnan(found[[SCHEMES.index("Max 1"), SCHEMES.index("Max 9")]]).all()
    assert np.isnan(found[SCHEMES.index("Min+Max 9")]) == (distances.shape[-1] < 9)
    # One reference a side: the trial as it is, or with the sides exchanged.
    share = found[SCHEMES.index("Min+Max 1")] * 5
    own = decide(distances)[SCHEMES.index("Min+Max 1")]
    assert share == pytest.approx(2.5 if own == 0 else round(share))
    # The same draws with the queries exchanged are the other answers.
    mirrored = deal(distances[::-1], np.random.default_rng(seed), deals=5)
    np.testing.assert_allclose(found[1::2] + mirrored[1::2], [1, 1 if found[3] >= 0 else np.nan])


def test_dealt_references_leave_chance_where_other_units_do_not(tmp_path: Path) -> None:
    """One kind of unit only: others' references tell everything, dealt ones nothing."""
    path = shaded_bank(tmp_path / "b.h5", [(50, 200), (60, 190), (55, 195), (65, 185)])
    with StimulusBank(path) as bank:
        made, again, other = (
            predict(bank, PairDistances(brightness, "b"), "b", shuffles=3, seed=seed).prediction
            for seed in (0, 0, 1)
        )
    assert (made.shuffled == 1).all()
    assert made.dealt is not None
    assert made.facts["deals"] == DEALS
    shares = made.dealt[..., 1::2].astype(np.float64)
    # Of n fair coins: three standard errors.
    assert shares.mean() == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(shares.size * DEALS))
    assert 0.5 / np.sqrt(DEALS) * 0.5 < shares.std() < 0.5 / np.sqrt(DEALS) * 1.5
    np.testing.assert_array_equal(made.dealt, again.dealt)
    assert other.dealt is not None
    assert (made.dealt != other.dealt)[..., 1::2].any()
    line = next(x for x in summarise(made) if x.scheme == "Min+Max 9")
    assert line.dealt.low < 0.5 < line.dealt.high
    assert [str(x.dealt) for x in summarise(made) if x.scheme.startswith("Max")] == ["–"] * 4


def test_reversed_images_are_told_by_the_sign(tmp_path: Path) -> None:
    path = shaded_bank(tmp_path / "b.h5", [(50, 200), (60, 190)])
    with h5py.File(path, "r+") as file:
        # The synthetic images now mislead; the natural ones do not.
        file["synthetic/images"][:] = file["synthetic/images"][:][:, ::-1]
    with StimulusBank(path) as bank:
        made = predict(bank, PairDistances(brightness, "b"), "b").prediction
    assert (made.decision[:, :, 0] > 0).all()
    assert (made.decision[:, :, 1] < 0).all()


def test_schemes_that_need_more_images_are_left_out(tmp_path: Path) -> None:
    path = shaded_bank(tmp_path / "b.h5", [(50, 200)], batch_size=2)
    with StimulusBank(path) as bank:
        made = predict(bank, PairDistances(brightness, "b"), "b").prediction
    assert np.isnan(made.decision).all(axis=(0, 1)).tolist() == [
        [False, False, True, True],
        [False] * 4,
    ]
    # One unit has no others to be compared with, and no interval.
    assert np.isnan(made.shuffled).all()
    lines = list(summarise(made))
    assert len(lines) == 6
    assert str(lines[0].own) == "1.000"
    assert str(lines[0].shuffled) == "–"


def test_images_too_small_for_a_network_are_told(tmp_path: Path) -> None:
    from tests.stimuli.conftest import write_small_bank

    write_small_bank(tmp_path / "small.h5")
    with (
        StimulusBank(tmp_path / "small.h5") as bank,
        pytest.raises(UserError, match="16 pixels are too small"),
    ):
        predict(bank, PairDistances(brightness, "b"), "b")


def test_interval_covers_the_mean_over_units_and_shrinks_with_their_number(tmp_path: Path) -> None:
    path = shaded_bank(tmp_path / "b.h5", [(50, 200), (60, 190)] * 10)
    with h5py.File(path, "r+") as file:
        # Every second unit is misled.
        file["synthetic/images"][1::2] = file["synthetic/images"][:][1::2, ::-1]
    with StimulusBank(path) as bank:
        made = predict(bank, PairDistances(brightness, "b"), "b", shuffles=0).prediction
    line = next(x for x in summarise(made) if x.condition == "synthetic")
    assert line.own.value == 0.5
    # A mean of twenty coins: standard error .112.
    assert line.own.high - line.own.low == pytest.approx(2 * 1.96 * 0.112, rel=0.1)


def test_answers_to_the_parts_are_those_to_the_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    levels = {"a": [(50, 200), (200, 60)], "b": [(60, 190), (190, 50), (80, 120)]}
    for label, pairs in levels.items():
        path = shaded_bank(tmp_path / f"{label}.h5", pairs)
        with StimulusBank(path) as bank:
            made = predict(bank, PairDistances(brightness, "b"), "b", shuffles=1).prediction
        add_machine(path, made)
    out = tmp_path / "both.h5"
    merge_command([f"{label}={tmp_path / label}.h5" for label in levels], out)
    assert "left out" not in capsys.readouterr().err
    assert verify_bank(out).problems == []
    with StimulusBank(out) as bank:
        carried = bank.machine()
        whole = predict(bank, PairDistances(brightness, "b"), "b", shuffles=1).prediction
        content = bank.content_sha256
    np.testing.assert_array_equal(carried.decision, whole.decision)
    assert carried.facts["similarity"] == whole.facts["similarity"]
    # Predicting anew works as ever, and asks before it replaces.
    with pytest.raises(UserError, match="--force"):
        add_machine(out, whole)
    add_machine(out, whole, replace=True)
    assert verify_bank(out).content_sha256 == content


MODULE = """
def brightness(first, second):
    return abs(first.mean(axis=(1, 2, 3)) - second.mean(axis=(1, 2, 3)))
"""


def test_predict_as_a_user_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shaded_bank(tmp_path / "bank.h5", [(50, 200), (60, 190)], batch_size=4)
    with StimulusBank(out) as bank:
        content = bank.content_sha256
    made = run_generation("predict", out, "--memory", "0.1")
    assert made.returncode == 0, made.stderr
    assert re.search(r"natural +│ Min\+Max 1 +│ 6 +│ \d\.\d{3} \[", made.stdout), made.stdout
    assert not re.search(r"natural +│ Max 9", made.stdout)
    assert re.search(r"36 trials in [\d.]+ s: \d+ a second", made.stdout)
    assert "2/2" in made.stderr
    found = verify_bank(out)
    assert found.problems == []
    assert found.content_sha256 == content
    # The rest in this process: starting one costs seconds.
    with pytest.raises(UserError, match="--force"):
        predict_command(out)
    (tmp_path / "lab_similarity.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    predict_command(out, similarity="lab_similarity:brightness", shuffles=0, quiet=True)
    assert "machine/lab_similarity-brightness" in capsys.readouterr().out.replace("\n", "")
    predict_command(out, similarity="lab_similarity:brightness", shuffles=0, force=True, seed=4)
    with StimulusBank(out) as bank:
        assert bank.machine_names == ("lab_similarity-brightness", "squeezenet1_1")
        assert bank.machine("squeezenet1_1").facts["similarity"]["name"] == "perceptual features"
        assert bank.machine("lab_similarity-brightness").facts["seed"] == 4
        assert (bank.machine("lab_similarity-brightness").decision[:, :, 1] > 0).all()
