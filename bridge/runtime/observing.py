"""Takes one observer in: its feeds side by side, what they saw in one order, and a gap in observation as a gap in the log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from bridge.clock import Clock
from bridge.domain.facts import Fact, ObservationReported, SourceLost, SourceReturned
from bridge.domain.names import SourceRef
from bridge.errors import DeploybridgeError, Stalled, Unavailable
from bridge.ports import FactInbox, Feed, Observer, Sighting
from bridge.runtime.supervise import Crew, forever, task_group

_FIRST_RETRY = 1.0  # seconds: most failures are a blip
_LONGEST_PAUSE = 60.0  # seconds between attempts; what a cluster keeps of its past is five minutes
_FAILURES_TO_LOSE = 2  # a single cut connection is no loss; a refusal is at once
_JITTER = 0.2  # of a pause, so that many feeds don't come back in step
_CURSOR_EVERY = 10.0  # seconds between cursors that are stored alone, without a fact

log = structlog.get_logger()


def cursor_key(observer: str, feed: str) -> str:
    """Under which the log keeps the cursor of a feed; no source of intents has such a name."""
    return f"observer:{observer}:{feed}"


@dataclass(slots=True)
class FeedStatus:
    """How one feed is doing."""

    optional: bool
    caught_up: bool = False
    failures: int = 0
    problem: str | None = None
    cursor_at: float = float("-inf")  # monotonic seconds of the last stored cursor


@dataclass(slots=True)
class ObserverStatus:
    """What ``/readyz`` tells of an observer."""

    name: str
    kind: str
    feeds: dict[str, FeedStatus]
    observations: int = 0  # appended since the start
    lost: bool = False
    not_recorded: str | None = None  # why what was seen can't be recorded now
    seen_at: datetime | None = None  # the last sign of life

    @property
    def problem(self) -> str | None:
        """The first thing that is wrong; a refused optional feed is none."""
        if self.not_recorded is not None:
            return self.not_recorded
        wrong = (feed.problem for feed in self.feeds.values() if not feed.optional)
        return next((each for each in wrong if each is not None), None)


@dataclass(slots=True, kw_only=True)
class Observing:
    """One observer's way into the inbox. ``cursors`` (by feed) move on only after the append that made them true."""

    observer: Observer
    kind: str
    inbox: FactInbox
    clock: Clock
    cursors: dict[str, str]
    lost: bool
    on_progress: Callable[[ObserverStatus], None] = lambda _status: None
    chance: random.Random = field(default_factory=random.Random)
    status: ObserverStatus = field(init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        """Begin with an empty status."""
        feeds = {feed.name: FeedStatus(feed.optional) for feed in self.observer.feeds}
        self.status = ObserverStatus(self.observer.name, self.kind, feeds, lost=self.lost)

    async def run(self) -> None:
        """Follow every feed until cancelled. What goes wrong is recorded once, retried, and recorded once when it is over."""
        async with task_group() as group:
            crew = Crew(group)
            for feed in self.observer.feeds:
                name = f"observer:{self.observer.name}:{feed.name}"
                crew.start(name, forever(name, self._follow(feed)))

    async def _follow(self, feed: Feed) -> None:
        status = self.status.feeds[feed.name]
        while True:
            try:
                async with aclosing(feed.read(self.cursors.get(feed.name))) as sightings:
                    async for sighting in sightings:
                        await self._take(feed, status, sighting)
            except (Unavailable, Stalled) as error:
                await self._failed(feed, status, error)
                await self.clock.sleep(self._pause(status, error))
            else:
                await self.clock.sleep(_FIRST_RETRY)

    async def _take(self, feed: Feed, status: FeedStatus, sighting: Sighting) -> None:
        async with self._turn:
            self._readable(status, sighting)
            facts = [*self._gap(feed, sighting), *sighting.judge()]
            cursor = self._cursor_to_store(status, sighting, facts)
            if facts or cursor is not None:
                await self._record(feed, facts, cursor)
            self.status.seen_at = self.clock.now()
            self.on_progress(self.status)

    def _readable(self, status: FeedStatus, sighting: Sighting) -> None:
        if sighting.caught_up:
            status.caught_up, status.failures, status.problem = True, 0, None

    def _gap(self, feed: Feed, sighting: Sighting) -> list[Fact]:
        """The return of a lost observer, and what may have been missed while it was there."""
        facts: list[Fact] = []
        ref = SourceRef(self.kind, self.observer.name)
        details = {"feed": feed.name, "reason": sighting.gap}
        if sighting.gap is not None and not self.status.lost:
            facts.append(SourceLost(source=ref, model=None, details=details))
        well = all(each.caught_up for each in self.status.feeds.values() if not each.optional)
        if well and (self.status.lost or facts):
            facts.append(SourceReturned(source=ref, model=None, details=details if sighting.gap is not None else {}))
        if facts:
            lost = not isinstance(facts[-1], SourceReturned)
            if self.status.lost and not lost:
                log.info("observer_returned", observer=self.observer.name)
            self.status.lost = lost
        return facts

    def _cursor_to_store(self, status: FeedStatus, sighting: Sighting, facts: Sequence[Fact]) -> str | None:
        """The cursor, unless nothing but it is to be stored and one was a moment ago."""
        at = self.clock.monotonic()
        if sighting.cursor is None or (not facts and at - status.cursor_at < _CURSOR_EVERY):
            return None
        status.cursor_at = at
        return sighting.cursor

    async def _record(self, feed: Feed, facts: Sequence[Fact], cursor: str | None) -> None:
        """Try until it is recorded: the feed has moved on, and nobody else will tell what it saw."""
        key = None if cursor is None else cursor_key(self.observer.name, feed.name)
        pause = _FIRST_RETRY
        while True:
            try:
                outcomes = await self.inbox.submit(facts, source=key, cursor=cursor)
            except Unavailable as error:
                if self.status.not_recorded is None:
                    log.warning("observations_not_recorded", observer=self.observer.name, reason=str(error))
                self.status.not_recorded = f"what was seen could not be recorded: {error}"
                await self.clock.sleep(pause * self.chance.uniform(1 - _JITTER, 1 + _JITTER))
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            break
        self.status.not_recorded = None
        for fact, outcome in zip(facts, outcomes, strict=True):
            self.status.observations += isinstance(fact, ObservationReported) and outcome.appended
        if cursor is not None:
            self.cursors[feed.name] = cursor

    async def _failed(self, feed: Feed, status: FeedStatus, error: DeploybridgeError) -> None:
        status.failures += 1
        status.problem, status.caught_up = str(error), False
        if status.failures == 1:
            log.warning("observer_failed", observer=self.observer.name, feed=feed.name, reason=str(error))
        self.on_progress(self.status)
        certain = isinstance(error, Stalled) or status.failures >= _FAILURES_TO_LOSE
        if feed.optional or not certain:
            return
        async with self._turn:
            if not self.status.lost:
                ref = SourceRef(self.kind, self.observer.name)
                reason = {"feed": feed.name, "reason": str(error)}
                self.status.lost = True
                await self._record(feed, [SourceLost(source=ref, model=None, details=reason)], None)

    def _pause(self, status: FeedStatus, error: DeploybridgeError) -> float:
        """Seconds to the next attempt: growing, and no sooner than the other side asked for."""
        pause = min(_FIRST_RETRY * 2.0 ** (min(status.failures, 10) - 1), _LONGEST_PAUSE)
        pause *= self.chance.uniform(1 - _JITTER, 1 + _JITTER)
        asked = error.retry_after.total_seconds() if isinstance(error, Unavailable) and error.retry_after else 0.0
        return max(pause, min(asked, _LONGEST_PAUSE))
