"""What must hold before the first screen: refuse with a remedy, or rehearse and record it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.protocol import Protocol
from house.errors import UserError
from participants import Plan
from stimuli import StimulusBank, verify_bank

_ENOUGH_SPACE = 200 * 1024**2


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What.
    found : str
        What was found.
    problem, remedy : str or None
        What is wrong with it and what to do; None where nothing is.
    fatal : bool
        Whether even a rehearsal cannot go on.
    """

    name: str
    found: str
    problem: str | None = None
    remedy: str | None = None
    fatal: bool = False

    def record(self) -> dict[str, Any]:
        """Give the check for the journal."""
        kept = {"name": self.name, "found": self.found, "problem": self.problem}
        return {key: value for key, value in kept.items() if value is not None}


def check_disk(folder: Path, needed: int = _ENOUGH_SPACE) -> Check:
    """Look for space (bytes) and the right to write where the session will lie."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        return Check(
            "disk",
            str(place),
            f"nothing can be written in {place}",
            "Choose another folder with --data, or mend its permissions.",
            fatal=True,
        )
    free = shutil.disk_usage(place).free
    found = f"{free / 1024**2:.0f} MB free"
    if free < needed:
        return Check(
            "disk",
            found,
            f"there is too little space in {place}: {found}",
            f"Make room for {needed / 1024**2:.0f} MB, or choose another --data.",
        )
    return Check("disk", found)


def check_bank(path: Path) -> Check:
    """Verify the whole bank, checksums and all."""
    verification = verify_bank(path)
    if not verification.ok:
        return Check(
            "bank",
            "damaged",
            f"{path} is damaged: {'; '.join(verification.problems)}",
            "Copy it again from where it was made, or rebuild it.",
            fatal=True,
        )
    return Check("bank", f"content {verification.content_sha256}")


def check_same_bank(plan: Plan, bank: StimulusBank) -> Check:
    """Compare a (verified) bank with the one that a plan was made from."""
    if bank.content_sha256 != plan.bank_sha256:
        return Check(
            "bank",
            bank.content_sha256[:12],
            f"{bank.path} is not the bank that this session was planned with "
            f"({bank.content_sha256[:12]}… instead of {plan.bank_sha256[:12]}…)",
            f'Give the bank "{plan.bank_name}" with --bank.',
            fatal=True,
        )
    return Check("bank", f"content {bank.content_sha256}")


def check_wayland(environment: Mapping[str, str]) -> Check:
    """Look for a Wayland compositor, which adds about a frame and hides when frames appear."""
    wayland = environment.get("XDG_SESSION_TYPE") == "wayland" or bool(
        environment.get("WAYLAND_DISPLAY")
    )
    if wayland:
        return Check(
            "desktop",
            "Wayland",
            "the desktop runs on Wayland, which delays frames",
            'Log out and choose an "Xorg" session on the login screen.',
        )
    return Check("desktop", environment.get("XDG_SESSION_TYPE", "") or sys.platform)


def check_refresh(rate: float | None, protocol: Protocol) -> Check:
    """Compare the measured refresh rate (hertz; None: not measurable) with the protocol's."""
    expected, tolerance = protocol.screen.refresh_rate, protocol.screen.refresh_tolerance
    if rate is None:
        return Check(
            "refresh rate",
            "not measurable",
            "flips do not wait for the screen, so its refresh rate cannot be measured",
            "Switch vertical synchronisation on in the graphics driver; virtual screens have none.",
        )
    found = f"{rate:.2f} Hz"
    if abs(rate - expected) > tolerance:
        return Check(
            "refresh rate",
            found,
            f"the screen refreshes at {found}, the protocol expects {expected:g} Hz",
            "Change the screen's setting, or `refresh_rate` in the protocol.",
        )
    return Check("refresh rate", found)


def check_size(size: tuple[int, int], protocol: Protocol) -> Check:
    """Compare the window's size in pixels with the smallest that the protocol allows."""
    width, height = protocol.screen.smallest
    found = f"{size[0]} x {size[1]} px"
    if size[0] < width or size[1] < height:
        return Check(
            "screen size",
            found,
            f"the window is {found}, the protocol needs {width} x {height} px",
            "Take a larger screen or window, or change `smallest` in the protocol.",
        )
    return Check("screen size", found)


