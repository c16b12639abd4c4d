"""Takes one source in, pass after pass; every pass is the same, the first, the one after a crash and all others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from bridge.clock import Clock
from bridge.domain.facts import Fact, IntentDeclared, IntentWithdrawn, SourceLost, SourceReturned
from bridge.domain.names import SourceRef
from bridge.domain.noise import CommitCount
from bridge.errors import DeploybridgeError, Stalled, Unavailable
from bridge.ports import Dispute, FactInbox, FactOutcome, IntentSource, Standing
from bridge.runtime.supervise import race

_FIRST_RETRY = 1.0  # seconds: most failures are a blip
_LONGEST_PAUSE = 600.0  # seconds between polls of a source that stays away
_FAILURES_TO_LOSE = 2  # a single failed poll is no loss; wrong credentials or a missing branch are at once
_JITTER = 0.1  # of the poll interval, so that many daemons don't poll one host in step

DECLARES_NOTHING = (
    "no file that its rules read declares an image: correct them, or see what `deploybridge discover` proposes"
)

log = structlog.get_logger()


class NotRecorded(Exception):  # noqa: N818 - it names what happened, and does not leave the intake
    """The source was read, but the log can't be written now: nothing is said against the source."""


@dataclass(slots=True)
class IntakeStatus:
    """What ``/readyz`` and the command line tell of a source."""

    name: str
    caught_up: bool = False
    landings: int = 0
    intents: int = 0
    withdrawn: int = 0
    unreadable: int = 0
    failures: int = 0
    problem: str | None = None
    revision: str | None = None
    succeeded_at: datetime | None = None
    disputes: Sequence[Dispute] = ()  # that last


@dataclass(slots=True, kw_only=True)
class Intake:
    """One source's way into the inbox. ``cursor`` moves on only after the append that made it true."""

    source: IntentSource
    kind: str
    inbox: FactInbox
    clock: Clock
    cursor: str | None
    standing: Callable[[], Standing]
    lost: bool
    on_progress: Callable[[IntakeStatus], None] = lambda _status: None
    chance: random.Random = field(default_factory=random.Random)
    status: IntakeStatus = field(init=False)
    _hinted: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Begin with an empty status."""
        self.status = IntakeStatus(self.source.name)

    async def run(self, *, begin_after: float = 0.0) -> None:
        """Poll until cancelled, from ``begin_after`` seconds on.

        What goes wrong is recorded once, retried with backoff, and recorded once when it is over.
        """
        await self.clock.sleep(begin_after)
        share = self.chance.random()  # of the first interval: from then on sources that began together poll apart
        while True:
            self._hinted.clear()
            await self.attempt()
            if not self._hinted.is_set():
                await race(self.source.wait_for_change(share * self._pause()), self._hinted.wait())
            share = 1.0

    def hint(self) -> None:
        """Poll now. Hints during a pass, however many, cause one more: it may have looked already."""
        self._hinted.set()

    async def attempt(self) -> None:
        """Make one pass and deal with its failure."""
        try:
            await self.catch_up()
        except NotRecorded as error:
            if self.status.problem is None:
                log.warning("source_not_recorded", source=self.source.name, reason=str(error))
            self.status.problem = str(error)
            self.on_progress(self.status)
        except (Unavailable, Stalled) as error:
            await self._failed(error)

    async def catch_up(self) -> None:
        """Make one pass, from the cursor to the tip.

        Raises:
            Unavailable, Stalled: the source can't be read; what was recorded until then stays.
            NotRecorded: the source is well, the log is not.
        """
        async for batch in self.source.read(self.cursor, self.standing()):
            self._readable()
            facts: list[Fact] = [*self._returned(), *batch.facts]
            outcomes = await self._record(facts, batch.cursor, batch.commits)
            self.lost = False
            self.cursor = batch.cursor
            self.status.landings += batch.landings
            self.status.revision = batch.revision or self.status.revision
            if batch.disputes is not None:
                self.status.disputes = batch.disputes
            for fact, outcome in zip(facts, outcomes, strict=True):
                self.status.intents += isinstance(fact, IntentDeclared) and outcome.appended
                self.status.withdrawn += isinstance(fact, IntentWithdrawn) and outcome.appended
                self.status.unreadable += isinstance(fact, SourceLost) and outcome.appended
            self.on_progress(self.status)
        self._readable()
        if returned := self._returned():
            await self._record(returned, None, None)
            self.lost = False
        if not self.status.caught_up:
            if not self.standing():
                log.warning("source_declares_nothing", source=self.source.name, meaning=DECLARES_NOTHING)
            log.info(
                "source_caught_up", source=self.source.name, landings=self.status.landings, intents=self.status.intents
            )
        self.status.caught_up, self.status.problem = True, None
        self.status.succeeded_at = self.clock.now()
        self.on_progress(self.status)

    async def _record(
        self, facts: Sequence[Fact], cursor: str | None, commits: CommitCount | None
    ) -> Sequence[FactOutcome]:
        try:
            return await self.inbox.submit(facts, source=self.source.name, cursor=cursor, commits=commits)
        except Unavailable as error:
            raise NotRecorded(f"what was read could not be recorded: {error}") from error

    def _readable(self) -> None:
        """It could be read: whoever sees ``source.returned`` in the log finds the status in order already."""
        if self.status.failures:
            log.info("source_returned", source=self.source.name)
            self.status.failures, self.status.problem = 0, None

    def _returned(self) -> list[Fact]:
        ref = SourceRef(self.kind, self.source.name)
        return [SourceReturned(source=ref, model=self.source.model)] if self.lost else []

    async def _failed(self, error: DeploybridgeError) -> None:
        self.status.failures += 1
        self.status.problem = str(error)
        self.on_progress(self.status)
        if self.status.failures == 1:
            log.warning("source_failed", source=self.source.name, reason=str(error))
        certain = isinstance(error, Stalled) or self.status.failures >= _FAILURES_TO_LOSE
        if certain and not self.lost:
            ref = SourceRef(self.kind, self.source.name)
            fact = SourceLost(source=ref, model=self.source.model, details={"reason": str(error)})
            try:
                await self.inbox.submit([fact])
            except Unavailable as full:
                log.warning("source_loss_not_recorded", source=self.source.name, reason=str(full))
            else:
                self.lost = True

    def _pause(self) -> float:
        """Seconds to the next poll: the interval with jitter, or a growing pause after failures."""
        interval = self.source.poll_interval
        if self.status.problem is not None:
            repeated = max(self.status.failures - 1, 0)
            interval = min(min(interval, _FIRST_RETRY) * 2.0**repeated, _LONGEST_PAUSE)
        return interval * self.chance.uniform(1 - _JITTER, 1 + _JITTER)
