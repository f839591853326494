"""Banks of several networks made one: nothing is lost, mixed up or stored twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from house.errors import UserError
from stimuli import SIGNS, MachinePrediction, StimulusBank, add_machine, verify_bank
from stimuli.merge import Part, merge_banks, merged_unit
from stimuli.schema import network_of
from tests.stimuli.conftest import small_units, write_small_bank
from tests.stimuli.test_machine import prediction


@pytest.fixture
def parts(tmp_path: Path) -> list[Part]:
    # The first and the third have the same photographs, and all the same names of units.
    for name, seed in (("a", 0), ("b", 1), ("c", 0)):
        write_small_bank(tmp_path / f"{name}.h5", seed=seed)
    return [Part(label, tmp_path / f"{label}.h5") for label in "abc"]


def test_every_unit_keeps_its_images_batches_and_activations(
    parts: list[Part], tmp_path: Path
) -> None:
    out = tmp_path / "all.h5"
    content = merge_banks(parts, out, name="all")
    found = verify_bank(out)
    assert found.problems == []
    assert found.content_sha256 == content
    with StimulusBank(out) as bank:
        assert bank.name == "all"
        assert len(bank.units) == 6
        # Photographs of two banks are the same twenty.
        assert bank.n_natural == 40
        for part in parts:
            with StimulusBank(part.path) as own:
                for unit in own.units:
                    new = merged_unit(unit, part.label)
                    assert bank.unit(new.unit_id) == new
                    assert new.unit_id == f"{unit.layer}@{part.label}:{unit.branch}:{unit.channel}"
                    assert network_of(new.unit_id) == network_of(new.layer) == part.label
                    assert replace(new, unit_id=unit.unit_id, layer=unit.layer) == unit
                    for sign in SIGNS:
                        same(bank, own, new.unit_id, unit.unit_id, sign)
        listed = bank.provenance["merged"]
        assert [one["network_label"] for one in listed] == ["a", "b", "c"]
        assert [one["provenance"]["seed"] for one in listed] == [0, 1, 0]


def same(bank: StimulusBank, own: StimulusBank, new: str, old: str, sign: str) -> None:
    for kind in ("synthetic", "natural"):
        np.testing.assert_array_equal(
            bank.activations(new, sign, kind), own.activations(old, sign, kind)
        )
    np.testing.assert_array_equal(bank.curve(new, sign), own.curve(old, sign))
    lists = [(bank.synthetic(new, sign), own.synthetic(old, sign))]
    lists += [(bank.exemplars(new, sign), own.exemplars(old, sign))]
    lists += [(bank.batch(new, sign, b), own.batch(old, sign, b)) for b in range(own.n_batches)]
    for ours, theirs in lists:
        np.testing.assert_array_equal(bank.images(ours), own.images(theirs))
    for ours, theirs in zip(*lists[1], strict=True):
        assert bank.source(ours) == own.source(theirs)


def test_the_whole_depends_on_the_parts_and_their_labels_only(
    parts: list[Part], tmp_path: Path
) -> None:
    first = merge_banks(parts, tmp_path / "1.h5", name="all")
    assert merge_banks(parts, tmp_path / "2.h5", name="other name") == first
    relabelled = [Part("d", parts[0].path), *parts[1:]]
    assert merge_banks(relabelled, tmp_path / "3.h5", name="all") != first


def predict(part: Part, name: str, draw: int, **facts: object) -> MachinePrediction:
    """Put answers of a machine into a bank, with facts about how they were made."""
    settings = {"similarity": {"name": "s", "device": "cpu"}, "shuffles": 1, "seed": 0, **facts}
    with StimulusBank(part.path) as bank:
        settings["content_sha256"] = bank.content_sha256
    made = prediction(name, draw, facts=settings)
    add_machine(part.path, made)
    return made


def test_a_machines_answers_come_along(parts: list[Part], tmp_path: Path) -> None:
    bare = merge_banks(parts, tmp_path / "bare.h5", name="all")
    made = [predict(part, "lab", seed) for seed, part in enumerate(parts[:2])]
    # Computed elsewhere, but in the same way.
    made.append(predict(parts[2], "lab", 2, similarity={"name": "s", "device": "cuda"}))
    said: list[str] = []
    out = tmp_path / "all.h5"
    assert merge_banks(parts, out, name="all", say=said.append) == bare
    assert said == []
    assert verify_bank(out).problems == []
    with StimulusBank(out) as bank:
        found = bank.machine("lab")
        for number, part in enumerate(parts):
            with StimulusBank(part.path) as own:
                for row, unit in enumerate(own.units):
                    place = bank.row(merged_unit(unit, part.label).unit_id)
                    for key in ("decision", "shuffled", "dealt"):
                        np.testing.assert_array_equal(
                            getattr(found, key)[place], getattr(made[number], key)[row]
                        )
    assert found.facts["similarity"] == {"name": "s"}
    assert found.facts["shuffled"] == "with references of units of the same network"
    assert [one["network_label"] for one in found.facts["merged"]] == ["a", "b", "c"]


def test_answers_that_do_not_belong_together_are_left_out(
    parts: list[Part], tmp_path: Path
) -> None:
    for part in parts:
        predict(part, "lab", 0)
        predict(part, "lab2", 0)
        predict(part, "odd", 0, seed=int(part.label == "b"))
        predict(part, "other", 0, similarity={"name": part.label})
        predict(part, "fewer", 0, shuffles=1 + int(part.label == "c"))
    predict(parts[1], "single", 0)
    with h5py.File(parts[2].path, "r+") as file:
        file["machine/lab2/decision"][0, 0, 0, 0] += 1
    said: list[str] = []
    merge_banks(parts, tmp_path / "all.h5", name="all", say=said.append)
    assert [text.partition(". ")[0] for text in said] == [
        "the prediction fewer is left out: the number of other units was not the same for all",
        "the prediction lab2 is left out: in the bank of c, the prediction lab2, decision, does "
        "not match its checksum: the file was changed",
        "the prediction odd is left out: the seed was not the same for all",
        "the prediction other is left out: the similarity was not the same for all",
        "the prediction single is left out: a, c have none",
    ]
    assert all("generation predict" in text for text in said)
    with StimulusBank(tmp_path / "all.h5") as bank:
        assert bank.machine_names == ("lab",)


def test_a_unit_of_one_network_has_none_in_its_name() -> None:
    assert network_of(small_units()[0].unit_id) == network_of("layer1.0.conv1") == ""


def test_what_cannot_be_merged_is_told(parts: list[Part], tmp_path: Path) -> None:
    out = tmp_path / "all.h5"
    with pytest.raises(UserError, match="labelled a"):
        merge_banks([parts[0], Part("a", parts[1].path)], out, name="all")
    with pytest.raises(UserError, match="cannot name a network"):
        merge_banks([Part("a/b", parts[0].path)], out, name="all")
    with pytest.raises(UserError, match="no banks"):
        merge_banks([], out, name="all")
    with pytest.raises(UserError, match="no such stimulus bank"):
        merge_banks([Part("a", tmp_path / "none.h5")], out, name="all")
    merge_banks(parts[:1], tmp_path / "one.h5", name="one")
    with pytest.raises(UserError, match="merged already"):
        merge_banks([Part("x", tmp_path / "one.h5")], out, name="all")
    with h5py.File(parts[1].path, "r+") as file:
        file["synthetic/images"][0, 0, 0, 0, 0, 0] ^= 1
    with pytest.raises(UserError, match=r"b\.h5: this bank does not match its checksum"):
        merge_banks(parts, out, name="all")
    assert not out.exists()


def test_banks_made_otherwise_are_refused(parts: list[Part], tmp_path: Path) -> None:
    from tests.experiment.banks import make_bank

    other = make_bank(tmp_path / "other.h5", batches=2, batch_size=3, per_sign=4)
    with pytest.raises(UserError, match=r"differ in pixels a side: 64 here, 16 in a\.h5"):
        merge_banks([parts[0], Part("z", other)], tmp_path / "all.h5", name="all")
