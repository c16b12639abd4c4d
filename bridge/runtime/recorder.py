"""THE single writer: takes submissions, lets the core conclude, appends all of it in one transaction, hands out receipts.

Everything that waits when a transaction ends goes into the next one (group commit). After a failed append the fleet is
rebuilt from the log, so that memory never knows more than the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from bridge.clock import Clock
from bridge.domain.events import FACT_KINDS, Event
from bridge.domain.facts import ConfigChanged, Fact, SourceLost, SourceReturned
from bridge.domain.fleet import RULES_VERSION, Fleet
from bridge.domain.noise import CommitCount
from bridge.domain.side_notes import Note
from bridge.errors import DeploybridgeError, InvariantBroken, Stalled, Unavailable
from bridge.formats.event_v1_facts import to_fact
from bridge.formats.snapshot_v1 import decode_parts
from bridge.ports import Append, EventLog, EventQuery, EventReader, FactOutcome, Snapshot
from bridge.runtime.inbox import Inbox, Submission, fail
from bridge.runtime.snapshots import SnapshotTaking
from bridge.runtime.supervise import race
from bridge.runtime.tail import Tail

_BATCH_FACTS = 256  # of small submissions in one transaction; a larger submission is one of its own
_TURN_FACTS = (
    32  # of one submission, without a pause; another thread may hold the interpreter for as long again and longer
)
_TICK_EVENTS = 256  # deadlines that were slept over, in one transaction
_SNAPSHOT_EVERY = 30_000  # events; a start-up replays a tail of at most about so many, in two seconds or three
_SNAPSHOT_TARGETS = 32  # encoded with each batch while a snapshot is taken; a busy one takes 0.1 ms
_NONE_COUNTED: Mapping[str, CommitCount] = {}
_LONGEST_PAUSE = 30.0  # seconds between attempts to reopen a log that can't be written
_WITHOUT_ID = (ConfigChanged, SourceLost, SourceReturned)

log = structlog.get_logger()


class Recorder:
    """Owns the fleet. ``restore`` first, then ``run`` until the inbox is closed and empty."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        event_log: EventLog,
        reader: EventReader,
        tail: Tail,
        clock: Clock,
        on_recorded: Callable[[Sequence[Event], int, float], None] = lambda _events, _position, _seconds: None,
        on_restored: Callable[[Fleet], None] = lambda _fleet: None,
    ) -> None:
        """Write to ``event_log``, which must have no other writer.

        ``on_recorded`` is told of each durable batch: its events, the last position, and how many seconds the append took;
        ``on_restored`` of the fleet whenever it was made anew from the log.
        """
        self._inbox = inbox
        self._log = event_log
        self._reader = reader
        self._tail = tail
        self._clock = clock
        self._on_recorded = on_recorded
        self._on_restored = on_restored
        self._fleet = Fleet()
        self._position = 0
        self._snapshot_position = 0
        self._taking: SnapshotTaking | None = None
        self._rescheduled = asyncio.Event()
        self._armed_for: datetime | None = None
        self.cursors: dict[str, str] = {}
        self.failure: str | None = None  # why the log can't be written just now

    @property
    def fleet(self) -> Fleet:
        """The fleet as of the last append; for reading only."""
        return self._fleet

    async def restore(self) -> None:
        """Rebuild the fleet from the newest snapshot and the tail of the log after it.

        Raises:
            Unavailable: the log can't be read now.
            Stalled: it is shorter than it was when its snapshot was taken.
            InvariantBroken: it holds something that this program can't have written.
        """
        restored = await self._log.restore()
        if restored.position < restored.snapshot_position:
            msg = (
                f"the log ends at position {restored.position}, but its snapshot was taken at {restored.snapshot_position}: "
                "rows at its end were cut off; bring back a copy of the log that has them, or start with an empty data_dir"
            )
            raise Stalled(msg)
        fleet, after = Fleet(), 0
        if restored.snapshot is not None and restored.snapshot.rules == RULES_VERSION:
            fleet = Fleet(*decode_parts(restored.snapshot.parts))
            after = restored.snapshot_position
        newest: datetime | None = None
        async for chunk in self._reader.events(EventQuery(after=after)):
            for recorded in chunk:
                newest = recorded.event.received_at
                if recorded.event.kind in FACT_KINDS:
                    fleet.receive(to_fact(recorded.event), at=newest)
            await asyncio.sleep(0)
        if newest is not None:
            fleet.tick(newest)
        self._fleet, self._position, self.cursors = fleet, restored.position, dict(restored.cursors)
        self._snapshot_position, self._taking = after, None
        self._on_restored(fleet)
        self._tail.advance(restored.position)

    async def run(self) -> None:
        """Record until the inbox is closed and empty, then leave a snapshot."""
        while (submissions := await self._inbox.take(_BATCH_FACTS)) is not None:
            try:
                await self._record(submissions)
            except Unavailable as error:
                for submission in submissions:
                    fail(submission, error)
                await self._recover(error)
            except BaseException as error:
                broken = InvariantBroken(f"the recorder stopped: {error}")
                for submission in submissions:
                    fail(submission, broken)
                self._inbox.abandon(broken)
                raise
            self._rearm()
        try:
            await self._leave_snapshot()
        except Unavailable as error:  # nothing is lost: the next start replays a longer tail
            log.warning("snapshot_not_written", reason=str(error))

    async def ring_deadlines(self) -> None:
        """Wake the recorder whenever a deadline of the core comes; runs beside ``run`` and never returns."""
        while True:
            self._rescheduled.clear()
            self._armed_for = self._fleet.next_deadline()
            if self._armed_for is None:
                await self._rescheduled.wait()
                continue
            await race(self._clock.sleep_until(self._armed_for), self._rescheduled.wait())
            if not self._rescheduled.is_set():
                self._inbox.ring()
                await self._rescheduled.wait()

    def _rearm(self) -> None:
        due = self._fleet.next_deadline()
        if due is not None and (self._armed_for is None or due < self._armed_for):
            self._rescheduled.set()
        elif self._armed_for is not None and self._armed_for <= self._clock.now():
            self._rescheduled.set()  # it rang, and was dealt with

    async def _record(self, submissions: Sequence[Submission]) -> None:
        at = self._clock.now()
        while overdue := self._fleet.tick(at, most=_TICK_EVENTS):
            await self._append(overdue, {})
        ids = [fact_id for each in submissions for fact in each.facts if (fact_id := _id_of(fact)) is not None]
        known = set(await self._log.known(ids)) if ids else set()
        events: list[Event] = []
        cursors: dict[str, str] = {}
        commits: dict[str, CommitCount] = {}
        notes: list[Note] = []
        outcomes: list[list[FactOutcome]] = []
        for submission in submissions:
            if len(submission.facts) <= _TURN_FACTS:
                outcomes.append([self._receive(fact, at, known, events) for fact in submission.facts])
            else:
                outcomes.append(await self._receive_many(submission.facts, at, known, events))
            notes += submission.notes
            if submission.source is not None and submission.cursor is not None:
                cursors[submission.source] = submission.cursor
                if submission.commits is not None:  # a source submits one batch at a time
                    commits[submission.source] = submission.commits
        taken = None if self._taking is None else self._taking.go_on(_SNAPSHOT_TARGETS)
        await self._append(events, cursors, commits, taken, notes)
        for submission, outcome in zip(submissions, outcomes, strict=True):
            if not submission.receipt.done():
                submission.receipt.set_result(outcome)

    async def _receive_many(
        self, facts: Sequence[Fact], at: datetime, known: set[str], events: list[Event]
    ) -> list[FactOutcome]:
        """Feed the core with a few facts at a time: while a history is imported, other tasks get their turns in between."""
        outcomes: list[FactOutcome] = []
        for start in range(0, len(facts), _TURN_FACTS):
            outcomes += [self._receive(fact, at, known, events) for fact in facts[start : start + _TURN_FACTS]]
            await asyncio.sleep(0)
        return outcomes

    def _receive(self, fact: Fact, at: datetime, known: set[str], events: list[Event]) -> FactOutcome:
        fact_id = _id_of(fact)
        if fact_id is not None and fact_id in known:
            return FactOutcome(fact_id, None, appended=False)
        reception = self._fleet.receive(fact, at=at)
        if not reception.appended:
            events += reception.events
            return FactOutcome(reception.fact_id, None, appended=False)
        offset = 0  # unless deadlines had passed, the fact's own event is the first
        while reception.events[offset].id != reception.fact_id:
            offset += 1
        position = self._position + len(events) + offset + 1
        known.add(reception.fact_id)
        events += reception.events
        return FactOutcome(reception.fact_id, position, True, reception.events[offset].received_at)

    async def _append(
        self,
        events: Sequence[Event],
        cursors: dict[str, str],
        commits: Mapping[str, CommitCount] = _NONE_COUNTED,
        snapshot: Snapshot | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        if not (events or cursors or snapshot or notes):
            return
        expected = self._position + len(events)
        began = self._clock.monotonic()
        self._position = await self._log.append(Append(events, self._clock.now(), cursors, snapshot, commits, notes))
        if self._position != expected:
            msg = f"the log gave position {self._position} where {expected} was due: it has another writer"
            raise InvariantBroken(msg)
        if snapshot is not None:
            assert snapshot.position is not None
            self._snapshot_position, self._taking = snapshot.position, None
        self.cursors |= cursors
        if self.failure is not None:
            log.info("log_available", position=self._position)
        self.failure = None
        self._on_recorded(events, self._position, self._clock.monotonic() - began)
        self._tail.advance(self._position)
        if self._taking is None and self._position - self._snapshot_position >= _SNAPSHOT_EVERY:
            self._taking = SnapshotTaking(self._fleet, self._position)

    async def _leave_snapshot(self) -> None:
        """So that the next start has nothing to replay."""
        if self._taking is not None:
            await self._append([], {}, snapshot=self._taking.go_on())
        await self._append([], {}, snapshot=SnapshotTaking(self._fleet, self._position).go_on())

    async def _recover(self, error: DeploybridgeError) -> None:
        """Rebuild the fleet, which knows of events that were not stored; try until the log can be read again."""
        if self.failure is None:
            log.error("log_unavailable", reason=str(error))
        self.failure = str(error)
        pause = 0.1
        while True:
            try:
                await self.restore()
            except Unavailable as again:
                self.failure = str(again)
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return


def _id_of(fact: Fact) -> str | None:
    """The id that a fact brings along; the core gives ids to the others."""
    return None if isinstance(fact, _WITHOUT_ID) else fact.id
