"""From finished units and photographs to the one file of a bank, a picture at a time."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.building.progress_files import WorkFolder
from generation.natural.decode_ahead import ahead
from generation.natural.photographs import Pool
from generation.natural.sources import printable
from generation.natural.stage import Exemplars
from generation.recipe import Recipe
from house.errors import UserError
from stimuli import BankWriter, Unit

STAGE = "writing the bank"
# Tables, HDF5's own structures and the file system's.
_MARGIN = 1 << 20
# A photograph that is enlarged more often than this shows blocks and blur.
_ENLARGED = 4


def assemble(
    recipe: Recipe,
    recipe_text: str,
    units: Sequence[Unit],
    pool: Pool,
    exemplars: Exemplars,
    work: WorkFolder,
    keys: Sequence[str],
    provenance: dict[str, Any],
    out: Path,
    advance: Callable[[int], None],
    say: Callable[[str], None],
    recording: str,
) -> None:
    """Write the bank.

    Parameters
    ----------
    keys : sequence of str
        The units' keys in the work folder.
    advance : callable
        Told of every unit and every photograph written.
    say : callable
        Told what a person should know.
    recording : str
        The recording's file in the work folder.

    Raises
    ------
    UserError
        If the disk is full, something that was there is gone, or a photograph is not the one that
        was recorded. Nothing half-written is left, and all work is kept.
    """
    shown = exemplars.shown
    check_space(out.parent, bank_bytes(recipe, len(units), len(shown)), "the bank")
    rows = np.searchsorted(shown, exemplars.indices)
    ranks = exemplars.ranks
    flat = np.take_along_axis(rows, ranks.reshape(*ranks.shape[:2], -1).astype(np.int64), axis=2)
    credits = [pool.source.credit(index) for index in shown.tolist()]
    sides: list[int] = []
    remedy = (
        f"Restore it and give the command again. To take it as it is now, first delete "
        f"{work.path / recording}: all photographs are then recorded anew."
    )
    with BankWriter(
        out,
        units=units,
        name=recipe.name,
        image_size=recipe.synthesis.image_size,
        images_per_sign=recipe.synthesis.images_per_sign,
        curve_steps=recipe.synthesis.settings("float32").curve_steps,
        recipe=recipe_text,
        provenance=provenance,
    ) as writer:
        for row, unit in enumerate(units):
            made = work.load(unit.unit_id, keys[row])
            if made is None:
                work.discard(unit.unit_id, keys[row])
                raise UserError(
                    f"the finished images of {unit.unit_id} cannot be read any more",
                    where=str(work.path),
                    remedy="Give the command again: they are made anew.",
                )
            for sign, result in enumerate(made):
                writer.write_synthetic(row, sign, result.images, result.activations, result.curve)
                writer.write_optimisation(
                    row,
                    sign,
                    objective_curve=result.objective_curve,
                    similarity_curve=result.similarity_curve,
                    diversity=result.diversity,
                    updates=result.updates,
                )
            advance(1)
        with contextlib.closing(_pictures(pool, exemplars, sides, advance, remedy)) as pictures:
            writer.write_natural(
                pictures,
                name=[printable(pool.source.name(index)) for index in shown.tolist()],
                sha256=exemplars.checksums,
                label=[credit.label for credit in credits],
                licence=[credit.licence for credit in credits],
                author=[credit.author for credit in credits],
            )
        writer.write_exemplars(rows, exemplars.activations, flat.reshape(ranks.shape), ranks)
    _tell_of_small(sides, recipe, say)


def _pictures(
    pool: Pool,
    exemplars: Exemplars,
    sides: list[int],
    advance: Callable[[int], None],
    remedy: str,
) -> Generator[npt.NDArray[np.uint8], None, None]:
    """Decode the photographs that are shown, and note their shorter sides on the way.

    Activations were recorded long before: each file must still be the one that was recorded.
    """
    indices = exemplars.shown.tolist()
    pictures = ahead(indices, pool.image, pool.workers, max(4 * pool.workers, 1))
    with contextlib.closing(pictures):
        for index, recorded, picture in zip(indices, exemplars.checksums, pictures, strict=True):
            if picture.checksum != recorded:
                raise UserError(
                    f"the photograph {printable(pool.source.name(index))} was changed after it "
                    "was recorded",
                    where=pool.source.where,
                    remedy=remedy,
                )
            sides.append(picture.shorter_side)
            yield picture.pixels
            advance(1)


def _tell_of_small(sides: Sequence[int], recipe: Recipe, say: Callable[[str], None]) -> None:
    small = [side for side in sides if side * _ENLARGED < recipe.natural.resize]
    if small:
        say(
            f"note: {len(small)} of the bank's {len(sides)} photographs were enlarged more than "
            f"{_ENLARGED} times; the smallest has a side of {min(small)} pixels. "
            "natural.shortest_side in the recipe leaves such out"
        )


def bank_bytes(recipe: Recipe, units: int, photographs: int) -> int:
    """Give the size of a bank's pictures in bytes, uncompressed as they are stored."""
    picture = 3 * recipe.synthesis.image_size**2
    return picture * (2 * units * recipe.synthesis.images_per_sign + photographs)


def may_show(recipe: Recipe, units: int, pool: int) -> int:
    """Give the number of photographs that a bank may hold at most."""
    return min(pool, 2 * units * recipe.natural.ranks)


def check_space(folder: Path, needed: int, what: str) -> None:
    """Stop where `needed` bytes do not fit on a folder's disk.

    Raises
    ------
    UserError
        With how much is needed and how much is free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + _MARGIN:
        raise UserError(
            f"the disk is too full: {what} needs {_human(needed + _MARGIN)}, "
            f"{_human(free)} are free",
            where=str(folder),
            remedy="Free some space and give the command again, or choose another --out.",
        )


def _human(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