def check_monitor(screen: tuple[int, int], protocol: Protocol) -> Check:
    """Compare the screen's size in pixels with that of the monitor that was measured."""
    monitor = protocol.monitor
    found = f"{screen[0]} x {screen[1]} px"
    if monitor.measured and screen != (monitor.width_px, monitor.height_px):
        return Check(
            "monitor",
            found,
            f"the screen has {found}, the measured monitor of the protocol "
            f"{monitor.width_px} x {monitor.height_px} px: degrees of visual angle would be wrong",
            "Set the screen to the resolution it was measured at, or measure it again and change "
            "[monitor] in the protocol.",
        )
    return Check("monitor", found)


def check_scaling(
    window: tuple[int, int], framebuffer: tuple[int, int], scaled: str | None
) -> Check:
    """Look whether a pixel of the window is a pixel of the screen.

    Parameters
    ----------
    window, framebuffer : tuple of int
        Sizes of the window as asked for, and in pixels of the graphics card.
    scaled : str or None
        What `screen_scaling` found.
    """
    found = "none"
    if framebuffer != window:
        found = f"{framebuffer[0] / window[0]:g}"
        problem = f"the desktop scales windows by {found}, so images are not shown pixel for pixel"
    elif scaled is not None:
        found = scaled
        problem = f"the desktop scales the screen ({scaled}), so images are not pixel for pixel"
    else:
        return Check("scaling", found)
    return Check("scaling", found, problem, "Set the scaling of the display to 100 %.")


def screen_scaling() -> str | None:
    """Ask X11 whether a screen is shown at another size than it has; None where not, or unknown."""
    program = shutil.which("xrandr")
    if not sys.platform.startswith("linux") or program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--current"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return xrandr_scaling(done.stdout)


def xrandr_scaling(text: str) -> str | None:
    """Find in the words of ``xrandr --current`` an output whose picture is scaled; pure."""
    name = shown = ""
    for line in text.splitlines():
        output = re.match(r"(\S+) connected\b.*?\b(\d+x\d+)\+\d+\+\d+", line)
        if output:
            name, shown = output.groups()
        elif not line.startswith(" "):
            name = ""
        mode = re.match(r"\s+(\d+x\d+)\S*\s.*\*", line)
        if mode and name:
            sizes = {shown, "x".join(reversed(shown.split("x")))}
            if mode.group(1) not in sizes:
                return f"{name} shows {shown} on {mode.group(1)}"
    return None


def check_graphics(renderer: str) -> Check:
    """Look whether a graphics card draws."""
    if re.search(r"llvmpipe|softpipe|swrast|software|GDI Generic", renderer, re.IGNORECASE):
        return Check(
            "graphics",
            renderer,
            "no graphics card draws the screen, the processor does",
            "Install the graphics card's driver; virtual machines and screens have none.",
        )
    return Check("graphics", renderer)


def check_keyboard(described: Mapping[str, Any]) -> Check:
    """Record what reads the keys; `keyboard.start_keyboard` refuses what does not work."""
    devices = len(described["devices"])
    return Check("keyboard", f"{described['backend']}, {devices} devices")


def settle(checks: Iterable[Check], *, rehearsal: bool) -> list[str]:
    """Refuse where something is wrong; in a rehearsal give it as warnings.

    Returns
    -------
    list of str
        Problems that were let pass.

    Raises
    ------
    UserError
        Naming every problem with its remedy.
    """
    problems = [check for check in checks if check.problem is not None]
    refused = [check for check in problems if check.fatal or not rehearsal]
    if not refused:
        return [str(check.problem) for check in problems]
    first = refused[0]
    hint = "" if first.fatal else " To go on anyway, with the problem recorded: --rehearsal."
    if len(refused) == 1:
        raise UserError(
            str(first.problem), where=f"preflight, {first.name}", remedy=f"{first.remedy}{hint}"
        )
    lines = "".join(f"\n  - {c.name}: {c.problem}. {c.remedy}" for c in refused)
    soft = not any(check.fatal for check in refused)
    raise UserError(
        f"{len(refused)} things are wrong:{lines}",
        where="preflight",
        remedy="\nTo go on anyway, with the problems recorded: --rehearsal." if soft else None,
    )
