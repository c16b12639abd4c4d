"""One daemon for one data directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import Refused


@contextmanager
def exclusive(data_dir: Path) -> Iterator[None]:
    """Hold the directory, which is made if it is missing; the kernel lets go of it when the process ends, however it ends.

    Raises:
        Refused: another process holds it (its pid is named), or it can't be made or written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        msg = (
            f"the data directory {data_dir} can't be used: {error.strerror}; make it writable or set another `data_dir`"
        )
        raise Refused(msg, field="data_dir") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            msg = (
                f"the data directory {data_dir} is in use by the process with pid {holder}: "
                "stop that one, or give this one another `data_dir`"
            )
            raise Refused(msg, field="data_dir") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
