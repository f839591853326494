"""Measuring a bank's images again, and verifying where that or HDF5 fails."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from generation.__main__ import app
from generation.inspection import verification
from generation.inspection.remeasure import remeasure
from generation.networks.network import REGISTRY, Network
from generation.synthesis.measuring import measure
from house.errors import UserError
from stimuli import Unit, schema
from tests.stimuli.conftest import write_small_bank

UNITS = [Unit(f"fire2:1x1:{i}", "fire2", 0, "1x1", i) for i in (7, 30)]
SPEC = REGISTRY["squeezenet1_1"]
NOTES = {"network": SPEC.name, "weights_sha256": SPEC.weights_sha256}


def note(path: Path, notes: dict[str, Any]) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["provenance"] = json.dumps(notes)
        file.attrs[schema.ATTRIBUTES_CHECKSUM] = schema.hash_attributes(file.attrs)


@pytest.fixture
def bank(tmp_path: Path, network: Network) -> Path:
    """A bank of painted pictures with what they do to two units of the embedded network."""
    path = tmp_path / "bank.h5"
    write_small_bank(path, units=UNITS)
    with h5py.File(path, "r+") as file:
        for u, unit in enumerate(UNITS):
            natural = measure(network, file["natural/images"][:], "fire2")[:, unit.channel]
            file["natural/exemplar_activations"][u] = natural[file["natural/exemplars"][u]]
            for s in range(2):
                made = measure(network, file["synthetic/images"][u, s], "fire2")
                file["synthetic/activations"][u, s] = made[:, unit.channel]
        for name in ("natural/exemplar_activations", "synthetic/activations"):
            file[name].attrs["sha256"] = schema.hash_dataset(file[name])
    note(path, NOTES)
    return path


def test_a_deviation_that_no_other_processor_makes_is_found(bank: Path) -> None:
    assert remeasure(bank, 2) == (16, [])
    with h5py.File(bank, "r+") as file:
        values = file["synthetic/activations"][()]
        scale = float(
            max(np.abs(values[0]).max(), np.abs(file["natural/exemplar_activations"][0]).max())
        )
        file["synthetic/activations"][0, 1, 0] = values[0, 1, 0] + 1e-3 * scale
    assert remeasure(bank, 2) == (16, [])
    with h5py.File(bank, "r+") as file:
        file["synthetic/activations"][0, 1, 0] = values[0, 1, 0] + 5e-3 * scale
    measured, problems = remeasure(bank, 2)
    assert measured == 16
    (problem,) = problems
    assert problem.startswith("synthetic/fire2:1x1:7/max/00 activates fire2:1x1:7 by")


def test_weights_that_were_moved_and_class_names_that_stayed_behind(bank: Path) -> None:
    choice = {"name": SPEC.name, "weights": "/nowhere/w.npz", "classes": "/nowhere/classes.txt"}
    note(bank, {**NOTES, "network_choice": choice})
    with pytest.raises(UserError, match=r"not where they were .* --weights"):
        remeasure(bank, 1)
    assert SPEC.weights is not None
    assert remeasure(bank, 1, SPEC.weights) == (8, [])


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({}, "does not say which network"),
        ({"network": SPEC.name, "network_choice": {"nmae": "x"}}, "does not say which network"),
        ({"network": SPEC.name, "network_choice": 3}, "does not say which network"),
        ({"network": SPEC.name}, "made with other weights"),
        ({"merged": 3}, "is damaged"),
        ({"merged": [{"network_label": "a"}]}, "is damaged"),
    ],
)
def test_provenance_that_does_not_tell_the_network(
    bank: Path, notes: dict[str, Any], message: str
) -> None:
    note(bank, notes)
    with pytest.raises(UserError, match=message):
        remeasure(bank, 1)


def test_right_checksums_are_told_although_nothing_can_be_measured(bank: Path) -> None:
    with h5py.File(bank, "r+") as file:
        # Order of extremeness is another matter here.
        for u in range(2):
            file["natural/exemplar_activations"][u] = np.arange(12).reshape(2, 6)
            file["natural/exemplar_activations"][u, 1] = np.arange(12)[:5:-1]
        file["natural/exemplar_activations"].attrs["sha256"] = schema.hash_dataset(
            file["natural/exemplar_activations"]
        )
    note(bank, {})
    found = CliRunner().invoke(app, ["verify", str(bank)])
    assert "all checksums are right" in found.stdout
    assert "content sha256" in found.stdout
    assert isinstance(found.exception, UserError)


def crash(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_file_that_crashes_hdf5_ends_with_a_sentence(
    bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "verify_bank", crash)
    found = CliRunner().invoke(app, ["verify", str(bank)])
    assert found.exit_code == 1
    assert "HDF5 library crashes" in found.stderr
