"""Copies the write-ahead log into the file beside the writer, so that no append waits for megabytes of pages.

A passive checkpoint by another connection holds nobody up, but what is appended meanwhile stays to be copied, and only when all
is does the write-ahead log begin anew. So the writer itself does a short last pass once little is left.
"""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor

# Pages (128 MiB). SQLite's own 1000 are a few appends under load: each checkpoint would copy the same hot pages of the indexes
# again, and wait for them.
_WORTH_COPYING = 32_768
_QUICKLY_COPIED = 1_024  # pages, many of them the same: some milliseconds


class Checkpoints:
    """Belongs to the writer and is called on its thread; ``connection`` is one more to the same file, for a thread of its own."""

    def __init__(self, connection: sqlite3.Connection, *, worth_copying: int = _WORTH_COPYING) -> None:
        """Copy whenever about ``worth_copying`` pages were appended."""
        self._connection = connection
        self._worth_copying = worth_copying
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="event-log-checkpoint")
        self._under_way: Future[None] | None = None
        self._appended = 0  # pages, since the last pass began

    def after_append(self, writing: sqlite3.Connection, pages: int) -> None:
        """Begin, go on or finish, as is due; ``pages`` is about how many the append wrote."""
        self._appended += pages
        if self._under_way is None:
            if self._appended >= self._worth_copying:
                self._begin()
        elif self._under_way.done():
            if self._appended > _QUICKLY_COPIED:
                self._begin()
            else:
                self._under_way = None
                _copy(writing)

    def close(self) -> None:
        """Wait for the pass that is under way and close its connection."""
        self._thread.shutdown()
        self._connection.close()

    def _begin(self) -> None:
        self._appended = 0
        self._under_way = self._thread.submit(_copy, self._connection)


def _copy(connection: sqlite3.Connection) -> None:
    """Copy all but what a reader still needs as it was."""
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.OperationalError:
        # The disk is full or fails. The events are safe in the write-ahead log, an append that finds no room says so, and this
        # is tried again after so many pages more.
        return
