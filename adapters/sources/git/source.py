"""The Git source as the moving room sees it: a cheap look, a pass where something changed, and waiting for a landing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from adapters.sources.git.asking import Question
from adapters.sources.git.branches import BranchesReader
from adapters.sources.git.client import Mirror, set_up_libgit2
from adapters.sources.git.cursor import is_settled
from adapters.sources.git.hinted import follows, host_of, is_same_repository
from adapters.sources.git.passes import Reader
from adapters.sources.git.settings import GitSourceSettings
from adapters.sources.git.shared import Shared, open_shared
from bridge.clock import Clock
from bridge.domain.names import Model
from bridge.errors import DeploybridgeError
from bridge.ports import Hint, IntentSource, SourceBatch, Standing

_CLOSING = 5.0  # seconds that an end waits for a step; a fetch notices within a moment unless the server is silent


@asynccontextmanager
async def open_source(
    settings: GitSourceSettings, *, data_dir: Path, clock: Clock, shared: Shared | None = None
) -> AsyncIterator[IntentSource]:
    """Open the source; one that is alone needs nothing ``shared``. Nothing is fetched before the first pass.

    Raises:
        Stalled: a file named under ``credentials`` can't be used.
    """
    async with AsyncExitStack() as stack:
        if shared is None:
            shared = await stack.enter_async_context(open_shared())
        stop = threading.Event()
        mirror = Mirror(settings, data_dir, stop)
        source = GitSource(settings, mirror, shared, clock)
        try:
            await source.lane.call(lambda: set_up_libgit2(settings.credentials, data_dir / "mirrors" / ".home"))
            yield source
        finally:
            stop.set()
            closed = source.lane.finish(mirror.close)
            await asyncio.wait([asyncio.wrap_future(closed)], timeout=_CLOSING)


class GitSource:
    """Implements ``IntentSource``. One pass at a time."""

    model = Model.GITOPS

    def __init__(self, settings: GitSourceSettings, mirror: Mirror, shared: Shared, clock: Clock) -> None:
        self.name = settings.name
        self.poll_interval = settings.poll_interval.total_seconds()
        self._settings = settings
        self._mirror = mirror
        several = settings.branches.several
        self._reader = BranchesReader(settings, mirror, clock.now) if several else Reader(settings, mirror)
        self._workers = shared.workers
        self._watcher = shared.watcher
        self._clock = clock
        host = host_of(settings.url)
        self.lane = shared.workers.lane(host)
        self._question = Question(settings, host, shared.connections)
        self._mark: object = None  # what the files of local branches looked like when the last pass began
        self._read_through: tuple[str | None, Mapping[str, bytes]] | None = (
            None  # the last pass ended well: its cursor, and the tips
        )

    async def read(self, cursor: str | None, standing: Standing) -> AsyncIterator[SourceBatch]:
        """One pass; see ``IntentSource.read``. Where no branch moved since the last one, it is over at once."""
        tips = await self._look()
        if tips is not None and self._read_through == (cursor, tips):
            return
        self._read_through, reached = None, cursor
        if tips is not None and cursor is not None:
            await self._fetch_little(tips)
        async with self._workers.a_pass(self.lane, first=cursor is None):
            self._mirror.announced = tips
            batches = self._reader.batches(cursor, dict(standing))
            try:
                while (batch := await self.lane.call(lambda: next(batches, None))) is not None:
                    reached = batch.cursor
                    yield batch
            finally:
                # Behind the step that may still run; a cancelled pass doesn't wait for it, and a closed source needs it no more.
                with suppress(RuntimeError):
                    self.lane.finish(batches.close)
        if tips is not None and is_settled(reached):
            self._read_through = reached, tips

    async def wait_for_change(self, seconds: float) -> None:
        """Return once local branches are elsewhere than the last pass found them, or after ``seconds``."""
        deadline = self._clock.monotonic() + seconds
        local = self._mirror.local
        directories = await self.lane.call(local.ref_directories) if local is not None else []
        if local is not None and directories:
            await self._watcher.wait(directories, local.mark, self._mark, self._clock, deadline)
        else:  # a server, or a directory that is gone: nothing tells of a change
            await self._clock.sleep(max(0.0, deadline - self._clock.monotonic()))

    def is_meant_by(self, hint: Hint, *, named: bool) -> bool:
        """By the address, unless the hook names this source; never for another branch or a tag."""
        if hint.ref is not None and not follows(self._settings.branch, hint.ref):
            return False
        return named or any(is_same_repository(self._settings.url.address, each) for each in hint.repositories)

    async def _fetch_little(self, tips: Mapping[str, bytes]) -> None:
        """Have what a landing or two brought in one request, where that is possible; else the pass fetches it."""
        if self._mirror.local is not None:
            return
        have = await self.lane.call(lambda: self._mirror.newest(tips))
        moved = {branch: tip for branch, tip in tips.items() if have.get(branch) != tip}
        if moved and have and (pack := await self._question.pack(set(moved.values()), set(have.values()))) is not None:
            await self.lane.call(lambda: self._mirror.take(pack, moved))

    async def _look(self) -> dict[str, bytes] | None:
        """Where the branches stand; None: only a pass can tell.

        Raises:
            Unavailable: the host does not answer.
        """
        local = self._mirror.local
        if local is None:
            return await self._question.tips()
        self._mark = await self.lane.call(local.mark)  # before the look: what moves in between ends the next wait
        try:
            return await self.lane.call(local.tips)
        except DeploybridgeError:  # the pass that follows raises it, to be told
            return None
