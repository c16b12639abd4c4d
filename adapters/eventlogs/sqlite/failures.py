"""SQLite's errors in the words of ``bridge.errors``: what was tried, on which file, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import DeploybridgeError, InvariantBroken, Stalled, Unavailable

_PRIMARY = 0xFF  # SQLite's extended result codes carry the primary one in the low byte
_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space, the log then goes on by itself",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write: check the disk and its space, the log then goes on by itself",
    sqlite3.SQLITE_BUSY: "another process holds the file's lock: end it, or wait until it is done",
    sqlite3.SQLITE_LOCKED: "another process holds the file's lock: end it, or wait until it is done",
    sqlite3.SQLITE_READONLY: "the file or its folder can't be written: give this user the right to write there",
    sqlite3.SQLITE_PERM: "this user may not open the file: give it the right to",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened: check that its folder exists and that this user may read and write it",
    sqlite3.SQLITE_NOMEM: "the memory is used up: give the process more",
    sqlite3.SQLITE_INTERRUPT: "it is being closed",
}
_DAMAGE = {
    sqlite3.SQLITE_CORRUPT: "the file is damaged: keep a copy of it, then restore the log from a backup",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database: give the path of an event log",
}


@contextmanager
def failures_named(doing: str, path: Path) -> Iterator[None]:
    """Turn any error of SQLite inside into Unavailable, Stalled or InvariantBroken; ``doing`` ends in a preposition."""
    try:
        yield
    except sqlite3.Error as error:
        raise name_failure(error, f"can't {doing} {path}") from error


def name_failure(error: sqlite3.Error, tried: str) -> DeploybridgeError:
    """The error of this program for ``error``, by SQLite's own code and not by its text."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in _ADVICE:
        return Unavailable(f"{tried}: {_ADVICE[code]} ({error})")
    if code in _DAMAGE:
        return Stalled(f"{tried}: {_DAMAGE[code]} ({error})")
    return InvariantBroken(f"{tried}: {error}")
