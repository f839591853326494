from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.building.job import Facts
from generation.building.progress_files import WorkFolder
from generation.synthesis.optimize import Optimized
from generation.synthesis.portions import Made, Portion
from generation.synthesis.recipe_settings import Synthesis
from generation.synthesis.stage import Synthesised, group, synthesise
from stimuli import Unit, unit_id
from tests.generation.building.test_order import Silent

LAYERS = ("fire3", "fire5", "fire9")


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60), st.integers(1, 9))
def test_units_of_a_layer_are_together_wherever_they_stand(
    units: list[tuple[str, bool]], size: int
) -> None:
    layers = [layer for layer, _ in units]
    rows = [row for row, (_, unfinished) in enumerate(units) if unfinished]
    parts = group(layers, rows, size)
    assert sorted(row for part in parts for row in part) == rows
    for layer in set(layers):
        own = [part for part in parts if layers[part[0]] == layer]
        count = units.count((layer, True))
        assert all({layers[row] for row in part} == {layer} for part in own)
        # As few as can be, and as alike in size.
        assert len(own) == -(-count // size)
        lengths = [len(part) for part in own]
        assert not lengths or max(lengths) - min(lengths) <= 1


class Recorder:
    """Stands for who makes portions: keeps them, and gives each row a number of its own."""

    def __init__(self) -> None:
        self.portions: list[Portion] = []

    def __call__(
        self,
        portions: Iterable[Portion],
        magnitude: object,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> Iterator[Made]:
        self.portions = list(portions)
        for portion in reversed(self.portions):
            rows = np.array(portion.rows, np.float32)
            advance(6 * len(rows))
            yield Made(
                portion.rows, np.stack([-rows, rows], axis=1), np.stack([-rows, rows - 1], axis=1)
            )


def units_of_sets(sets: int = 4) -> list[Unit]:
    """Two units of each layer in every set, set after set, as experiment II has them."""
    return [
        Unit(
            unit_id(layer, "1x1", 10 * s + c), layer, place, "1x1", 10 * s + c,
            role="catch" if s else "main",
        )
        for s in range(sets)
        for place, layer in enumerate(LAYERS)
        for c in range(2)
    ]  # fmt: skip


def make(
    work: Path, device: str, workers: int = 1, **more: object
) -> tuple[Synthesised, Recorder, Silent]:
    units = units_of_sets()
    recorder, reporter = Recorder(), Silent()
    reporter.plan([("synthetic images", 1, 1.0)])
    spans = np.tile(np.float32([0, 1]), (len(units), 1))
    facts = Facts(device, "", "", "float32", 1, "", workers)
    synthesis = Synthesis(steps=6, **more)
    folder = WorkFolder(work / "bank.h5")
    folder.path.mkdir(exist_ok=True)
    made = synthesise(synthesis, units, spans, facts, {}, folder, reporter, recorder)
    return made, recorder, reporter


@pytest.mark.parametrize(
    ("device", "workers", "given", "sizes"),
    [
        ("cpu", 1, {}, [1] * 24),
        ("cpu", 8, {"units_per_pass": 3}, [3, 3, 2] * 3),
        ("cuda", 1, {}, [8, 8, 8]),
        ("cuda", 1, {"units_per_pass": 5}, [4, 4] * 3),
        ("cuda", 1, {"units_per_pass": 1}, [1] * 24),
        # So that every GPU has some.
        ("cuda", 6, {}, [4, 4] * 3),
        ("cuda", 100, {}, [1] * 24),
    ],
)
def test_how_many_units_are_made_together(
    tmp_path: Path, device: str, workers: int, given: dict[str, object], sizes: list[int]
) -> None:
    made, recorder, reporter = make(tmp_path, device, workers, **given)
    assert [len(portion.rows) for portion in recorder.portions] == sizes
    units = units_of_sets()
    for portion in recorder.portions:
        assert {units[row].layer for row in portion.rows} == {portion.layer}
        assert [target.unit_id for target in portion.targets[::2]] == [
            units[row].unit_id for row in portion.rows
        ]
    # Results stand in the units' own order, whoever was made when.
    rows = np.arange(24, dtype=np.float32)
    np.testing.assert_array_equal(made.means, np.stack([-rows, rows], axis=1))
    np.testing.assert_array_equal(made.weakest, np.stack([-rows, rows - 1], axis=1))
    assert reporter.done["synthetic images"] == (24 * 6, 24 * 6)


def test_what_is_finished_is_not_made_again_and_fills_no_portion(tmp_path: Path) -> None:
    made, _, _ = make(tmp_path, "cuda")
    work = WorkFolder(tmp_path / "bank.h5")
    for row in (0, 7, 23):
        signs = [
            Optimized(np.zeros((2, 4, 4, 3), np.uint8), np.float32([s, s + 2]), np.zeros(1))
            for s in (0, 5)
        ]
        work.save(units_of_sets()[row].unit_id, made.keys[row], signs)
    again, recorder, reporter = make(tmp_path, "cuda")
    assert [len(portion.rows) for portion in recorder.portions] == [6, 8, 7]
    assert "3 of 24 units were finished earlier" in reporter.said
    assert reporter.done["synthetic images"] == (24 * 6, 24 * 6)
    assert again.keys == made.keys
    # The weakest minimal image is the one that activates most.
    assert again.means[7].tolist() == [1, 6]
    assert again.weakest[7].tolist() == [2, 5]


def test_compiling_where_there_is_no_gpu_is_told_of_once(tmp_path: Path) -> None:
    note = "note: compiled = true is for GPUs; nothing is compiled here"
    assert make(tmp_path, "cpu", compiled=True)[2].said.count(note) == 1
    assert note not in make(tmp_path, "cuda", compiled=True)[2].said
    assert note not in make(tmp_path, "cpu")[2].said


def test_directions_are_those_of_the_recipe(tmp_path: Path) -> None:
    directions = {
        unit.unit_id: {unit.channel: 1.0, 3: -0.5 * row} for row, unit in enumerate(units_of_sets())
    }
    _, recorder, _ = make(tmp_path, "cuda", objective="direction", directions=directions)
    for portion in recorder.portions:
        for target in portion.targets:
            assert dict(target.direction) == directions[target.unit_id]
    _, recorder, _ = make(tmp_path, "cuda")
    assert {target.direction for p in recorder.portions for target in p.targets} == {()}


def test_units_of_a_program_that_kept_less_are_made_again(tmp_path: Path) -> None:
    made, _, _ = make(tmp_path, "cpu")
    path = WorkFolder(tmp_path / "bank.h5")._file(units_of_sets()[0].unit_id, made.keys[0])
    images, values = np.zeros((2, 2, 4, 4, 3), np.uint8), np.zeros((2, 2), np.float32)
    np.savez(path, key=np.array(made.keys[0]), images=images, activations=values, curves=values)
    _, recorder, _ = make(tmp_path, "cpu")
    assert len(recorder.portions) == 24
