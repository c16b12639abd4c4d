"""One thread watches the branches of all local repositories: the kernel allows few watchers, and 300 threads wait no better.

What the file system doesn't tell (NFS, some overlays) is found by a look at the files' times each second.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import watchfiles

from bridge.clock import Clock

_LOOK_EVERY = 1000  # milliseconds
_GATHER = 0.05  # seconds in which repositories that begin to be watched are taken together

Mark = Callable[[], object]  # what a look finds: it differs when the branch may have moved; blocks on the disk


@dataclass(eq=False, slots=True)
class _Watched:
    directories: tuple[Path, ...]
    mark: Mark
    seen: object
    loop: asyncio.AbstractEventLoop
    is_due: Callable[[], bool]
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Watcher:
    """Tells who waits for a branch on this machine that it may have moved."""

    def __init__(self) -> None:
        self._watched: list[_Watched] = []
        self._directories: set[Path] = set()  # told to the kernel
        self._lock = threading.Lock()
        self._stale = threading.Event()  # set when other directories are to be watched
        self._closing = False
        self._thread: threading.Thread | None = None

    async def wait(self, directories: Sequence[Path], mark: Mark, seen: object, clock: Clock, deadline: float) -> None:
        """Return when ``mark`` finds another thing than ``seen``, or at ``deadline`` on the clock (noticed within a second)."""
        loop = asyncio.get_running_loop()
        watched = _Watched(tuple(directories), mark, seen, loop, lambda: clock.monotonic() >= deadline)
        with self._watching(watched):
            await watched.over.wait()

    def close(self) -> None:
        """End the thread."""
        self._closing = True
        self._stale.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def _watching(self, watched: _Watched) -> Iterator[None]:
        with self._lock:
            self._watched.append(watched)
            if not self._directories.issuperset(watched.directories):
                self._stale.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="git-watch", daemon=True)
            self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._watched.remove(watched)

    def _run(self) -> None:
        while not self._closing:
            self._stale.clear()
            with self._lock:
                # Who polls at this moment waits again soon: its directories are not taken off the list for that.
                self._directories |= {directory for each in self._watched for directory in each.directories}
                self._directories -= {directory for directory in self._directories if not directory.is_dir()}
                existing = tuple(self._directories)
            self._look(None)
            if not existing:
                self._stale.wait(_LOOK_EVERY / 1000)
                continue
            try:
                self._watch(existing)
            except OSError:  # one of them vanished just now, or the system watches no more: looking still works
                self._stale.wait(_LOOK_EVERY / 1000)
            if self._stale.is_set() and not self._closing:
                threading.Event().wait(_GATHER)

    def _watch(self, directories: Sequence[Path]) -> None:
        for changes in watchfiles.watch(
            *directories,
            watch_filter=None,
            recursive=False,
            debounce=100,
            step=20,
            rust_timeout=_LOOK_EVERY,
            yield_on_timeout=True,
            raise_interrupt=False,
            stop_event=self._stale,
        ):
            self._look(
                {Path(path).parent for _, path in changes} | {Path(path) for _, path in changes} if changes else None
            )

    def _look(self, changed: set[Path] | None) -> None:
        """Look at those whose directories changed; None: at all."""
        with self._lock:
            watched = [each for each in self._watched if changed is None or not changed.isdisjoint(each.directories)]
        for each in watched:
            moved = each.mark() != each.seen
            if moved and changed is None:
                self._stale.set()  # the kernel did not tell: its directory may be another by the same name
            if moved or each.is_due():
                with suppress(RuntimeError):  # its loop is closed
                    each.loop.call_soon_threadsafe(each.over.set)


@asynccontextmanager
async def open_watcher() -> AsyncIterator[Watcher]:
    """The thread starts with the first that waits."""
    watcher = Watcher()
    try:
        yield watcher
    finally:
        await asyncio.to_thread(watcher.close)
