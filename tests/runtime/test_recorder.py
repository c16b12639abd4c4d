"""The recorder: one transaction a batch, receipts after it, deadlines on time, and a log that fails now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.events import EventKind
from bridge.domain.facts import ObservationReported
from bridge.domain.names import Phase
from bridge.errors import InvariantBroken, Stalled, Unavailable
from bridge.ports import Append, EventQuery, Restored
from bridge.runtime.inbox import Inbox
from bridge.runtime.recorder import Recorder
from bridge.runtime.tail import Tail
from tests.support import scenarios
from tests.support.fake_clock import FakeClock
from tests.support.memory_log import MemoryLog


class MoodyLog(MemoryLog):
    """A log whose disk is full, or whose end was cut off, when the test says so."""

    full = False
    cut_to: int | None = None

    async def restore(self) -> Restored:
        restored = await super().restore()
        return restored if self.cut_to is None else replace(restored, position=self.cut_to)

    async def append(self, batch: Append) -> int:
        if self.full:
            msg = "the disk is full: make room"
            raise Unavailable(msg)
        return await super().append(batch)


class Rig:
    def __init__(self, log: MoodyLog | None = None) -> None:
        self.clock = FakeClock(scenarios.EPOCH)
        self.log = log or MoodyLog()
        self.inbox, self.tail = Inbox(), Tail()
        self.recorder = Recorder(
            inbox=self.inbox, event_log=self.log, reader=self.log, tail=self.tail, clock=self.clock
        )

    async def kinds(self) -> list[str]:
        return [each.event.kind.value async for chunk in self.log.events(EventQuery()) for each in chunk]


@asynccontextmanager
async def recording(log: MoodyLog | None = None) -> AsyncIterator[Rig]:
    rig = Rig(log)
    await rig.recorder.restore()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(rig.recorder.run())
        ringing = tasks.create_task(rig.recorder.ring_deadlines())
        try:
            yield rig
        finally:
            rig.inbox.close()
            ringing.cancel()


def intent(tag: str, at: str) -> object:
    return scenarios.steps({"facts": [{"at": at, "intent": tag, "id": tag}]})[0].fact


def observation(tag: str) -> ObservationReported:
    return ObservationReported(
        target=scenarios.TARGET, artifacts=scenarios.artifacts(tag), phase=Phase.LIVE, source=scenarios.OBSERVER
    )


async def test_a_receipt_names_the_position_and_a_repetition_says_so() -> None:
    async with recording() as rig:
        [first] = await rig.inbox.submit([intent("v1", "0:00")])
        [again] = await rig.inbox.submit([intent("v1", "0:00")])
    assert (first.position, first.appended) == (1, True)
    assert (again.event_id, again.position, again.appended) == (first.event_id, None, False)


async def test_the_same_fact_twice_in_one_submission_is_appended_once() -> None:
    async with recording() as rig:
        outcomes = await rig.inbox.submit([intent("v1", "0:00"), intent("v1", "0:00")])
    assert [each.appended for each in outcomes] == [True, False]


async def test_a_cursor_is_stored_with_the_facts_that_made_it_true() -> None:
    async with recording() as rig:
        await rig.inbox.submit([intent("v1", "0:00")], source="infra", cursor="tip-1")
        assert (await rig.log.restore()).cursors == {"infra": "tip-1"}


async def test_a_deadline_is_concluded_when_its_moment_comes_without_any_fact() -> None:
    async with recording() as rig:
        await rig.inbox.submit([observation("v1")])
        await rig.inbox.submit([intent("v2", "0:00")])
        before = rig.tail.position
        rig.clock.move_to(scenarios.moment("15:00"))
        async with asyncio.timeout(10):
            await rig.tail.wait_beyond(before)
        assert (await rig.kinds())[-1] == EventKind.DEPLOYMENT_LATE


async def test_a_deadline_that_was_slept_over_is_concluded_at_its_own_moment_by_the_next_daemon() -> None:
    log = MoodyLog()
    async with recording(log) as rig:
        await rig.inbox.submit([observation("v1")])
        await rig.inbox.submit([intent("v2", "0:00")])
    later = Rig(log)
    later.clock.move_to(scenarios.moment("600:00"))
    await later.recorder.restore()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(later.recorder.run())
        await later.inbox.submit([])
        later.inbox.close()
    late = [e.event async for chunk in log.events(EventQuery()) for e in chunk][-1]
    assert (late.kind, late.received_at) == (EventKind.DEPLOYMENT_LATE, scenarios.moment("15:00"))


async def test_what_could_not_be_stored_is_refused_and_nothing_of_it_is_remembered() -> None:
    async with recording() as rig:
        await rig.inbox.submit([observation("v1")])
        rig.log.full = True
        with pytest.raises(Unavailable, match="make room"):
            await rig.inbox.submit([intent("v2", "0:00")])
        rig.log.full = False
        [outcome] = await rig.inbox.submit([intent("v2", "0:00")])
        assert outcome.appended
        assert (await rig.kinds()).count("intent.declared") == 1
        assert rig.recorder.failure is None


async def test_a_clock_that_steps_back_does_not_reorder_the_log() -> None:
    async with recording() as rig:
        rig.clock.move_to(scenarios.moment("10:00"))
        await rig.inbox.submit([observation("v1")])
        rig.clock._now -= timedelta(hours=1)  # noqa: SLF001 - the step itself is the point
        await rig.inbox.submit([observation("v2")])
        received = [e.event.received_at async for chunk in rig.log.events(EventQuery()) for e in chunk]
    assert received == sorted(received)


async def test_a_closed_inbox_refuses_what_comes_and_records_what_had_come() -> None:
    rig = Rig()
    await rig.recorder.restore()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(rig.inbox.submit([intent("v1", "0:00")]))
        await asyncio.sleep(0)
        rig.inbox.close()
        tasks.create_task(rig.recorder.run())
    assert waiting.result()[0].appended
    with pytest.raises(Unavailable, match="shutting down"):
        await rig.inbox.submit([intent("v2", "0:00")])


async def test_a_full_inbox_refuses_at_once_who_does_not_wait() -> None:
    inbox = Inbox(limit=1)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(inbox.submit([intent("v1", "0:00")]))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="try again"):
            await inbox.submit([intent("v2", "0:00")], wait=False)
        first.cancel()


async def test_a_log_with_another_writer_stops_the_recorder_and_tells_who_waits() -> None:
    class Shared(MoodyLog):
        async def append(self, batch: Append) -> int:
            return await super().append(batch) + 5

    rig = Rig(Shared())
    await rig.recorder.restore()

    async def submit() -> None:
        with pytest.raises(InvariantBroken):
            await rig.inbox.submit([intent("v1", "0:00")])

    async with asyncio.TaskGroup() as tasks:
        told = tasks.create_task(submit())
        with pytest.raises(InvariantBroken, match="another writer"):
            await rig.recorder.run()
    assert told.done()


async def test_a_start_from_a_snapshot_goes_on_as_if_nothing_had_happened() -> None:
    log = MoodyLog()
    async with recording(log) as rig:
        await rig.inbox.submit([observation("v1")])
        await rig.inbox.submit([intent("v2", "0:00")])
    assert (await log.restore()).snapshot is not None
    async with recording(log) as rig:
        rig.clock.move_to(scenarios.moment("5:00"))
        await rig.inbox.submit([observation("v2")])
        last = [e.event async for chunk in log.events(EventQuery()) for e in chunk][-1]
    assert last.kind is EventKind.DEPLOYMENT_SUCCEEDED
    assert last.details["lead_seconds"] == 300


async def test_a_snapshot_of_other_rules_is_ignored_and_the_log_read_from_its_first_row() -> None:
    log = MoodyLog()
    async with recording(log) as rig:
        await rig.inbox.submit([observation("v1")])
        await rig.inbox.submit([intent("v2", "0:00")])
    restored = await log.restore()
    assert restored.snapshot is not None
    await log.append(Append([], scenarios.EPOCH, {}, replace(restored.snapshot, rules="older", parts={})))
    async with recording(log) as rig:
        await rig.inbox.submit([observation("v2")])
        assert (await rig.kinds())[-1] == EventKind.DEPLOYMENT_SUCCEEDED


async def test_a_log_that_is_shorter_than_its_snapshot_is_refused_at_the_start() -> None:
    log = MoodyLog()
    async with recording(log) as rig:
        await rig.inbox.submit([observation("v1")])
    log.cut_to = 1
    with pytest.raises(Stalled, match="cut off"):
        await Rig(log).recorder.restore()


async def test_an_end_on_a_full_disk_is_an_orderly_end() -> None:
    async with recording() as rig:
        await rig.inbox.submit([observation("v1")])
        rig.log.full = True
    assert (await rig.log.restore()).snapshot is None
    assert rig.tail.position == 2
