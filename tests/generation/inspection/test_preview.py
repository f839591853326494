"""Contact sheets: which units, what stands after an interrupt, damaged banks, numbers."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from generation.inspection import preview
from generation.inspection.preview import draw_preview
from generation.inspection.sheets import KINDS, SIGNS, UnitImages, number, unit_sheet
from house.errors import UserError
from stimuli import Unit
from tests.stimuli.conftest import write_small_bank

UNITS = [Unit(f"fire{i}:1x1:{i}", f"fire{i}", i, "1x1", i) for i in range(2, 8)]


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """Six units of a network that nobody knows here."""
    path = tmp_path / "bank.h5"
    write_small_bank(path, units=UNITS)
    return path


def shown(folder: Path) -> list[str]:
    page = (folder / "index.html").read_text(encoding="utf-8")
    return re.findall(r'class="card" id="([^"]+)"', page)


@pytest.mark.parametrize(
    ("chosen", "channels"),
    [
        (None, [2, 3, 4, 5, 6, 7]),
        ("2", [2, 7]),
        ("99", [2, 3, 4, 5, 6, 7]),
        (" fire4:1x1:4, fire3:1x1:3,fire4:1x1:4", [4, 3]),
    ],
)
def test_all_units_some_or_named_ones(
    bank: Path, tmp_path: Path, chosen: str | None, channels: list[int]
) -> None:
    told: list[tuple[int, int]] = []
    draw_preview(bank, tmp_path / "sheets", chosen, lambda *counts: told.append(counts))
    ids = [f"fire{channel}:1x1:{channel}" for channel in channels]
    assert shown(tmp_path / "sheets") == ids
    assert told == [(i + 1, len(ids)) for i in range(len(ids))]
    assert len(list((tmp_path / "sheets").glob("*.png"))) == len(ids)
    page = (tmp_path / "sheets" / "index.html").read_text(encoding="utf-8")
    assert ("Shown are" in page) == (len(ids) < 6)
    assert "so far" not in page


@pytest.mark.parametrize(
    ("chosen", "message"),
    [("0", "at least one"), (",", "names no unit"), ("fire2:1x1:3", "Did you mean")],
)
def test_units_that_cannot_be_shown(bank: Path, tmp_path: Path, chosen: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        draw_preview(bank, tmp_path / "sheets", chosen)


def test_the_page_stands_early_and_an_interrupt_keeps_it(
    bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "sheets"
    early: list[list[str]] = []

    def interrupt(done: int, of: int) -> None:
        if done == 2:
            early.append(shown(folder))
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_preview(bank, folder, advance=interrupt)
    assert early == [["fire2:1x1:2"]]
    assert len(shown(folder)) == 4
    assert "4 of 6 sheets are drawn so far" in (folder / "index.html").read_text(encoding="utf-8")
    # It grows while sheets are drawn, too.
    monkeypatch.setattr(preview, "_PAGE_EVERY", -1.0)
    sizes: list[int] = []
    draw_preview(bank, folder, advance=lambda done, of: sizes.append(len(shown(folder))))
    assert sizes == [4, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("name", "value"),
    [("provenance", "nonsense"), ("provenance", '{"merged": [3]}'), ("name", "whatever")],
)
def test_a_damaged_bank_is_a_sentence(bank: Path, tmp_path: Path, name: str, value: str) -> None:
    with h5py.File(bank, "r+") as file:
        file.attrs[name] = value
        file["natural/exemplars"][0] = 1000
    with pytest.raises(UserError):
        draw_preview(bank, tmp_path / "sheets")
    assert not (tmp_path / "sheets" / "index.html").exists()


def test_numbers_that_are_none_are_drawn_around(bank: Path, tmp_path: Path) -> None:
    with h5py.File(bank, "r+") as file:
        file["synthetic/activations"][0] = np.nan
        file["natural/exemplar_activations"][0, 0, 1] = np.inf
        file.attrs["provenance"] = '{"software": 3}'
    assert draw_preview(bank, tmp_path / "sheets").is_file()


def test_the_axis_of_a_sheet_leaves_out_what_is_no_number() -> None:
    def axis(values: list[float]) -> bytes:
        picture = np.zeros((16, 16, 3), np.uint8)
        places = [(kind, sign) for kind in KINDS for sign in SIGNS]
        images = {place: [picture] * 3 for place in places}
        activations = {place: np.array(values, np.float32) for place in places}
        sheet = unit_sheet(UnitImages(UNITS[0], images, activations), "net", 9)
        return sheet.crop((0, sheet.height - 100, sheet.width, sheet.height)).tobytes()

    assert axis([1.0, 2.0, np.nan]) == axis([1.0, 2.0, 2.0])
    assert axis([1.0, np.inf, 3.0]) != axis([1.0, 2.0, 3.0])
    assert axis([np.nan] * 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-1234.56, "−1235"),
        (999.96, "1000"),
        (123.45, "123"),
        (12.345, "12.3"),
        (9.999, "10.0"),
        (-1.0, "−1.00"),
        (0.1234, "0.123"),
        (0.0, "0"),
        (-0.0, "0"),
        (-0.004321, "−0.00432"),
        (0.0000123, "1.23e−05"),
        (float("nan"), "–"),
    ],
)
def test_an_activation_is_written_with_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text
