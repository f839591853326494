from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest

from house.errors import UserError
from stimuli import StimulusBank, read_units, verify_bank
from tests.stimuli.conftest import BATCHES, IMAGES, POSITIONS, SIZE, small_units, write_small_bank


def test_what_was_written_is_read(bank_path):
    with StimulusBank(bank_path) as bank:
        assert bank.units == tuple(small_units())
        assert (bank.image_size, bank.images_per_sign) == (SIZE, IMAGES)
        assert (bank.n_batches, bank.batch_size) == (BATCHES, POSITIONS)
        assert bank.provenance == {"seed": 0}
        expected = np.random.default_rng(0).integers(
            0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8
        )
        ids = bank.synthetic("fire2:1x1:7", "min")
        assert ids[0] == "synthetic/fire2:1x1:7/min/00"
        np.testing.assert_array_equal(bank.images(ids), expected)
        assert bank.activations("fire2:1x1:7", "max").tolist() == [0.5] * IMAGES
        assert bank.curve("fire2:1x1:7", "max").tolist() == [0.0, 0.5]
        assert bank.curve_steps.tolist() == [0, 5]
    assert read_units(bank_path) == tuple(small_units())


def test_batches_begin_with_the_query_and_name_stored_images(bank_path):
    with StimulusBank(bank_path) as bank:
        ranked = bank.exemplars("fire9:3x3:400", "max")
        # Rank bins of BATCHES images are dealt one to each batch.
        assert bank.batch("fire9:3x3:400", "max", 1) == ranked[1::BATCHES]
        query = bank.batch("fire9:3x3:400", "max", 0)[0]
        assert query == ranked[0]
        assert bank.image(query).shape == (SIZE, SIZE, 3)
        assert bank.source(query)["author"] == "Jürgen"
        values = bank.activations("fire9:3x3:400", "max", "natural")
        assert (np.diff(values) <= 0).all()


def test_the_same_content_has_the_same_checksum_and_other_content_another(tmp_path):
    first = write_small_bank(tmp_path / "a.h5")
    assert write_small_bank(tmp_path / "b.h5") == first
    assert write_small_bank(tmp_path / "c.h5", seed=1) != first
    with StimulusBank(tmp_path / "a.h5") as bank:
        assert bank.content_sha256 == bank.compute_content_sha256() == first


def test_a_units_set_is_stored_counts_and_is_checked_and_may_be_absent(tmp_path):
    plain = write_small_bank(tmp_path / "plain.h5")
    with h5py.File(tmp_path / "plain.h5") as file:
        assert "set" not in file["units"]
    units = [replace(unit, set=name) for unit, name in zip(small_units(), ("a", ""), strict=True)]
    path = tmp_path / "sets.h5"
    content = write_small_bank(path, units=units)
    assert content != plain
    with StimulusBank(path) as bank:
        assert bank.units == tuple(units)
        assert bank.content_sha256 == bank.compute_content_sha256() == content
    found = verify_bank(path)
    assert found.ok
    assert found.content_sha256 == content
    with h5py.File(path, "r+") as file:
        file["units/set"][1] = "b"
    assert any("units/set" in problem for problem in verify_bank(path).problems)
    with h5py.File(path, "r+") as file:
        del file["units/set"]
        file.create_dataset("units/set", data=np.zeros(3, np.int32))
    assert any("units/set has shape" in problem for problem in verify_bank(path).problems)


def test_reading_needs_no_torch_and_no_psychopy(bank_path):
    program = (
        "import sys, stimuli\n"
        f"bank = stimuli.StimulusBank({str(bank_path)!r})\nbank.image('natural/000000')\n"
        "assert not {'torch', 'psychopy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    "image_id",
    [
        "natural/000099",
        "natural/x",
        "synthetic/fire2:1x1:7/max/99",
        "synthetic/fire2:1x1:7/up/00",
        "synthetic/x",
        "other/1",
        "",
    ],
)
def test_an_image_that_is_not_there_is_a_sentence(bank_path, image_id):
    with StimulusBank(bank_path) as bank, pytest.raises(UserError, match="has no image"):
        bank.image(image_id)


