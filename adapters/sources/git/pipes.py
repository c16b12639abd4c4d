"""Pipes between processes that work at the same time: the wider they are, the less often one waits for the other."""

from __future__ import annotations

import fcntl
from typing import IO

_WIDTH = 1 << 20  # bytes; what every user may ask for on Linux


def widen_pipe(pipe: IO[bytes]) -> None:
    """Let more of it be written ahead, where the system knows how and lets this user."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux; elsewhere less is read ahead
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _WIDTH)
        except OSError:  # the system's limit for this user is lower: the pipe stays as it was
            return
