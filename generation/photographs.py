"""Decoding photographs as published: bilinear resize of the shorter side, centre crop."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from generation.recipe import Natural
from house.errors import UserError
from house.files import sha256_file
from stimuli.photographs import Photograph, load_photographs

_log = logging.getLogger(__name__)


@dataclass
class Pool:
    """The photographs of a recipe, decoded when they are asked for.

    Attributes
    ----------
    photographs : tuple of Photograph
        In the pool's order; their index is their identity within a build.
    unreadable : dict of int to str
        Index and reason of the files that could not be decoded so far.
    """

    photographs: tuple[Photograph, ...]
    resize: int
    size: int
    unreadable_limit: int
    unreadable: dict[int, str] = field(default_factory=dict)

    def checksums(self) -> list[str]:
        """SHA-256 of every file."""
        return [sha256_file(photograph.path) for photograph in self.photographs]

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """Decode one photograph: uint8 (size, size, 3)."""
        return decode(self.photographs[index].path, self.resize, self.size)

    def passes(self, count: int) -> Iterator[tuple[list[int], npt.NDArray[np.uint8]]]:
        """Decode all, some at a time.

        Yields
        ------
        indices : list of int
        images : ndarray of uint8, shape (len(indices), size, size, 3)

        Raises
        ------
        UserError
            When more photographs are unreadable than the recipe allows. Fewer are logged,
            counted and left out.
        """
        indices: list[int] = []
        images: list[npt.NDArray[np.uint8]] = []
        for index, photograph in enumerate(self.photographs):
            try:
                images.append(self.image(index))
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                self._skip(index, photograph, error)
                continue
            indices.append(index)
            if len(images) == count:
                yield indices, np.stack(images)
                indices, images = [], []
        if images:
            yield indices, np.stack(images)

    def _skip(self, index: int, photograph: Photograph, error: Exception) -> None:
        self.unreadable[index] = str(error)
        _log.warning("%s cannot be read and is left out: %s", photograph.path, error)
        if len(self.unreadable) > self.unreadable_limit:
            raise UserError(
                f"{len(self.unreadable)} photographs cannot be read, the last of them "
                f"{photograph.path.name} ({error})",
                where=str(photograph.path.parent),
                remedy="Replace them, or raise natural.unreadable_limit in the recipe.",
            )


def open_pool(natural: Natural, size: int) -> Pool:
    """List the photographs that a recipe names.

    Raises
    ------
    UserError
        If the folder or its table is missing or wrong, or it holds too few for the batches.
    """
    folder = None if natural.photographs == "embedded" else Path(natural.photographs).expanduser()
    pool = Pool(load_photographs(folder), natural.resize, size, natural.unreadable_limit)
    require(len(pool.photographs), natural, str(folder or "the embedded photographs"))
    return pool


def require(count: int, natural: Natural, where: str) -> None:
    """Stop unless `count` photographs suffice for disjoint minimal and maximal exemplars."""
    if count < 2 * natural.ranks:
        raise UserError(
            f"{count} photographs are too few: {natural.batches} batches of {natural.positions} "
            f"for each sign need {2 * natural.ranks}",
            where=where,
            remedy="Add photographs, or lower natural.batches in the recipe.",
        )


def decode(path: Path, resize: int, size: int) -> npt.NDArray[np.uint8]:
    """Decode an image file.

    Parameters
    ----------
    path : Path
        Anything Pillow reads; turned to RGB.
    resize : int
        Shorter side in pixels after the bilinear resize.
    size : int
        Side of the centre crop.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
    """
    with Image.open(path) as file:
        image = file.convert("RGB")
    width, height = image.size
    if min(width, height) != resize:
        shorter = min(width, height)
        target = (int(resize * width / shorter), int(resize * height / shorter))
        image = image.resize(target, Image.Resampling.BILINEAR)
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    # A copy: torch warns of arrays that it may not write to.
    return np.array(image.crop((left, top, left + size, top + size)), dtype=np.uint8)


def listing_sha256(photographs: Sequence[Photograph], checksums: Sequence[str]) -> str:
    """Checksum of a data set: the SHA-256 over its names and its files' checksums, in order."""
    digest = hashlib.sha256()
    for photograph, checksum in zip(photographs, checksums, strict=True):
        digest.update(f"{checksum}  {photograph.name}\n".encode())
    return digest.hexdigest()
