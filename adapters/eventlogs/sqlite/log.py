"""The writer's side of the port: every call goes to the one writer thread, in order."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import ParamSpec, TypeVar

from adapters.eventlogs.sqlite.connections import open_for_reading
from adapters.eventlogs.sqlite.failures import failures_named
from adapters.eventlogs.sqlite.writer import Writer, find_known
from bridge.ports import Append, Restored

_FEW = 64  # ids

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SqliteLog:
    """Implements ``bridge.ports.EventLog``.

    A call whose caller is cancelled still ends on the thread: the batch is then stored or not, never half.
    """

    def __init__(self, writer: Writer, thread: ThreadPoolExecutor, glance: sqlite3.Connection) -> None:
        self._writer = writer
        self._thread = thread
        self._glance = glance  # for reads so short that asking a thread would take many times as long

    async def restore(self) -> Restored:
        """See the port."""
        return await _on(self._thread, self._writer.restore)

    async def known(self, ids: Sequence[str]) -> frozenset[str]:
        """See the port. A few ids are looked up on the spot: each is one seek in an index whose pages are in memory."""
        if len(ids) > _FEW:
            return await _on(self._thread, self._writer.known, ids)
        with failures_named("read the event log", self._writer.path):
            return find_known(self._glance, ids)

    async def append(self, batch: Append) -> int:
        """See the port. A snapshot under other ``rules`` than the stored one replaces all of its parts."""
        return await _on(self._thread, self._writer.append, batch)


@asynccontextmanager
async def open_log(path: Path, busy_timeout: float) -> AsyncIterator[SqliteLog]:
    """Open the file for writing, making it where there is none; the thread ends with the block."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="event-log-writer")
    try:
        writer = await _on(thread, Writer, path, busy_timeout)
        try:
            with closing(open_for_reading(path, busy_timeout)) as glance:
                glance.text_factory = str
                yield SqliteLog(writer, thread, glance)
        finally:
            await _on(thread, writer.close)
    finally:
        thread.shutdown(wait=False)  # it has nothing left to do; joining would block the loop


async def _on(thread: ThreadPoolExecutor, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    assert not kwargs  # run_in_executor passes none
    return await asyncio.get_running_loop().run_in_executor(thread, call, *args)