def test_a_unit_or_batch_that_is_not_there_is_a_sentence(bank_path):
    with StimulusBank(bank_path) as bank:
        with pytest.raises(UserError, match=r'Did you mean "fire2:1x1:7"'):
            bank.unit("fire2:1x1:8")
        with pytest.raises(UserError, match="batches 0 to 1, not 2"):
            bank.batch("fire2:1x1:7", "min", 2)


def test_a_missing_bank_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match="generation build"):
        StimulusBank(tmp_path / "none.h5")


def test_files_that_are_no_bank_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(UserError, match="damaged"):
        StimulusBank(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(UserError, match="no stimulus bank"):
        StimulusBank(tmp_path / "other.h5")


def test_a_truncated_bank_is_damaged(bank_path):
    raw = bank_path.read_bytes()
    bank_path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(UserError, match="damaged"):
        StimulusBank(bank_path)


def test_another_version_says_which(bank_path):
    with h5py.File(bank_path, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(UserError, match="schema version 99"):
        StimulusBank(bank_path)


def test_a_failed_build_leaves_no_bank(tmp_path):
    def fail(writer: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_small_bank(tmp_path / "a.h5", before_exit=fail)
    assert list(tmp_path.iterdir()) == []


def test_an_incomplete_bank_never_gets_its_name(tmp_path):
    def forget(writer) -> None:
        writer._written.discard((1, 0))

    with pytest.raises(ValueError, match="fire9:3x3:400 has no min synthetic images"):
        write_small_bank(tmp_path / "a.h5", before_exit=forget)
    assert list(tmp_path.iterdir()) == []


def test_a_sound_bank_passes(bank_path):
    found = verify_bank(bank_path)
    assert found.ok, found.problems
    with StimulusBank(bank_path) as bank:
        assert found.content_sha256 == bank.content_sha256


def _flip_pixel(file: h5py.File) -> None:
    file["natural/images"][3, 5, 5, 0] ^= 1


def _swap_exemplars(file: h5py.File) -> None:
    file["natural/exemplar_activations"][0, 1, :2] = [-9, 9]


def _share(file: h5py.File) -> None:
    file["natural/exemplars"][0, 0, 0] = file["natural/exemplars"][0, 1, 0]


def _repeat_in_batches(file: h5py.File) -> None:
    file["natural/batches"][0, 0, 0, 0] = file["natural/batches"][0, 0, 1, 0]


def _weak_query(file: h5py.File) -> None:
    for name in ("natural/batches", "natural/batch_ranks"):
        file[name][1, 1, 0] = file[name][1, 1, 0][::-1]


def _blank(file: h5py.File) -> None:
    file["synthetic/images"][1, 0, 2] = 128


def _nan(file: h5py.File) -> None:
    file["synthetic/activations"][0, 0, 0] = np.nan


def _lost_photograph(file: h5py.File) -> None:
    file["natural/exemplars"][0, 0, 0] = 1000


def _wrong_shape(file: h5py.File) -> None:
    del file["natural/label"]
    file["natural/label"] = ["a", "b"]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_flip_pixel, "natural/images does not match its checksum"),
        (_flip_pixel, "does not match the bank's content checksum"),
        (_swap_exemplars, "not in order of extremeness"),
        (_share, "both minimal and maximal"),
        (_repeat_in_batches, "batches share a photograph"),
        (_repeat_in_batches, "batches and ranks disagree"),
        (_weak_query, "less extreme than its references"),
        (_blank, "a min synthetic image is blank"),
        (_nan, "not a number"),
        (_lost_photograph, "points to no stored photograph"),
        (_wrong_shape, "natural/label has shape (2,), expected (20,)"),
    ],
)
def test_each_damage_is_found_and_named(bank_path, damage, sentence):
    with h5py.File(bank_path, "r+") as file:
        damage(file)
    found = verify_bank(bank_path)
    assert any(sentence in problem for problem in found.problems), found.problems
