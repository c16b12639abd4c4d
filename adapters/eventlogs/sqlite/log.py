"""The writer's side of the port: every call goes to the one writer thread, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from adapters.eventlogs.sqlite.writer import Writer
from bridge.ports import Append, Restored

_FEW = 64  # ids, or events

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SqliteLog:
    """Implements ``bridge.ports.EventLog``.

    A call whose caller is cancelled still ends on the thread: the batch is then stored or not, never half.
    """

    def __init__(self, writer: Writer, thread: ThreadPoolExecutor) -> None:
        self._writer = writer
        self._thread = thread
        self._appending: Future[int] | None = None  # the last append; its caller may be gone before it ends

    async def restore(self) -> Restored:
        """See the port."""
        return await _on(self._thread, self._writer.restore)

    async def known(self, ids: Sequence[str]) -> frozenset[str]:
        """See the port.

        A few ids are looked up on the spot: each is one seek in an index whose pages are in memory, and the way to the
        thread and back takes many times as long. The thread is idle then, for there is one call at a time.
        """
        if len(ids) > _FEW:
            return await _on(self._thread, self._writer.known, ids)
        return self._writer.known(ids)

    async def append(self, batch: Append) -> int:
        """See the port. A snapshot under other ``rules`` than the stored one replaces all of its parts.

        A few events become rows on the spot, by the thread that made them; what is left for the other one lets the interpreter go.
        """
        is_next = self._appending is None or self._appending.done()
        prepared = self._writer.prepare(batch) if is_next and len(batch.events) <= _FEW else None
        self._appending = self._thread.submit(self._writer.append, batch, prepared)
        return await asyncio.wrap_future(self._appending)


@asynccontextmanager
async def open_log(path: Path, busy_timeout: float) -> AsyncIterator[SqliteLog]:
    """Open the file for writing, making it where there is none; the thread ends with the block."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="event-log-writer")
    try:
        writer = await _on(thread, Writer, path, busy_timeout)
        try:
            yield SqliteLog(writer, thread)
        finally:
            await _on(thread, writer.close)
    finally:
        thread.shutdown(wait=False)  # it has nothing left to do; joining would block the loop


async def _on(thread: ThreadPoolExecutor, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    assert not kwargs  # run_in_executor passes none
    return await asyncio.get_running_loop().run_in_executor(thread, call, *args)
