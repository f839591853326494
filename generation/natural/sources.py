"""Where photographs come from: what is listed, in which order, and how a file's bytes are read.

The order is that of the names' bytes, on every machine; a photograph's place in it is its
identity within a build. No path leaves its folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from house.errors import UserError
from stimuli.photographs import PHOTOGRAPHS, TABLE, load_photographs

_JPEG = (".jpg", ".jpeg", ".jpe", ".jp2")
_OTHER = (".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm")
_PACKED = (".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar")
IMAGE_SUFFIXES = frozenset((*_JPEG, *_OTHER))


@dataclass(frozen=True)
class Credit:
    """What is known of a photograph besides its pixels; empty where nothing is."""

    label: str = ""
    licence: str = ""
    author: str = ""


class Place(NamedTuple):
    """Where a photograph's bytes lie: a whole file, or `size` bytes of it from `offset` on."""

    path: str
    offset: int = 0
    size: int = -1


class Source(Protocol):
    """Photographs in a fixed order.

    Attributes
    ----------
    where : str
        The place, for messages.
    ignored : int
        Files there that are no images.
    """

    where: str
    ignored: int

    def __len__(self) -> int:
        """Give the number of photographs."""
        ...

    def name(self, index: int) -> str:
        """Give the name of one, unique within the source."""
        ...

    def size(self, index: int) -> int:
        """Give its file's size in bytes when it was listed."""
        ...

    def credit(self, index: int) -> Credit:
        """Give its class, licence and author."""
        ...

    def read(self, index: int) -> bytes:
        """Read its file; `OSError` where that fails. Safe in several threads."""
        ...

    def place(self, index: int) -> Place:
        """Say where its bytes lie."""
        ...


class FileSource:
    """Image files below one folder.

    Parameters
    ----------
    root : Path
        The folder.
    files : sequence of str
        Paths below it with ``/`` as separator, checked not to leave it.
    names : sequence of str, optional
        What to call them; their paths by default.
    credits : sequence of Credit, optional
        By default the first folder of a path is the class, as in ImageNet's layout.
    ignored : int
        Files there that are no images.
    where : str, optional
        What messages call the place; the folder by default.
    """

    def __init__(
        self,
        root: Path,
        files: Sequence[str],
        *,
        names: Sequence[str] | None = None,
        credits: Sequence[Credit] | None = None,
        ignored: int = 0,
        where: str | None = None,
    ) -> None:
        self.where = where or str(root)
        self.ignored = ignored
        self._root = root
        self._files = files
        self._names = files if names is None else names
        self._credits = credits

    def __len__(self) -> int:
        return len(self._files)

    def name(self, index: int) -> str:
        """Give the name of one."""
        return self._names[index]

    def size(self, index: int) -> int:
        """Give the size of a file in bytes, -1 where it cannot be told."""
        try:
            return (self._root / self._files[index]).stat().st_size
        except OSError:
            return -1

    def credit(self, index: int) -> Credit:
        """Give what is known of one."""
        if self._credits is not None:
            return self._credits[index]
        folder, separator, _ = self._files[index].partition("/")
        return Credit(label=printable(folder) if separator else "")

    def read(self, index: int) -> bytes:
        """Read one file."""
        return (self._root / self._files[index]).read_bytes()

    def place(self, index: int) -> Place:
        """Name the file."""
        return Place(str(self._root / self._files[index]))


def printable(name: str) -> str:
    """Write a file's name so that any program can store and show it.

    Control characters and bytes that are no UTF-8 become backslash escapes; a backslash itself
    is doubled only where such an escape stands in the same name.
    """
    if name.isprintable():
        return name
    return "".join(
        character
        if character.isprintable() and character != "\\"
        else character.encode("unicode_escape").decode("ascii")
        for character in name
    )


def name_bytes(name: str) -> bytes:
    """Give the bytes of a file's name, which need not be UTF-8."""
    return name.encode("utf-8", "surrogateescape")


def listing_sha256(source: Source) -> tuple[str, int]:
    """Checksum of what is listed, and the number of bytes in all files.

    The checksum is over names and sizes in order, each name preceded by its length.
    """
    digest = hashlib.sha256()
    total = 0
    for index in range(len(source)):
        name, size = name_bytes(source.name(index)), source.size(index)
        digest.update(b"%d:%b %d\n" % (len(name), name, size))
        total += max(size, 0)
    return digest.hexdigest(), total


def credits_sha256(source: Source) -> str:
    """Checksum of all that is known of the photographs besides their pixels."""
    digest = hashlib.sha256()
    for index in range(len(source)):
        credit = source.credit(index)
        for text in (credit.label, credit.licence, credit.author):
            # The length, so that a text cannot imitate the end of another.
            digest.update(b"%d:" % len(text) + text.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def open_source(photographs: str, root: str | None = None) -> Source:
    """Find out what kind of place a recipe names, and list it.

    Parameters
    ----------
    photographs : str
        "embedded", or a path; see `generation.natural.settings.Natural`.
    root : str, optional
        The folder that links and listed paths may lead into, where it is another.

    Raises
    ------
    UserError
        If there is nothing, no image in it, or a listing or table is wrong.
    """
    # Here, because both are built upon this module.
    from generation.natural.folders import list_folder, read_listing
    from generation.natural.tar_shards import TarSource, expand_pattern

    beneath = None if root is None else Path(root).expanduser()
    if beneath is not None and not beneath.is_dir():
        raise UserError("there is no such folder for natural.root", where=str(beneath))
    if photographs == "embedded":
        return attributed(None)
    path = Path(photographs).expanduser()
    if any(mark in photographs for mark in "*{?[") and not path.exists():
        return TarSource(expand_pattern(photographs))
    if path.is_file():
        if path.suffix.lower() == ".tar":
            return TarSource([path])
        _refuse_others(path)
        return read_listing(path, beneath)
    if not path.is_dir():
        raise UserError(
            "there are no photographs here: no such file or folder",
            where=str(path),
            remedy="Name a folder of images, WebDataset shards, a listing, or "
            '"embedded" in natural.photographs.',
        )
    if (path / TABLE).is_file():
        return attributed(path)
    shards = sorted(path.glob("*.tar"), key=lambda shard: os.fsencode(shard.name))
    return TarSource(shards) if shards else list_folder(path, beneath)


def _refuse_others(path: Path) -> None:
    """Stop where a file is what people take for photographs, and is no listing."""
    name = path.name.lower()
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise UserError(
            "this is one image, not a set of photographs",
            where=str(path),
            remedy="Name the folder that it lies in, or a listing of images.",
        )
    if name.endswith(_PACKED):
        raise UserError(
            "this is a packed archive, which cannot be read in place",
            where=str(path),
            remedy="Unpack it and name the folder, or make an uncompressed .tar of it.",
        )


def attributed(folder: Path | None) -> FileSource:
    """List a pool with a table of attributions; the embedded one by default."""
    photographs = load_photographs(folder)
    return FileSource(
        PHOTOGRAPHS if folder is None else folder,
        # Absolute, as `load_photographs` has checked them.
        [str(photograph.path) for photograph in photographs],
        names=[photograph.name for photograph in photographs],
        credits=[
            Credit(photograph.label, photograph.licence, photograph.author)
            for photograph in photographs
        ],
        where="the embedded photographs" if folder is None else None,
    )
