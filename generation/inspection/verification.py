"""Verifying a bank in a process of its own: on some damaged files HDF5 itself crashes."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from stimuli import Verification, verify_bank


def verify_apart(path: Path) -> Verification:
    """Check a bank as `stimuli.verify_bank` does, and survive a file that crashes HDF5.

    Raises
    ------
    UserError
        If the file is missing or cannot be opened as a bank at all.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_leave_interrupts) as apart:
        try:
            return apart.submit(verify_bank, path).result()
        except BrokenProcessPool:
            problem = "the file is damaged so that the HDF5 library crashes on it: copy it again"
            return Verification(path, problems=[problem])


def _leave_interrupts() -> None:
    # An interrupt reaches the whole group of processes; the parent answers it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
