"""Damaged banks: every reader and the verifier answer with a sentence, whatever is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from house.errors import UserError
from stimuli import MachinePrediction, StimulusBank, Unit, add_machine, verify_bank
from stimuli.schema import ATTRIBUTES_CHECKSUM
from tests.stimuli.conftest import BATCHES, small_units, write_small_bank
from tests.stimuli.read_damaged import outcome

ROOT = Path(__file__).resolve().parents[2]
FLIPPED, TRUNCATED = 240, 30


@pytest.fixture
def answered_bank(bank_path: Path) -> Path:
    """A small bank with a machine's answers."""
    shape = (len(small_units()), BATCHES, 2, 4)
    decision, half = np.ones(shape, np.float32), np.full(shape, 0.5, np.float32)
    names = tuple(unit.unit_id for unit in small_units())
    add_machine(bank_path, MachinePrediction("m", names, decision, half, {"seed": 1}))
    return bank_path


def outcomes(files: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Read and verify files in another process, and in a new one where HDF5 crashes."""
    told: dict[str, dict[str, str]] = {}
    while waiting := [str(file) for file in files if file.name not in told]:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tests.stimuli.read_damaged", *waiting],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            lines = done.stdout
        except subprocess.TimeoutExpired as endless:
            lines = (endless.stdout or b"").decode()
        told |= {one["file"]: one for one in map(json.loads, lines.splitlines())}
        if rest := [file for file in waiting if Path(file).name not in told]:
            told[Path(rest[0]).name] = {"crash": "HDF5's"}
    return told


def test_flipped_bytes_and_truncations_never_give_a_traceback(
    answered_bank: Path, tmp_path: Path
) -> None:
    whole = answered_bank.read_bytes()
    with h5py.File(answered_bank) as file:
        stored = [file[f"{kind}/images"].id for kind in ("natural", "synthetic")]
        pixels = [(one.get_offset(), one.get_offset() + one.get_storage_size()) for one in stored]
    # Where the pixels lie, only their checksum can tell.
    structure = [
        place
        for place in range(len(whole))
        if not any(first <= place < last for first, last in pixels)
    ]
    rng = np.random.default_rng(0)
    files = [tmp_path / f"damaged-{index}.h5" for index in range(FLIPPED + TRUNCATED)]
    for file in files[:FLIPPED]:
        broken = bytearray(whole)
        for place in rng.choice(structure, size=rng.integers(1, 20)):
            broken[place] ^= int(rng.integers(1, 256))
        file.write_bytes(broken)
    lengths = rng.integers(0, len(whole), TRUNCATED).tolist()
    for file, length in zip(files[FLIPPED:], lengths, strict=True):
        file.write_bytes(whole[:length])
    told = outcomes(files)
    assert not [one["traceback"] for one in told.values() if "traceback" in one]
    assert sum("crash" in one for one in told.values()) <= FLIPPED // 40
    # Some bytes belong to nothing: gaps, reserved places, what a change of the file left.
    assert sum(bool(one.get("verify", "crash")) for one in told.values()) > 0.8 * len(told)
    assert all(told[file.name]["verify"] for file in files[FLIPPED:])


def _attribute(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file.attrs[name] = value

    return change


def _group_for_data(file: h5py.File) -> None:
    del file["natural/images"]
    file.create_group("natural/images")


def _numbers_for_texts(file: h5py.File) -> None:
    del file["units/layer"]
    file["units/layer"] = np.zeros(2, np.int32)


def _no_utf8(file: h5py.File) -> None:
    file["natural/author"][0] = b"\xff\xfe"
    file["units/role"][0] = b"\xff\xfe"


def _flat(file: h5py.File) -> None:
    del file["natural/batches"]
    file["natural/batches"] = np.zeros(3, np.int32)


def _other_name(file: h5py.File) -> None:
    file["units/unit_id"][0] = "../../etc:all:7"


def _machine_is_no_group(file: h5py.File) -> None:
    del file["machine"]
    file["machine"] = 3


def _machine_without_facts(file: h5py.File) -> None:
    file["machine/m"].attrs["facts"] = "[3"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_attribute("provenance", "not json"), "do not match their checksum"),
        (_attribute("provenance", "not json"), "its provenance is no JSON"),
        (_attribute("provenance", "[]"), "its provenance is no JSON object"),
        (_attribute("provenance", "{}"), "do not match their checksum"),
        (_attribute("recipe", 'name="other"'), "do not match their checksum"),
        (_attribute("name", "other"), "do not match their checksum"),
        (_attribute("recipe", np.zeros(3)), "do not match their checksum"),
        (_attribute("schema_version", "one"), "damaged"),
        (_attribute("schema_version", np.zeros(3)), "damaged"),
        (_attribute("content_sha256", "0" * 64), "do not match their checksum"),
        (_attribute(ATTRIBUTES_CHECKSUM, "0" * 64), "do not match their checksum"),
        (_group_for_data, "natural/images is no data set"),
        (_numbers_for_texts, "units/layer has type"),
        (_no_utf8, "units/role"),
        (_flat, "is damaged"),
        (_other_name, "is not the unit that it is called"),
        (_machine_is_no_group, "is damaged"),
        (_machine_without_facts, "does not say how it was made"),
    ],
)
def test_damage_of_attributes_and_tables_is_named(
    answered_bank: Path, damage: Callable[[h5py.File], None], sentence: str
) -> None:
    with h5py.File(answered_bank, "r+") as file:
        damage(file)
    told = outcome(answered_bank)
    assert "traceback" not in told
    assert sentence in told["verify"]


def test_a_damaged_prediction_is_told_apart_from_a_damaged_bank(answered_bank: Path) -> None:
    with h5py.File(answered_bank, "r+") as file:
        file["machine/m"].attrs["facts"] = "3"
    with (
        StimulusBank(answered_bank) as bank,
        pytest.raises(UserError, match=r'the prediction "m" is damaged .*predict BANK --force'),
    ):
        bank.machine("m")


def test_a_bank_without_the_checksum_of_its_recipe_is_sound_and_says_so(bank_path: Path) -> None:
    assert verify_bank(bank_path).warnings == []
    with h5py.File(bank_path, "r+") as file:
        del file.attrs[ATTRIBUTES_CHECKSUM]
        file.attrs["recipe"] = 'name="other"'
    found = verify_bank(bank_path)
    assert found.ok
    assert "not stored" in found.warnings[0]


def test_data_sets_that_nobody_knows_are_named(bank_path: Path) -> None:
    with h5py.File(bank_path, "r+") as file:
        file["natural/extra"] = np.zeros(3)
        file["more/of/it"] = np.zeros(3)
    found = verify_bank(bank_path)
    assert found.ok
    assert "more/of/it, natural/extra: not known" in found.warnings[0]


def test_the_same_of_many_units_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "many.h5"
    units = [Unit(f"fire2:1x1:{i}", "fire2", 1, "1x1", i) for i in range(9)]
    write_small_bank(path, units=units)
    with h5py.File(path, "r+") as file:
        file["synthetic/activations"][:, 0] = 5
        file["natural/exemplar_activations"][:, 1, :2] = [-9, 9]
    found = verify_bank(path)
    (note,) = found.warnings
    assert "as much as maximal ones, in 9 places: fire2:1x1:0; fire2:1x1:1;" in note
    assert sum("order of extremeness" in problem for problem in found.problems) == 1
    with h5py.File(path, "r+") as file:
        file["synthetic/activations"][2:, 0] = -5
    assert len(verify_bank(path).warnings) == 2


def test_a_closed_bank_is_not_called_damaged(bank_path: Path) -> None:
    bank = StimulusBank(bank_path)
    bank.close()
    with pytest.raises(Exception, match=r"(?i)not a|invalid|closed") as caught:
        _ = bank.recipe
    assert not isinstance(caught.value, UserError)
