"""How synthetic images came about: kept beside the content, where a program tells it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from stimuli import SIGNS, BankWriter, StimulusBank, verify_bank
from stimuli.merge import Part, merge_banks, merged_unit
from stimuli.schema import OPTIONAL_MEASURED
from tests.stimuli.conftest import small_units, write_small_bank


def tell(writer: BankWriter) -> None:
    for u in range(len(writer.units)):
        for s in range(2):
            writer.write_optimisation(
                u,
                s,
                objective_curve=[u, s + 0.5],
                similarity_curve=[np.nan, s],
                diversity=10.5 * u,
                updates=100 + s,
            )


def test_it_is_read_as_written_and_no_part_of_the_content(bank_path: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.h5"
    content = write_small_bank(told, before_exit=tell)
    found = verify_bank(told)
    assert (found.problems, found.content_sha256) == ([], content)
    assert not any("synthetic/" in warning for warning in found.warnings)
    with StimulusBank(bank_path) as bank:
        assert bank.content_sha256 == content
        assert bank.optimisation("fire2:1x1:7", "min") == {}
    with StimulusBank(told) as bank:
        kept = bank.optimisation("fire9:3x3:400", "max")
        assert (kept["diversity"], kept["updates"]) == (10.5, 101)
        np.testing.assert_array_equal(kept["objective_curve"], [1, 1.5])
        np.testing.assert_array_equal(kept["similarity_curve"], [np.nan, 1])


@pytest.mark.parametrize("name", OPTIONAL_MEASURED)
def test_a_change_is_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "told.h5"
    write_small_bank(path, before_exit=tell)
    with h5py.File(path, "r+") as file:
        file[name][0, 1] = 7
    assert verify_bank(path).problems == [
        f"{name} does not match its checksum: the file was changed"
    ]
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, data=np.zeros(3, np.float64))
    problems = verify_bank(path).problems
    assert any(f"{name} has shape (3,)" in problem for problem in problems)
    assert any(f"{name} has type float64" in problem for problem in problems)


@pytest.mark.parametrize("all_tell", [True, False])
def test_a_merged_bank_has_it_where_all_have(tmp_path: Path, all_tell: bool) -> None:
    write_small_bank(tmp_path / "a.h5", before_exit=tell)
    write_small_bank(tmp_path / "b.h5", seed=1, before_exit=tell if all_tell else None)
    out = tmp_path / "all.h5"
    merge_banks([Part(label, tmp_path / f"{label}.h5") for label in "ab"], out, name="all")
    assert verify_bank(out).problems == []
    with StimulusBank(out) as bank, StimulusBank(tmp_path / "a.h5") as own:
        for label in "ab":
            for unit in small_units():
                for sign in SIGNS:
                    kept = bank.optimisation(merged_unit(unit, label).unit_id, sign)
                    expected = own.optimisation(unit.unit_id, sign) if all_tell else {}
                    np.testing.assert_equal(kept, expected)
