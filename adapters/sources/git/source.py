"""The Git source as the moving room sees it: passes on a thread of its own, and waiting for a landing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from adapters.sources.git.client import Mirror, set_up_libgit2
from adapters.sources.git.hinted import follows, is_same_repository
from adapters.sources.git.local import watch
from adapters.sources.git.passes import Reader
from adapters.sources.git.settings import GitSourceSettings
from bridge.clock import Clock
from bridge.domain.names import Model
from bridge.errors import DeploybridgeError
from bridge.ports import Hint, IntentSource, SourceBatch, Standing

_CLOSING = 5.0  # seconds that an end waits for the thread; a fetch notices within a moment unless the server is silent

Result = TypeVar("Result")


@asynccontextmanager
async def open_source(settings: GitSourceSettings, *, data_dir: Path, clock: Clock) -> AsyncIterator[IntentSource]:
    """Open the source. Nothing is fetched before the first pass.

    Raises:
        Stalled: a file named under ``credentials`` can't be used.
    """
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"git:{settings.name}")
    stop = threading.Event()
    mirror = Mirror(settings, data_dir, stop)
    try:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(executor, set_up_libgit2, settings.credentials, data_dir / "mirrors" / ".home")
        yield GitSource(settings, mirror, executor, clock)
    finally:
        stop.set()
        closed = executor.submit(mirror.close)
        executor.shutdown(wait=False)
        await asyncio.wait([asyncio.wrap_future(closed)], timeout=_CLOSING)


class GitSource:
    """Implements ``IntentSource``. One pass at a time."""

    model = Model.GITOPS

    def __init__(self, settings: GitSourceSettings, mirror: Mirror, executor: ThreadPoolExecutor, clock: Clock) -> None:
        self.name = settings.name
        self._settings = settings
        self.poll_interval = settings.poll_interval.total_seconds()
        self._mirror = mirror
        self._reader = Reader(settings, mirror)
        self._executor = executor
        self._clock = clock
        self._looked_at: bytes | None = (
            None  # the local branch's tip when the last pass began; None: none could be read
        )

    async def read(self, cursor: str | None, standing: Standing) -> AsyncIterator[SourceBatch]:
        """One pass; see ``IntentSource.read``."""
        self._looked_at = await self._call(self._local_tip)
        batches = self._reader.batches(cursor, dict(standing))
        try:
            while (batch := await self._call(lambda: next(batches, None))) is not None:
                yield batch
        finally:
            # Behind the step that may still run; a cancelled pass doesn't wait for it, and a closed source needs it no more.
            with suppress(RuntimeError):
                self._executor.submit(batches.close)

    async def wait_for_change(self, seconds: float) -> None:
        """Return once a local branch is elsewhere than the last pass found it, or after ``seconds``."""
        deadline = self._clock.monotonic() + seconds
        local = self._mirror.local
        directories = await self._call(local.ref_directories) if local is not None else []
        if directories:
            async with aclosing(watch(directories)) as changes:
                async for _ in changes:
                    if await self._call(self._local_tip) != self._looked_at or self._clock.monotonic() >= deadline:
                        return
        # A server, or a directory that is gone: nothing tells of a change.
        await self._clock.sleep(max(0.0, deadline - self._clock.monotonic()))

    def is_meant_by(self, hint: Hint, *, named: bool) -> bool:
        """By the address, unless the hook names this source; never for another branch or a tag."""
        if hint.ref is not None and not follows(self._settings.branch, hint.ref):
            return False
        return named or any(is_same_repository(self._settings.url.address, each) for each in hint.repositories)

    def _local_tip(self) -> bytes | None:
        if self._mirror.local is None:
            return None
        try:
            return self._mirror.local.tip()
        except DeploybridgeError:  # the pass that follows raises it, to be told
            return None

    async def _call(self, step: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, step)
