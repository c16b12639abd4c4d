"""The readers' side of the port: a few threads with a read-only connection each, one chunk of rows a visit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from adapters.eventlogs.sqlite import notes, reads
from adapters.eventlogs.sqlite.connections import open_for_reading
from adapters.eventlogs.sqlite.failures import failures_named
from bridge.domain.events import RecordedEvent
from bridge.domain.names import ImageRef
from bridge.domain.noise import Tally, TallyKey
from bridge.domain.side_notes import Incident, PublicationKey
from bridge.errors import Unavailable
from bridge.formats.event_v1_chain import ChainProof, ChainWalk
from bridge.ports import EventQuery, IncidentQuery, TrackState

_THREADS = 3  # a long export leaves two for short questions
_ROWS_A_CHUNK = 1000
_T = TypeVar("_T")
_R = TypeVar("_R")


class SqliteReader:
    """Implements ``bridge.ports.EventReader``, and proves the chain."""

    def __init__(self, path: Path, busy_timeout: float, threads: ThreadPoolExecutor) -> None:
        self._path = path
        self._busy_timeout = busy_timeout
        self._threads = threads
        self._idle: list[sqlite3.Connection] = []  # append and pop are atomic; at most one a thread is ever open
        self._open: list[sqlite3.Connection] = []
        self._closing = False

    async def last_position(self) -> int:
        """See the port."""
        return await self._visit(reads.last_position)

    def records(self, query: EventQuery, *, limit: int | None = None) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
        """See the port. It ends with the event that is the newest when it begins."""
        return self._chunks(query, limit, "records", reads.record_chunk, _first)

    def events(self, query: EventQuery, *, limit: int | None = None) -> AsyncIterator[Sequence[RecordedEvent]]:
        """See the port. The events come with ``track`` and ``effective_at``. It ends as ``records`` does."""
        return self._chunks(query, limit, "events", reads.event_chunk, _position)

    async def event(self, event_id: str) -> RecordedEvent | None:
        """See the port."""
        return await self._visit(lambda connection: reads.event_by_id(connection, event_id))

    async def states(
        self, *, at: datetime, known_at: datetime, service: str | None = None, environment: str | None = None
    ) -> Sequence[TrackState]:
        """See the port. Ordered by target, then by track."""
        return await self._visit(lambda connection: reads.states(connection, at, known_at, service, environment))

    async def commit_tallies(self, *, source: str | None = None) -> Sequence[tuple[str, TallyKey, Tally]]:
        """See the port."""
        return await self._visit(lambda connection: reads.commit_tallies(connection, source))

    async def publications(self, artifacts: Sequence[ImageRef]) -> Sequence[tuple[PublicationKey, datetime]]:
        """See the port."""
        return await self._visit(lambda connection: notes.publications(connection, artifacts))

    async def incidents(self, query: IncidentQuery) -> Sequence[Incident]:
        """See the port."""
        return await self._visit(lambda connection: notes.incidents(connection, query))

    async def verify(self, on_progress: Callable[[int, int], None] | None = None) -> ChainProof:
        """Prove the chain from the first row on, in flat memory; the proof names the first row that does not hold.

        ``on_progress`` is told the rows proved and the rows there are, after each chunk.
        """
        walk, total = ChainWalk(), await self.last_position()
        while await self._visit(lambda connection: reads.verify_chunk(connection, walk, _ROWS_A_CHUNK)):
            if on_progress is not None:
                on_progress(walk.proof.count, total)
        return walk.proof

    async def close(self) -> None:
        """Break off what is still being read and close the connections."""
        self._closing = True
        for connection in list(self._open):
            connection.interrupt()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._close_idle)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _chunks(
        self,
        query: EventQuery,
        limit: int | None,
        shape: str,
        read: Callable[[sqlite3.Connection, reads.Walk, int, int], list[_R]],
        position_of: Callable[[_R], int],
    ) -> AsyncIterator[Sequence[_R]]:
        walk = await self._visit(lambda connection: reads.begin(connection, query, shape))
        after, left = query.after, limit
        while left is None or left > 0:
            count = _ROWS_A_CHUNK if left is None else min(left, _ROWS_A_CHUNK)
            rows = await self._visit(lambda connection, a=after, c=count: read(connection, walk, a, c))  # type: ignore[misc]
            if rows:
                yield rows
            if len(rows) < count:
                return
            after = position_of(rows[-1])
            left = None if left is None else left - len(rows)

    async def _visit(self, read: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._closing:
            msg = f"the event log {self._path} is closed"
            raise Unavailable(msg)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._with_connection, read)

    def _with_connection(self, read: Callable[[sqlite3.Connection], _T]) -> _T:
        connection = self._take()
        try:
            with failures_named("read the event log", self._path):
                return read(connection)
        finally:
            self._idle.append(connection)
            if self._closing:
                self._close_idle()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = open_for_reading(self._path, self._busy_timeout)
            self._open.append(connection)
            return connection

    def _close_idle(self) -> None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread, ending too, was faster
                return
            self._open.remove(connection)
            connection.close()


@asynccontextmanager
async def open_reader(path: Path, busy_timeout: float = 5.0) -> AsyncIterator[SqliteReader]:
    """Open the log read-only, for use beside a running daemon or without one; nothing is written.

    Raises:
        Unavailable: it can't be read now.
        Stalled: there is no log, or it is damaged or of another version.
    """
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="event-log-reader")
    reader = SqliteReader(path, busy_timeout, threads)
    try:
        await reader.last_position()  # a missing or foreign file is told at once
        yield reader
    finally:
        await reader.close()


def _first(row: tuple[int, bytes]) -> int:
    return row[0]


def _position(recorded: RecordedEvent) -> int:
    return recorded.position
