"""A virtual screen (Xvfb) for machines without one, for as long as it is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 20.0


@contextmanager
def virtual_display(size: tuple[int, int] = (1920, 1080)) -> Iterator[str | None]:
    """Start Xvfb; gives the value of DISPLAY for it, None where Xvfb is not installed.

    Use it for another process: one that has a connection dies with the server.

    Parameters
    ----------
    size : tuple of int
        Width and height of the screen in pixels.
    """
    program = shutil.which("Xvfb")
    if program is None:
        yield None
        return
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [
            program,
            "-displayfd",
            str(writing),
            "-screen",
            "0",
            f"{size[0]}x{size[1]}x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        # The whole line must be read before the pipe is closed, or the server stops.
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        yield f":{number}" if number else None
    finally:
        server.terminate()
        server.wait(_PATIENCE)
