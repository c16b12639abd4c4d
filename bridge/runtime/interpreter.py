"""How this process wants its interpreter: seldom collections, and for a daemon short turns."""

from __future__ import annotations

import gc
import sys

_SWITCH_INTERVAL = 0.0005  # seconds: the log's thread asks for the interpreter at each statement; 5 ms is a long append
_COLLECT_AFTER = (20_000, 20, 50)  # allocations; a full collection looks at every target's state, far over 50 ms of it


def collect_seldom() -> None:
    """Events come and go by the thousand and are no part of a cycle; what start-up has loaded stays anyway."""
    gc.set_threshold(*_COLLECT_AFTER)
    gc.freeze()


def prefer_short_pauses() -> None:
    """Let no thread keep the interpreter for long; it costs some throughput."""
    sys.setswitchinterval(_SWITCH_INTERVAL)
