"""What the command line says about one session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What the command line says about one session.

    Attributes
    ----------
    protocol : str
        Name of an embedded protocol, or a path.
    bank, data : Path
        Stimulus bank; folder of the data set.
    participant : int
        From 1.
    observer : str or None
        Simulated participant; None is a person at the keyboard.
    answers : Path or None
        Data set whose answers the observer "replay" gives.
    machine : str or None
        Prediction of the bank that the observer "machine" answers by; None is the only one.
    noise : float or None
        Its noise; None is the usual one.
    window : bool
        Whether there is a window; a person needs one.
    size : tuple of int or None
        Size of the window, None for the whole screen.
    pace : float
        How many times faster an observer is shown things.
    keyboard : str
        See `keyboard.choose_backend`.
    triggers : tuple of str
        See `triggers.open_triggers`.
    photodiode : str or None
        Corner of a patch for a photodiode, one of `triggers.CORNERS`.
    experimenter : str or None
        Code of whoever leads the session.
    """

    protocol: str
    bank: Path
    data: Path
    participant: int
    observer: str | None = None
    window: bool = True
    resume: bool = False
    new_session: bool = False
    rehearsal: bool = False
    fullscreen: bool = True
    size: tuple[int, int] | None = None
    seed: int = 0
    pace: float = 1.0
    screenshots: Path | None = None
    keyboard: str = "auto"
    answers: Path | None = None
    triggers: tuple[str, ...] = ()
    photodiode: str | None = None
    experimenter: str | None = None
    machine: str | None = None
    noise: float | None = None
