"""What long commands say when they are told to stop."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from house.cli import messages
from house.stopping import stops_like_an_interrupt


@contextlib.contextmanager
def says_how_to_go_on() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, and say then how the work is resumed."""
    with stops_like_an_interrupt():
        try:
            yield
        except KeyboardInterrupt:
            messages.print("Give the same command again, and it goes on where it stopped.")
            raise
