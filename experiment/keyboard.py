"""Starting PsychoPy's keyboard, and making sure that it is one that works."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
import time
from typing import Any

from house.errors import UserError

# Without real-time permission psychtoolbox's queue thread says so after its start, and prints
# through Python without holding Python's lock. The process crashes where the lock is free at
# that moment, and where other Python code runs. It prints nothing later.
_LOCK_SLICE = 0.1
_LOCK_LONGEST = 3.0
_LAST_WORDS = "KbQueueStart"

CHOICES = ("auto", "psychtoolbox", "iohub")


def choose_backend(
    wanted: str = "auto",
    real_time: bool | None = None,
    python: tuple[int, int] | None = None,
) -> str:
    """Choose what reads the keyboard.

    Parameters
    ----------
    wanted : {"auto", "psychtoolbox", "iohub"}
        What was asked for.
    real_time : bool, optional
        Whether threads may have real-time priority; found out when absent.
    python : tuple of int, optional
        Version of Python; the running one when absent.

    Returns
    -------
    {"ptb", "iohub"}
        Psychtoolbox, which is more exact, except where it would crash: without real-time
        permission on Python 3.12 and later, on which keeping the interpreter lock does not help
        (a thread has its own state there). ioHub is a process of its own.

    Raises
    ------
    UserError
        If there is no such choice, or psychtoolbox was asked for where it crashes.
    """
    if wanted not in CHOICES:
        raise UserError(
            f'there is no keyboard backend "{wanted}"',
            where="--keyboard",
            remedy=f"There are: {', '.join(CHOICES)}.",
        )
    version = sys.version_info[:2] if python is None else python
    allowed = may_run_in_real_time() if real_time is None else real_time
    crashes = not allowed and version >= (3, 12)
    if wanted == "psychtoolbox" and crashes:
        raise UserError(
            "psychtoolbox crashes without real-time permission on Python 3.12",
            where="--keyboard",
            remedy='Give the permission (docs/experiment.md, "Prepare the machine"), take '
            "Python 3.11, or --keyboard iohub.",
        )
    return "iohub" if wanted == "iohub" or crashes else "ptb"


def keyboard_problem(
    wanted: str, have_psychtoolbox: bool, backend: str | None, buffers: int
) -> UserError | None:
    """Say what is wrong with a keyboard that PsychoPy made; None where all is well.

    PsychoPy itself silently takes a backend that never gives any key.

    Parameters
    ----------
    wanted : {"ptb", "iohub"}
        What it should be.
    have_psychtoolbox : bool
        Whether psychtoolbox could be imported (`psychopy.hardware.keyboard.havePTB`).
    backend : str or None
        The backend PsychoPy took.
    buffers : int
        Number of devices it listens to (psychtoolbox only).
    """
    libraries = (
        "Install the version of psychtoolbox that constraints.txt names "
        "(pip install -c constraints.txt psychtoolbox); newer ones need libjack and libasound."
    )
    if wanted == "ptb" and not have_psychtoolbox:
        return UserError("psychtoolbox cannot be loaded", where="keyboard", remedy=libraries)
    if backend != wanted:
        return UserError(
            f'PsychoPy took the keyboard backend "{backend}" instead of "{wanted}"',
            where="keyboard",
            remedy=libraries if wanted == "ptb" else "See PsychoPy's log for why ioHub failed.",
        )
    if wanted == "ptb" and not buffers:
        return UserError(
            "psychtoolbox sees no keyboard",
            where="keyboard",
            remedy="Plug one in; under X11 check `xinput list`; on macOS allow the terminal "
            "under Privacy & Security > Input Monitoring.",
        )
    return None


def start_keyboard(backend: str) -> Any:
    """Start PsychoPy's keyboard on a backend and make sure that it really is that.

    Parameters
    ----------
    backend : {"ptb", "iohub"}
        See `choose_backend`.

    Returns
    -------
    psychopy.hardware.keyboard.KeyboardDevice

    Raises
    ------
    UserError
        See `keyboard_problem`.
    """
    try:
        from psychopy.hardware import keyboard
    except ImportError as error:
        raise UserError(
            f"PsychoPy's keyboard cannot be loaded ({error})",
            where="keyboard",
            remedy="Install this room: pip install -e '.[experiment]'.",
        ) from error
    problem = keyboard_problem(backend, keyboard.havePTB, backend, 1)
    if problem is None:
        device = keyboard.KeyboardDevice(backend=backend, waitForStart=True)
        problem = keyboard_problem(
            backend, keyboard.havePTB, device.getBackend(), len(device._buffers)
        )
    if problem is not None:
        raise problem
    if backend == "ptb":
        start_queues(device)
    return device


def stop_keyboard(device: Any) -> None:
    """Stop psychtoolbox's queues, or ioHub's process."""
    if device.getBackend() == "ptb":
        device.stop()
        return
    from psychopy.iohub.client import ioHubConnection

    connection = ioHubConnection.getActiveConnection()
    if connection is not None:
        connection.quit()


def start_queues(device: Any) -> None:
    """Start the queue of each device so that psychtoolbox's complaint cannot crash us.

    The first start makes the thread that serves all queues. Where it will complain, Python's
    lock is kept, with no Python code running, until the complaint has been taken down; how long
    that takes depends on how busy the machine is.
    """
    first, *others = device._buffers.values()
    if may_run_in_real_time():
        first.start()
    else:
        words = io.StringIO()
        with contextlib.redirect_stdout(words):
            first.start()
            end = time.perf_counter() + _LOCK_LONGEST
            keep_interpreter_lock(_LOCK_SLICE)
            while _LAST_WORDS not in words.getvalue() and time.perf_counter() < end:
                keep_interpreter_lock(_LOCK_SLICE)
    for buffer in others:
        buffer.start()


def may_run_in_real_time() -> bool:
    """Say whether this process may give a thread real-time priority; asked on Linux only."""
    if not sys.platform.startswith("linux"):
        return True
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
    except PermissionError:
        return False
    os.sched_setscheduler(0, policy, parameters)
    return True


def keep_interpreter_lock(seconds: float) -> None:
    """Sleep without giving up the interpreter lock, so that no Python code runs meanwhile."""
    # `ctypes.PyDLL`, unlike `CDLL`, calls C with the lock held.
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(round(1000 * seconds))
    else:
        ctypes.PyDLL(None).usleep(round(1_000_000 * seconds))
