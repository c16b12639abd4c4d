"""The threads of all Git sources of one bridge: bounded, shared, and never two at once for one source.

libgit2 and the disk block, so every step runs on a thread. A source's steps run one after the other, on whichever thread is
free: pygit2's objects may move between threads, and must not meet on two. Passes are bounded in all and for each host, so that
a host whose answers hang keeps some threads waiting and leaves the others to everybody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

PASSES = 12  # at a time; most of a pass is waiting for a server, the rest shares Python's one lock
PASSES_OF_A_HOST = 3
FIRST_CONTACTS = 4  # at a time: each may start a process of its own, with some 60 MB
_SPARE = 4  # threads for what is no pass: a look at a local branch, closing

Result = TypeVar("Result")


class Workers:
    """The pool. Belongs to one event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=PASSES + _SPARE, thread_name_prefix="git")
        self._passes = asyncio.Semaphore(PASSES)
        self._first_contacts = asyncio.Semaphore(FIRST_CONTACTS)
        self._hosts: dict[str, asyncio.Semaphore] = {}

    def lane(self, host: str) -> Lane:
        """The steps of one source, whose repository is on ``host``."""
        return Lane(self._threads, host)

    @asynccontextmanager
    async def a_pass(self, lane: Lane, *, first: bool) -> AsyncIterator[None]:
        """Wait for the turn of a pass: of its host first, so that who waits for a slow one takes nothing from others.

        The turn ends when the last step has really ended, though its caller may have been cancelled long before.
        """
        host = self._hosts.setdefault(lane.host, asyncio.Semaphore(PASSES_OF_A_HOST))
        held: list[asyncio.Semaphore] = []
        try:
            for semaphore in (host, *([self._first_contacts] if first else []), self._passes):
                await semaphore.acquire()
                held.append(semaphore)
            yield
        finally:
            lane.when_idle(partial(_release, held))

    def close(self) -> None:
        """Take no more work; what runs ends by itself."""
        self._threads.shutdown(wait=False)


def _release(held: Sequence[asyncio.Semaphore]) -> None:
    for semaphore in held:
        semaphore.release()


class Lane:
    """Runs the steps of one source, one at a time, in the order asked for."""

    def __init__(self, threads: ThreadPoolExecutor, host: str) -> None:
        self.host = host
        self._threads = threads
        self._last: Future[object] | None = None

    async def call(self, step: Callable[[], Result]) -> Result:
        """Run ``step`` once the one before has ended; a cancelled caller doesn't stop a step that has begun."""
        if self._last is not None and not self._last.done():
            await asyncio.wait([asyncio.wrap_future(self._last)])
        future = self._threads.submit(step)
        self._last = future  # type: ignore[assignment]  # only asked whether it is done
        return await asyncio.wrap_future(future)

    def finish(self, step: Callable[[], object]) -> Future[object]:
        """Run ``step`` after the one that may still run; nobody has to wait for it."""
        last = self._last

        def run() -> object:
            if last is not None:
                wait([last])
            return step()

        self._last = self._threads.submit(run)
        return self._last

    def when_idle(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` on the event loop as soon as no step runs: now, or when the last one ends."""
        if self._last is None or self._last.done():
            tell()
            return
        loop = asyncio.get_running_loop()

        def ended(_: Future[object]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits for a turn any more
                loop.call_soon_threadsafe(tell)

        self._last.add_done_callback(ended)
