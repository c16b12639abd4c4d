"""The one door to the recorder: a bounded queue of submissions, each with a receipt that comes after the append."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from bridge.domain.facts import Fact
from bridge.domain.noise import CommitCount
from bridge.domain.side_notes import Note
from bridge.errors import DeploybridgeError, Unavailable
from bridge.ports import FactOutcome

_FACTS_WAITING = 8192  # beyond this pollers wait and the API answers 503: nothing is dropped
_RETRY_AFTER = timedelta(seconds=1)


class Submission(NamedTuple):
    """Facts that are recorded together or not at all, with the cursor that is true once they are."""

    facts: Sequence[Fact]
    source: str | None
    cursor: str | None
    commits: CommitCount | None
    notes: Sequence[Note]
    receipt: asyncio.Future[Sequence[FactOutcome]]


class Inbox:
    """Implements ``ports.FactInbox``; ``take`` is the recorder's side."""

    def __init__(self, limit: int = _FACTS_WAITING) -> None:
        """Hold at most about ``limit`` facts that are not recorded yet; one larger submission still fits when empty."""
        self._limit = limit
        self._queue: deque[Submission] = deque()
        self._waiting = 0
        self._closed = False
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()

    @property
    def depth(self) -> int:
        """Facts that wait for the recorder."""
        return self._waiting

    async def submit(
        self,
        facts: Sequence[Fact],
        *,
        source: str | None = None,
        cursor: str | None = None,
        commits: CommitCount | None = None,
        notes: Sequence[Note] = (),
        wait: bool = True,
    ) -> Sequence[FactOutcome]:
        """Queue the facts and return their outcomes once they are durable; see the port."""
        while self._waiting >= self._limit and not self._closed:
            if not wait:
                msg = f"{self._waiting} facts wait to be recorded already: try again"
                raise Unavailable(msg, retry_after=_RETRY_AFTER)
            await self._emptied.wait()
        if self._closed:
            msg = "the bridge is shutting down: nothing was recorded, try again"
            raise Unavailable(msg, retry_after=_RETRY_AFTER)
        receipt: asyncio.Future[Sequence[FactOutcome]] = asyncio.get_running_loop().create_future()
        self._queue.append(Submission(facts, source, cursor, commits, notes, receipt))
        self._waiting += len(facts)
        if self._waiting >= self._limit:
            self._emptied.clear()
        self._filled.set()
        return await receipt

    async def take(self, most: int) -> list[Submission] | None:
        """Wait for something to do, then return submissions of about ``most`` facts; None once closed and empty.

        An empty list means that a deadline rang.
        """
        await self._filled.wait()
        taken: list[Submission] = []
        facts = 0
        while self._queue and facts < most:
            submission = self._queue.popleft()
            facts += len(submission.facts)
            taken.append(submission)
        self._waiting -= facts
        if self._waiting < self._limit:
            self._emptied.set()
        if not self._queue and not self._closed:
            self._filled.clear()
        return None if self._closed and not taken else taken

    def ring(self) -> None:
        """Make ``take`` return although nothing was submitted."""
        self._filled.set()

    def close(self) -> None:
        """Refuse what comes from now on; what is queued is still taken."""
        self._closed = True
        self._filled.set()
        self._emptied.set()

    def abandon(self, error: DeploybridgeError) -> None:
        """Close, and tell everybody who waits that nobody will record what they brought."""
        self.close()
        while self._queue:
            fail(self._queue.popleft(), error)


def fail(submission: Submission, error: DeploybridgeError) -> None:
    """Tell the submitter that nothing of it was stored, unless it went away."""
    if not submission.receipt.done():
        submission.receipt.set_exception(error)
