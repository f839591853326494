"""What may lie already where a bank is to be written, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py

from generation.building.notes import SHARES
from house.errors import UserError
from stimuli import StimulusBank
from stimuli.schema import FORMAT

_FORCE = "Choose another --out, or replace it with --force."


@dataclass(frozen=True)
class Existing:
    """A whole bank of the wanted kind.

    Attributes
    ----------
    content_sha256 : str
    beating : tuple of float
        The `generation.building.notes.SHARES`.
    """

    content_sha256: str
    beating: tuple[float, float]


def check_place(out: Path, replace: bool) -> None:
    """Stop before any work where no bank can be written, or something else would be replaced.

    Raises
    ------
    UserError
        If a folder or a file that is no bank lies there.
    """
    if out.is_dir():
        raise UserError(
            "this is a folder, and a bank is a file",
            where=str(out),
            remedy=f"Name a file, such as --out {out / 'bank.h5'}.",
        )
    if replace and out.exists() and not _was_a_bank(out):
        raise UserError(
            "there is a file that is no stimulus bank; --force replaces nothing but banks",
            where=str(out),
            remedy="Choose another --out, or move that file away.",
        )


def _was_a_bank(path: Path) -> bool:
    """Whether a file is a bank, or so damaged an HDF5 file that nobody can tell any more."""
    try:
        if not path.stat().st_size:
            return True
        if not h5py.is_hdf5(path):
            return False
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("format") == FORMAT)
    except (OSError, RuntimeError, KeyError, ValueError):
        return True


def find_existing(out: Path, build_key: str, replace: bool) -> Existing | None:
    """Give the bank that lies there already, if it is whole and what would be built.

    Returns
    -------
    Existing or None
        None where there is nothing, or something that may be replaced.

    Raises
    ------
    UserError
        If there is another bank, or a damaged one, that may not be replaced.
    """
    if not out.exists():
        return None
    try:
        with StimulusBank(out) as bank:
            provenance = bank.provenance
            same = provenance.get("build_key") == build_key
            if same and bank.compute_content_sha256() == bank.content_sha256:
                on_average, all_images = (float(provenance[name]) for name in SHARES)
                return Existing(bank.content_sha256, (on_average, all_images))
    except UserError:
        if not replace:
            raise
        return None
    # What h5py and a damaged text raise depends on where the damage lies.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError):
        same = True
    if replace:
        return None
    if same:
        raise UserError("the bank that is there is damaged", where=str(out), remedy=_FORCE)
    raise UserError(
        "there is a bank already, made from another recipe, other photographs or other software",
        where=str(out),
        remedy=_FORCE,
    )
