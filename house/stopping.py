"""Being told to stop by others: schedulers of clusters send SIGTERM before a job's time is up."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def stops_like_an_interrupt() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, by a `KeyboardInterrupt`.

    Does nothing in other threads than the main one, where Python handles no signals, and where
    SIGTERM is ignored.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        # None where it was not set from Python.
        signal.signal(signal.SIGTERM, earlier or signal.SIG_DFL)
