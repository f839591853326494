"""A bank's file, open for reading: its header is checked, and damage is told in a sentence."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import h5py
import numpy as np
import numpy.typing as npt

from house.errors import UserError
from stimuli import schema
from stimuli.damage import damaged, reading

_Bank = TypeVar("_Bank", bound="BankFile")


class BankFile:
    """A file of the format, whatever is in it.

    Parameters
    ----------
    path : Path
        The HDF5 file.

    Attributes
    ----------
    path : Path
    file : h5py.File
        For what has no method of its own.

    Raises
    ------
    UserError
        If the file is missing, damaged, no bank, or of another schema version.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise UserError(
                "there is no such stimulus bank",
                where=str(self.path),
                remedy="Build one with `python -m generation build`, or check the path.",
            )
        with reading(self.path):
            self.file = h5py.File(self.path, "r")
        try:
            with self.reading():
                self._check_header()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self: _Bank) -> _Bank:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; reading afterwards is an error."""
        self.file.close()

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Turn what a damaged file makes h5py raise into a `UserError`."""
        return reading(self.path, self.file)

    def attribute(self, name: str) -> str:
        """Read an attribute of the file."""
        with self.reading():
            return str(self.file.attrs[name])

    def dataset(self, name: str) -> h5py.Dataset:
        """Give a data set by its path within the file; a `UserError` where it is none."""
        with self.reading():
            found = self.file[name]
            if not isinstance(found, h5py.Dataset):
                raise damaged(self.path, f"{name} is no data set")
            return found

    def values(self, name: str, place: Any = ()) -> npt.NDArray[Any]:
        """Read a data set, or a place in it; texts as an array of str."""
        with self.reading():
            found = self.dataset(name)
            text = h5py.check_string_dtype(found.dtype) is not None
            return np.asarray(found.asstr()[place] if text else found[place])

    def shape(self, name: str, axes: int) -> tuple[int, ...]:
        """Give a data set's shape; a `UserError` unless it has so many axes."""
        with self.reading():
            shape = tuple(int(length) for length in self.dataset(name).shape)
        if len(shape) != axes:
            raise damaged(self.path, f"{name} has {len(shape)} axes, not {axes}")
        return shape

    def _check_header(self) -> None:
        attributes = self.file.attrs
        if str(attributes.get("format")) != schema.FORMAT:
            raise UserError(
                "this HDF5 file is no stimulus bank",
                where=str(self.path),
                remedy="Banks are made by `python -m generation build`.",
            )
        version = int(attributes.get("schema_version", 0))
        if version != schema.SCHEMA_VERSION:
            raise UserError(
                f"this bank has schema version {version}; "
                f"this program reads version {schema.SCHEMA_VERSION}",
                where=str(self.path),
                remedy="Rebuild the bank, or use the release that made it.",
            )
        missing = [name for name in schema.DATASETS if name not in self.file]
        missing += [name for name in schema.ATTRIBUTES if name not in attributes]
        if missing:
            raise damaged(self.path, f"missing {', '.join(missing)}")
