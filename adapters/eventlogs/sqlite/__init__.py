"""The embedded event log: one SQLite file with a writer thread and a few reader threads.

WAL with ``synchronous=FULL``: an append that returned survives the loss of power; readers never block the writer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.eventlogs.sqlite.log import SqliteLog, open_log
from adapters.eventlogs.sqlite.reader import SqliteReader, open_reader

__all__ = ["OpenEventLog", "SqliteLog", "SqliteReader", "open_adapter", "open_reader"]


@dataclass(frozen=True, slots=True)
class OpenEventLog:
    """Both sides of one open log."""

    log: SqliteLog
    reader: SqliteReader


@asynccontextmanager
async def open_adapter(path: Path, *, busy_timeout: float = 5.0) -> AsyncIterator[OpenEventLog]:
    """Open the log at ``path``, making it where there is none; its folder must exist.

    ``busy_timeout``: how many seconds an append waits for another process's lock before it is Unavailable.

    Raises:
        Unavailable: the file can't be opened or written now.
        Stalled: it is damaged, no event log, or of a newer version.
        InvariantBroken: its last event does not have its hash.
    """
    async with open_log(path, busy_timeout) as log, open_reader(path, busy_timeout) as reader:
        yield OpenEventLog(log, reader)
