"""Imported first by a command line: Ctrl-C while the rest is loaded ends it without a traceback."""

from __future__ import annotations

import sys
from types import TracebackType

_others = sys.excepthook


def _say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        # The interpreter then ends by the signal itself, as shells and schedulers expect.
        print("Interrupted.", file=sys.stderr)
    else:
        _others(kind, error, trace)


sys.excepthook = _say
