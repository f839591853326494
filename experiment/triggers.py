"""Signals for recorders at each onset: a byte on a serial line, a marker on the network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from typing import Protocol as Interface

from house.errors import UserError
from house.names import nearest
from participants import PlannedTrial

BAUD = 115200
CODES = 200
"""Trial codes go from 1 to this and begin again; 0 and what is above are the laboratory's."""

CORNERS = ("bottom-left", "bottom-right", "top-left", "top-right")


class Trigger(Interface):
    """One way to tell a recorder that a trial's images appeared."""

    def fire(self, code: int, label: str) -> None:
        """Send the signal at once."""

    def describe(self) -> dict[str, Any]:
        """Say what it is, for the session's record."""

    def close(self) -> None:
        """Let go of the device."""


class SerialTrigger:
    """Writes one byte to a serial port.

    Parameters
    ----------
    port : str
        Such as ``/dev/ttyUSB0`` or ``COM3``.
    baud : int
        Bits a second: a byte takes ten of them, 0.09 ms at the usual 115200.

    Raises
    ------
    UserError
        If the port cannot be opened.
    """

    def __init__(self, port: str, baud: int = BAUD) -> None:
        try:
            import serial
        except ImportError as error:
            raise UserError(
                "serial triggers need pyserial",
                where="--trigger",
                remedy="Install it: pip install -c constraints.txt pyserial.",
            ) from error
        self.port, self.baud = port, baud
        try:
            # Without time to write: a device that does not listen must not delay a frame.
            self._serial = serial.Serial(port, baud, timeout=0, write_timeout=0)
        except (OSError, ValueError) as error:
            raise UserError(
                f"the serial port {port} cannot be opened ({error})",
                where="--trigger",
                remedy="Check the cable and the port's name; on Linux join the group dialout.",
            ) from error

    def fire(self, code: int, label: str) -> None:
        """Write the code as one byte."""
        self._serial.write(bytes([code]))

    def describe(self) -> dict[str, Any]:
        """Give port and speed."""
        return {"kind": "serial", "port": self.port, "baud": self.baud}

    def close(self) -> None:
        """Close the port."""
        self._serial.close()


class LslTrigger:
    """Sends markers through LabStreamingLayer, as the stream "Exemplary" of type "Markers".

    Raises
    ------
    UserError
        If pylsl is not installed.
    """

    def __init__(self, source: str) -> None:
        try:
            import pylsl
        except (ImportError, RuntimeError, OSError) as error:
            raise UserError(
                f"LabStreamingLayer cannot be loaded ({error})",
                where="--trigger",
                remedy="Install it: pip install -c constraints.txt -e '.[lsl]'.",
            ) from error
        self._clock = pylsl.local_clock
        info = pylsl.StreamInfo(
            "Exemplary", "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, source
        )
        self._outlet = pylsl.StreamOutlet(info)
        self.source = source

    def fire(self, code: int, label: str) -> None:
        """Push the label with the time of now on LabStreamingLayer's clock."""
        self._outlet.push_sample([label], self._clock())

    def describe(self) -> dict[str, Any]:
        """Give the stream's name and source id."""
        return {"kind": "lsl", "stream": "Exemplary", "source_id": self.source}

    def close(self) -> None:
        """End the stream."""
        del self._outlet


class Triggers:
    """All triggers of a session. One that fails spoils neither the others nor the session.

    Parameters
    ----------
    triggers : iterable of Trigger
        May be empty.
    """

    def __init__(self, triggers: Iterable[Trigger] = ()) -> None:
        self._triggers = list(triggers)
        self._failed: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._triggers)

    def fire(self, code: int, label: str) -> None:
        """Fire all; called right after the flip of an onset."""
        self._failed = []
        for trigger in self._triggers:
            try:
                trigger.fire(code, label)
            except Exception as error:  # each library has its own kinds
                self._failed.append(f"{trigger.describe()['kind']}: {error}")

    def failed(self) -> list[str]:
        """Say what went wrong when they were fired last."""
        return list(self._failed)

    def describe(self) -> list[dict[str, Any]]:
        """Describe all, for the session's record."""
        return [trigger.describe() for trigger in self._triggers]

    def close(self) -> None:
        """Close all."""
        for trigger in self._triggers:
            trigger.close()


def corner(name: str) -> str:
    """Read the corner of a photodiode's patch.

    Raises
    ------
    UserError
        If there is no such corner.
    """
    if name not in CORNERS:
        raise UserError(
            f'there is no corner "{name}"',
            where="--photodiode",
            remedy=f"{nearest(name, CORNERS)} There are: {', '.join(CORNERS)}.".strip(),
        )
    return name


def onset_signal(trial: PlannedTrial) -> tuple[int, str]:
    """Give the code (1 to `CODES`) and the label of a trial's onset."""
    return 1 + (trial.trial - 1) % CODES, f"trial/{trial.trial}/{trial.condition}"


def open_triggers(wanted: Iterable[str], source: str) -> Triggers:
    """Open the triggers that the command line names.

    Parameters
    ----------
    wanted : iterable of str
        ``lsl``, ``serial:PORT`` or ``serial:PORT@BAUD``.
    source : str
        Source id of the stream, the same when a session is resumed, so that a recorder finds it
        again.

    Raises
    ------
    UserError
        If there is no such trigger, or it cannot be opened.
    """
    opened = Triggers()
    try:
        for text in wanted:
            opened._triggers.append(_open(text, source))
    except UserError:
        opened.close()
        raise
    return opened


def _open(text: str, source: str) -> Trigger:
    kind, _, place = text.partition(":")
    if kind == "lsl" and not place:
        return LslTrigger(source)
    if kind == "serial" and place:
        port, mark, baud = place.rpartition("@")
        if not mark:
            return SerialTrigger(place)
        if baud.isdigit() and port:
            return SerialTrigger(port, int(baud))
    raise UserError(
        f'there is no trigger "{text}"',
        where="--trigger",
        remedy=f"{nearest(kind, ['lsl', 'serial'])} Give lsl, serial:PORT or serial:PORT@BAUD, "
        "such as serial:/dev/ttyUSB0 or serial:COM3@9600.".strip(),
    )
