from __future__ import annotations

import os
import signal
import threading

import pytest

from house.stopping import stops_like_an_interrupt


def test_sigterm_is_an_interrupt_within_the_block_only() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stops_like_an_interrupt():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_thread_and_a_program_that_ignores_sigterm_are_left_alone() -> None:
    found = []

    def look() -> None:
        with stops_like_an_interrupt():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        look()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert found == [before, signal.SIG_IGN]
