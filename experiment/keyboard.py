"""Starting PsychoPy's keyboard, and making sure that it is one that works."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from typing import Any

from experiment.psychtoolbox_printing import print_without_python
from house.errors import UserError

CHOICES = ("auto", "psychtoolbox", "iohub")


def choose_backend(wanted: str = "auto", safe: bool | None = None) -> str:
    """Choose what reads the keyboard.

    Parameters
    ----------
    wanted : {"auto", "psychtoolbox", "iohub"}
        What was asked for.
    safe : bool, optional
        Whether psychtoolbox's keyboard cannot crash this process; made so or found out when
        absent.

    Returns
    -------
    {"ptb", "iohub"}
        Psychtoolbox, which is more exact, except where it may crash; ioHub is a process of its
        own.

    Raises
    ------
    UserError
        If there is no such choice, or psychtoolbox was asked for where it may crash.
    """
    if wanted not in CHOICES:
        raise UserError(
            f'there is no keyboard backend "{wanted}"',
            where="--keyboard",
            remedy=f"There are: {', '.join(CHOICES)}.",
        )
    if wanted == "iohub":
        return "iohub"
    if make_psychtoolbox_safe() if safe is None else safe:
        return "ptb"
    if wanted == "psychtoolbox":
        raise UserError(
            "psychtoolbox may crash here without real-time permission",
            where="--keyboard",
            remedy='Give the permission (docs/experiment.md, "Prepare the machine") or take '
            "--keyboard iohub.",
        )
    return "iohub"


def make_psychtoolbox_safe() -> bool:
    """Make sure that psychtoolbox's keyboard thread cannot crash this process; say whether it is.

    See Also
    --------
    psychtoolbox_printing.print_without_python : what crashes, and the remedy.
    """
    if may_run_in_real_time():
        return True
    try:
        library = importlib.import_module("psychtoolbox.PsychHID").__file__
    except ImportError:
        return True  # `start_keyboard` says that it is missing.
    return library is not None and print_without_python(library)


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
    if backend == "iohub":
        end_deserted_servers()
    if problem is None:
        device = keyboard.KeyboardDevice(backend=backend, waitForStart=True)
        problem = keyboard_problem(
            backend, keyboard.havePTB, device.getBackend(), len(device._buffers)
        )
    if problem is not None:
        raise problem
    if backend == "ptb":
        device.start()
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


def end_deserted_servers() -> int:
    """Kill ioHub's processes whose session is dead; give how many.

    They outlive a session that was killed, hold ioHub's port, and would take the next session's
    messages.
    """
    import psutil

    ended = 0
    for process in psutil.process_iter():
        # A process may end, and need not be ours to look at.
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if len(words) < 2 or Path(words[1]).name != "start_iohub_process.py":
                continue
            if words[-1].isdigit() and not _lives(int(words[-1])):
                process.kill()
                process.wait(5)
                ended += 1
    return ended


def _lives(number: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


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
