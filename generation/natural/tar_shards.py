"""WebDataset shards: images read in place from uncompressed tar files."""

from __future__ import annotations

import os
import re
import tarfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from generation.natural.sources import IMAGE_SUFFIXES, Credit, Place, printable
from house.errors import UserError

# Members with a sample's class, a few bytes long: its index or name.
_LABELS = (".cls", ".label", ".txt")
_LONGEST_LABEL = 200


def expand_pattern(pattern: str) -> list[Path]:
    """Find the shards that a pattern means: ``*``, ``?``, ``[…]``, or WebDataset's ``{000..127}``.

    Raises
    ------
    UserError
        If there is none, or one of a numbered range is missing.
    """
    numbered = re.fullmatch(r"(.*)\{(\d+)\.\.(\d+)\}(.*)", pattern)
    if numbered:
        before, first, last, after = numbered.groups()
        names = [
            f"{before}{number:0{len(first)}d}{after}" for number in range(int(first), int(last) + 1)
        ]
        paths = [Path(name).expanduser() for name in names]
        for path in paths:
            if not path.is_file():
                raise UserError("a shard is missing", where=str(path))
    else:
        parts = Path(pattern).expanduser().parts
        first_mark = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
        folder, rest = Path(*parts[:first_mark]), "/".join(parts[first_mark:])
        found = folder.glob(rest) if rest else ()
        paths = sorted((path for path in found if path.is_file()), key=os.fsencode)
    if not paths:
        raise UserError("no shard fits this pattern", where=pattern)
    return paths


class TarSource:
    """Images of tar shards, in the order of shards and members.

    Nothing is unpacked: a member is its place within the shard, whatever its name.

    Parameters
    ----------
    shards : sequence of Path
        Uncompressed tar files; their names must differ.

    Raises
    ------
    UserError
        If one is damaged or compressed, two share a name, or there is no image in them.
    """

    def __init__(self, shards: Sequence[Path]) -> None:
        self.where = str(shards[0] if len(shards) == 1 else shards[0].parent)
        self.ignored = 0
        self._shards = list(shards)
        self._names: list[str] = []
        self._labels: list[str] = []
        places: list[tuple[int, int, int]] = []
        if len({shard.name for shard in shards}) != len(shards):
            raise UserError("two shards have the same name", where=self.where)
        for number, shard in enumerate(shards):
            self._index(number, shard, places)
        if not places:
            raise UserError("there is no image in these shards", where=self.where)
        self._places = np.array(places, dtype=np.int64)
        self._local = threading.local()

    def _index(self, number: int, shard: Path, places: list[tuple[int, int, int]]) -> None:
        labels: dict[str, str] = {}
        samples: list[str] = []
        try:
            with tarfile.open(shard, "r:") as archive:
                for member in archive:
                    if not member.isfile():
                        continue
                    sample, suffix = _split(member.name)
                    if suffix in IMAGE_SUFFIXES:
                        places.append((number, member.offset_data, member.size))
                        self._names.append(f"{shard.name}/{member.name}")
                        samples.append(sample)
                    elif suffix in _LABELS and member.size <= _LONGEST_LABEL:
                        file = archive.extractfile(member)
                        text = file.read() if file else b""
                        labels.setdefault(sample, text.decode("utf-8", "replace").strip())
                    else:
                        self.ignored += 1
                    # The archive remembers every member; a shard may have a hundred thousand.
                    archive.members = []  # type: ignore[attr-defined]
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            raise UserError(
                f"this shard is damaged, or no uncompressed tar file ({error})",
                where=str(shard),
                remedy="Copy it again; unpack compressed shards (.tar.gz) first.",
            ) from error
        self._labels += [printable(labels.get(sample, "")) for sample in samples]

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """Give the name of one: shard and member."""
        return self._names[index]

    def size(self, index: int) -> int:
        """Give the size of a member in bytes."""
        return int(self._places[index, 2])

    def credit(self, index: int) -> Credit:
        """Give the class that lies beside the image in its shard."""
        return Credit(label=self._labels[index])

    def read(self, index: int) -> bytes:
        """Read one member."""
        number, offset, size = self._places[index].tolist()
        file = self._handle(number)
        file.seek(offset)
        data = file.read(size)
        if len(data) != size:
            raise OSError(f"{printable(self._shards[number].name)} ends too early")
        return data

    def place(self, index: int) -> Place:
        """Name the shard, and where in it the member lies."""
        number, offset, size = self._places[index].tolist()
        return Place(str(self._shards[number].absolute()), offset, size)

    def _handle(self, number: int) -> BinaryIO:
        """Give this thread's handle of a shard; the one of the shard before it is closed."""
        held: tuple[int, BinaryIO] | None = getattr(self._local, "held", None)
        if held is None or held[0] != number:
            if held is not None:
                held[1].close()
            held = (number, self._shards[number].open("rb"))
            self._local.held = held
        return held[1]


def _split(member: str) -> tuple[str, str]:
    """Split as WebDataset does: a sample's key ends at the first dot of the file's name."""
    folder, slash, file = member.rpartition("/")
    key, _, extensions = file.partition(".")
    last = extensions.rpartition(".")[2].lower()
    return f"{folder}{slash}{key}", f".{last}" if last else ""
