from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from generation.building.progress_files import WorkFolder
from generation.networks.network import Network
from generation.synthesis.optimize import Optimized, Settings, Target
from generation.synthesis.portions import Made, Portion, make_portion, steps_of_unit
from generation.synthesis.recipe_settings import Search, Synthesis

# Activations by the least and the most activating photograph, and the largest weight of
# diversity whose images are beyond them: for minimal and for maximal images.
UNITS = {"a:all:1": ((-4.0, 1.0), (20.0, 3.0)), "a:all:2": ((-1.0, 6.0), (0.4, 700.0))}


class FakeOptimizer:
    """Images that lose what they gain, one for every `limit` of weight, from twice the extreme."""

    def __init__(self) -> None:
        self.calls: list[list[tuple[str, int, float]]] = []

    def __call__(
        self,
        network: Network,
        layer: str,
        targets: Sequence[Target],
        settings: Settings,
        seed: int,
        on_step: Callable[[], None],
        magnitude: object,
    ) -> list[Optimized]:
        self.calls.append([(t.unit_id, t.sign, t.diversity) for t in targets])
        for _ in range(settings.steps):
            on_step()
        made = []
        for target in targets:
            span, limits = UNITS[target.unit_id]
            direction = 2 * target.sign - 1
            weakest = span[target.sign] + direction * (1 - target.diversity / limits[target.sign])
            values = np.float32([weakest + direction, weakest])
            made.append(
                Optimized(
                    np.zeros((2, 4, 4, 3), np.uint8),
                    values,
                    np.zeros(1, np.float32),
                    target.sign + 3,
                    target.diversity,
                    np.ones(1, np.float32),
                    np.full(1, np.nan, np.float32),
                )
            )
        return made


def make(
    folder: Path, monkeypatch: pytest.MonkeyPatch, synthesis: Synthesis
) -> tuple[Made, FakeOptimizer, list[str], int, WorkFolder]:
    fake, said, work = FakeOptimizer(), [], WorkFolder(folder / "bank.h5")
    advanced = [0]
    monkeypatch.setattr("generation.synthesis.portions.optimize", fake)
    targets = [Target(unit, 1, sign, 0.0) for unit in UNITS for sign in (0, 1)]
    spans = np.float32([span for span, _ in UNITS.values()])
    portion = Portion((4, 2), "a", tuple(targets), ("1" * 64, "2" * 64), spans)

    def advance(steps: int) -> None:
        advanced[0] += steps

    network: Network = None  # type: ignore[assignment]
    made = make_portion(network, synthesis, 1, "float32", portion, work, None, advance, said.append)
    return made, fake, said, advanced[0], work


def test_each_sign_searches_against_its_own_extreme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesis = Synthesis(steps=5, search=Search())
    made, fake, said, advanced, work = make(tmp_path, monkeypatch, synthesis)
    for place, (unit, (span, limits)) in enumerate(UNITS.items()):
        kept = work.load(unit, str(place + 1) * 64)
        assert kept is not None
        for sign, limit in enumerate(limits):
            decade = max(10.0 ** np.ceil(np.log10(limit)), 1.0)
            assert limit - decade / 128 <= kept[sign].diversity <= limit
            assert kept[sign].updates == sign + 3
            assert kept[sign].objective_curve.tolist() == [1]
            direction = 2 * sign - 1
            assert (direction * (kept[sign].activations - span[sign]) > 0).all()
        assert made.means[place] == pytest.approx([s.activations.mean() for s in kept])
        assert made.weakest[place].tolist() == [
            kept[0].activations.max(),
            kept[1].activations.min(),
        ]
    assert sum("of diversity" in text for text in said) == 4
    # All search at once, and those that are done do not go on.
    assert [len(call) for call in fake.calls[:2]] == [4, 4]
    assert len(fake.calls[-1]) < 4
    assert all(len({(unit, sign) for unit, sign, _ in call}) == len(call) for call in fake.calls)
    # One without diversity, six decades, seven bisections.
    assert steps_of_unit(synthesis) == 5 * (1 + 6 + 7)
    assert advanced == 2 * steps_of_unit(synthesis)


def test_an_interrupted_search_goes_on_after_its_last_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesis = Synthesis(steps=5, search=Search())
    _, whole, _, _, uninterrupted = make(tmp_path / "whole", monkeypatch, synthesis)
    call = FakeOptimizer.__call__

    def interrupted(self: FakeOptimizer, *arguments: object) -> list[Optimized]:
        if len(self.calls) == 9:
            raise KeyboardInterrupt
        return call(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeOptimizer, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, monkeypatch, synthesis)
    runs = sorted((tmp_path / "bank.h5.work").iterdir())
    assert len(runs) == sum(len(calls) for calls in whole.calls[:9])
    # One of them damaged: it is made again.
    runs[0].write_bytes(runs[0].read_bytes()[:-9])
    monkeypatch.setattr(FakeOptimizer, "__call__", call)
    _, fake, _, advanced, work = make(tmp_path, monkeypatch, synthesis)
    again, *rest = fake.calls
    assert len(again) == 1
    assert rest == whole.calls[9:]
    assert advanced == 2 * steps_of_unit(synthesis)
    assert work.foreign(["1" * 64, "2" * 64]) == 0
    for place, unit in enumerate(UNITS):
        kept, expected = (one.load(unit, str(place + 1) * 64) for one in (work, uninterrupted))
        assert kept is not None
        assert expected is not None
        for sign in (0, 1):
            assert kept[sign].diversity == expected[sign].diversity
            np.testing.assert_array_equal(kept[sign].activations, expected[sign].activations)
    # Nothing of a search stays with the finished units.
    assert len(list(work.path.glob("*.npz"))) == len(UNITS)


def test_without_a_search_every_step_of_a_unit_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesis = Synthesis(steps=5)
    _, fake, said, advanced, _ = make(tmp_path, monkeypatch, synthesis)
    assert (len(fake.calls), advanced, steps_of_unit(synthesis)) == (1, 10, 5)
    assert len(said) == 2


def test_images_that_never_beat_are_told_of_and_kept_without_diversity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit, (span, limits) = next(iter(UNITS.items()))
    monkeypatch.setitem(UNITS, unit, (span, (limits[0], -1e-3)))
    # A weight of 0 leaves the weakest image beyond the extreme; so it is put back to it.
    call = FakeOptimizer.__call__

    def weak(self: FakeOptimizer, *arguments: object) -> list[Optimized]:
        return [
            replace(made, activations=made.activations - 5.0) if made.updates == 4 else made
            for made in call(self, *arguments)  # type: ignore[arg-type]
        ]

    monkeypatch.setattr(FakeOptimizer, "__call__", weak)
    _, _, said, _, work = make(tmp_path, monkeypatch, Synthesis(steps=5, search=Search()))
    assert f"{unit}, max: does not beat the most extreme photograph even without diversity" in said
    kept = work.load(unit, "1" * 64)
    assert kept is not None
    assert kept[1].diversity == 0
