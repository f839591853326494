"""Space for a bank, taken before HDF5 needs it: HDF5 crashes where it meets a full disk."""

from __future__ import annotations

import os
from pathlib import Path

import h5py

# HDF5's own structures: headers, names and attributes.
MARGIN = 1 << 18

# What every reader of schema version 1 understands.
LIBVER = ("earliest", "v110")


def create_empty(path: Path, size: int) -> None:
    """Write an empty HDF5 file and take `size` bytes of the disk for it.

    HDF5 writes late, at the latest on closing, and where it then finds the disk full the whole
    process may end with a signal. So the first bytes are written without it, and it opens a file
    that owns its place.

    Raises
    ------
    OSError
        If there is not so much space. The file may then exist.
    """
    with h5py.File(path, "w", driver="core", backing_store=False, libver=LIBVER) as file:
        file.flush()
        image = file.id.get_file_image()
    path.write_bytes(image)
    reserve(path, size)


def reserve(path: Path, size: int) -> None:
    """Let an existing file own `size` bytes of the disk, where the system can do that.

    Raises
    ------
    OSError
        If there is not so much space; the file keeps what it owned.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, size)
