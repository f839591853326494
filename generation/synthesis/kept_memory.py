"""Freed memory stays with the process, where glibc would give it back after every step."""

from __future__ import annotations

import ctypes
import functools
import sys

# Numbers of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The largest that glibc takes; bigger pieces still come from the kernel and go back to it.
_LARGEST = 32 << 20
_KEPT = 2 << 30


@functools.cache
def keep_freed_memory() -> bool:
    """Let the process keep up to 2 GiB that it has freed.

    Feature maps of some tens of megabytes are freed and wanted again in every step, and the
    kernel clears each page anew: a seventh of a step's time in the early layers (measured).

    Returns
    -------
    bool
        Whether it was done; elsewhere than with glibc nothing is changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # Setting one stops glibc from adapting the other by itself, so both are set.
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST) and mallopt(_M_TRIM_THRESHOLD, _KEPT - 1))
