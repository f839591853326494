"""Let psychtoolbox's keyboard thread print without Python, on Linux.

Without real-time permission the thread that serves psychtoolbox's keyboard queues says so when
it starts. It says it through Python's `PySys_WriteStdout` without holding the interpreter lock,
and the process crashes: on Python 3.12 always, before it by chance. The library's imports of
Python's printing functions are bound to C's `printf` here, which takes the same arguments and
needs no lock.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys
from collections.abc import Iterator

# Of the ELF format (System V ABI, AMD64 and AArch64 supplements).
_END, _RELOCATIONS_SIZE, _STRINGS, _SYMBOLS, _RELOCATIONS = 0, 2, 5, 6, 23
_PRINTING = (b"PySys_WriteStdout", b"PySys_WriteStderr")
_RTLD_DI_LINKMAP = 2
_RTLD_NOLOAD = 4


class _LinkMap(ctypes.Structure):
    _fields_ = (
        ("address", ctypes.c_size_t),
        ("name", ctypes.c_char_p),
        ("dynamic", ctypes.c_size_t),
    )


class _Dynamic(ctypes.Structure):
    _fields_ = (("tag", ctypes.c_int64), ("value", ctypes.c_uint64))


class _Symbol(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_uint32),
        ("information", ctypes.c_uint8),
        ("other", ctypes.c_uint8),
        ("section", ctypes.c_uint16),
        ("value", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
    )


class _Relocation(ctypes.Structure):
    _fields_ = (
        ("offset", ctypes.c_uint64),
        ("information", ctypes.c_uint64),
        ("addend", ctypes.c_int64),
    )


def print_without_python(library: str) -> bool:
    """Bind a loaded library's imports of Python's printing functions to C's `printf`.

    Parameters
    ----------
    library : str
        Path of a shared library that this process has loaded.

    Returns
    -------
    bool
        Whether it was done. False where this is no 64-bit glibc Linux, the library is not
        loaded, or it does not print through Python.
    """
    here = sys.platform.startswith("linux") and ctypes.sizeof(ctypes.c_void_p) == 8
    if not here or platform.libc_ver()[0] != "glibc":
        return False
    try:
        handle = ctypes.CDLL(library, mode=_RTLD_NOLOAD)
    except OSError:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    printf = ctypes.cast(libc.printf, ctypes.c_void_p).value
    slots = list(_slots(libc, handle))
    if printf is None or not slots:
        return False
    return all(_write(libc, slot, printf) for slot in slots)


def _slots(libc: ctypes.CDLL, handle: ctypes.CDLL) -> Iterator[int]:
    """Find where the loader put the addresses by which a library calls these functions."""
    found = ctypes.POINTER(_LinkMap)()
    dlinfo = libc.dlinfo
    dlinfo.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    if dlinfo(handle._handle, _RTLD_DI_LINKMAP, ctypes.byref(found)) != 0:
        return
    base = found.contents.address
    entries: dict[int, int] = {}
    place = found.contents.dynamic
    while (entry := _Dynamic.from_address(place)).tag != _END:
        entries[entry.tag] = entry.value
        place += ctypes.sizeof(_Dynamic)
    if not {_RELOCATIONS, _RELOCATIONS_SIZE, _SYMBOLS, _STRINGS} <= set(entries):
        return

    def absolute(tag: int) -> int:
        # The loader may have left the address as it is in the file.
        return entries[tag] + (base if entries[tag] < base else 0)

    count = entries[_RELOCATIONS_SIZE] // ctypes.sizeof(_Relocation)
    for relocation in (_Relocation * count).from_address(absolute(_RELOCATIONS)):
        number = relocation.information >> 32
        symbol = _Symbol.from_address(absolute(_SYMBOLS) + number * ctypes.sizeof(_Symbol))
        if ctypes.string_at(absolute(_STRINGS) + symbol.name) in _PRINTING:
            yield base + relocation.offset


def _write(libc: ctypes.CDLL, slot: int, address: int) -> bool:
    page = slot - slot % mmap.PAGESIZE
    protect = libc.mprotect
    protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if protect(page, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE) != 0:
        return False
    ctypes.c_size_t.from_address(slot).value = address
    return True
