"""What every event log promises to its readers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.events import EventKind, Track
from bridge.domain.names import Model, Target
from bridge.ports import Append, EventQuery
from tests.contracts.log_events import FOREVER, batch, collect, make_event, second
from tests.support.memory_log import MemoryLog

_TARGETS = [Target(service, environment) for service in ("shop", "cart") for environment in ("staging", "production")]
_KINDS = [EventKind.INTENT_DECLARED, EventKind.OBSERVATION_REPORTED, EventKind.CONFIG_CHANGED]


async def _fill(opened: Any, count: int = 120) -> None:
    events = [
        make_event(
            number,
            kind=_KINDS[number % 3],
            target=None if number % 3 == 2 else _TARGETS[number % 4],
            model=[None, *Model][number % 3],
            intent_id=None if number % 5 else f"intent-{number % 10}",
        )
        for number in range(1, count + 1)
    ]
    await opened.log.append(Append(events, second(count)))


QUERIES = [
    EventQuery(),
    EventQuery(after=17, up_to=61),
    EventQuery(after=500),
    EventQuery(since=second(10), until=second(20)),
    EventQuery(since=second(10) + timedelta(microseconds=1), until=second(20) + timedelta(microseconds=1)),
    EventQuery(until=second(-5)),
    EventQuery(service="shop"),
    EventQuery(environment="production", model=Model.GITOPS),
    EventQuery(service="cart", environment="staging", after=30, kinds=frozenset({EventKind.INTENT_DECLARED})),
    EventQuery(service="nobody"),
    EventQuery(kinds=frozenset({EventKind.CONFIG_CHANGED})),
    EventQuery(kinds=frozenset(EventKind), up_to=100),
    EventQuery(kinds=frozenset({EventKind.INTENT_DECLARED, EventKind.CONFIG_CHANGED}), since=second(50)),
    EventQuery(model=Model.API),
    EventQuery(intent_id="intent-5"),
    EventQuery(intent_id="intent-0", service="shop", kinds=frozenset({EventKind.OBSERVATION_REPORTED})),
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
@pytest.mark.parametrize("limit", [None, 0, 1, 7])
async def test_every_filter_holds_and_the_order_is_that_of_the_log(
    opened: Any, query: EventQuery, limit: int | None
) -> None:
    naive = MemoryLog()
    await _fill(naive)
    await _fill(opened)
    expected = await collect(naive.events(query, limit=limit))
    assert await collect(opened.reader.events(query, limit=limit)) == expected
    assert await collect(opened.reader.records(query, limit=limit)) == await collect(naive.records(query, limit=limit))
    assert [recorded.position for recorded in expected] == sorted(recorded.position for recorded in expected)


def test_the_queries_of_this_suite_find_something_and_leave_something_out() -> None:
    naive = MemoryLog()
    asyncio.run(_fill(naive))
    counts = [len(asyncio.run(collect(naive.events(query)))) for query in QUERIES]
    assert sum(0 < count < 120 for count in counts) >= 10


async def test_long_answers_come_in_chunks_without_a_gap(opened: Any) -> None:
    await opened.log.append(batch(1, 2500))
    sizes, positions = [], []
    async with aclosing(opened.reader.records(EventQuery(after=3, service="shop"))) as chunks:
        async for chunk in chunks:
            sizes.append(len(chunk))
            positions += [position for position, _ in chunk]
    assert positions == list(range(4, 2501))
    assert max(sizes) <= 1000


async def test_a_reader_that_tails_the_log_during_appends_skips_nothing(opened: Any) -> None:
    seen: list[int] = []

    async def tail() -> None:
        while len(seen) < 300:
            seen.extend([row.position for row in await collect(opened.reader.events(EventQuery(after=len(seen))))])
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tail())
        for first in range(1, 301, 5):
            await opened.log.append(batch(first, 5))
    assert seen == list(range(1, 301))


async def test_an_answer_ends_with_the_event_that_was_newest_when_it_began(opened: Any) -> None:
    await opened.log.append(batch(1, 1500))
    found = []
    async with aclosing(opened.reader.events(EventQuery())) as chunks:
        async for chunk in chunks:
            found += chunk
            if await opened.reader.last_position() == 1500:
                await opened.log.append(batch(1501, 10))
    assert len(found) == 1500


async def test_many_readers_at_once_see_whole_batches_only(opened: Any) -> None:
    async def look() -> None:
        for _ in range(10):
            assert len(await collect(opened.reader.records(EventQuery()))) % 7 == 0

    async with asyncio.TaskGroup() as tasks:
        for _ in range(6):
            tasks.create_task(look())
        for first in range(1, 141, 7):
            await opened.log.append(batch(first, 7))


async def test_states_answer_for_both_times(opened: Any) -> None:
    learned_late = make_event(100, track=Track.RUNNING, effective_at=second(10))
    events = [
        make_event(1, track=Track.RUNNING, effective_at=second(1)),
        make_event(5, track=Track.GITOPS, effective_at=second(5)),
        make_event(6, track=None, effective_at=None),
        learned_late,
        make_event(101, track=Track.RUNNING, effective_at=second(10)),
    ]
    await opened.log.append(Append(events, second(101)))

    async def running(at: float, known_at: float) -> str | None:
        states = await opened.reader.states(at=second(at), known_at=second(known_at))
        return next((state.recorded.event.id for state in states if state.track is Track.RUNNING), None)

    assert await running(0, 500) is None
    assert await running(9, 500) == events[0].id
    assert await running(50, 50) == events[0].id
    assert await running(50, 100) == learned_late.id
    assert await running(10, 500) == events[4].id
    both = await opened.reader.states(at=FOREVER, known_at=FOREVER)
    assert [(state.track, state.effective_at) for state in both] == [
        (Track.GITOPS, second(5)),
        (Track.RUNNING, second(10)),
    ]
    assert both[0].recorded.event == events[1]
    assert await opened.reader.states(at=FOREVER, known_at=FOREVER, service="cart") == []
    assert len(await opened.reader.states(at=FOREVER, known_at=FOREVER, service="shop", environment="production")) == 2
    assert await opened.reader.states(at=FOREVER, known_at=FOREVER, environment="staging") == []


_STEP = st.tuples(
    st.sampled_from(_TARGETS), st.sampled_from([None, *Track]), st.integers(0, 3), st.integers(0, 3)
)  # target, track, seconds to the next reception, seconds to the next effect


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(_STEP, max_size=40), at=st.integers(-2, 60), known_at=st.integers(-2, 60))
async def test_states_equal_those_of_a_naive_search(place: Any, steps: list[Any], at: int, known_at: int) -> None:
    naive = MemoryLog()
    received = 0
    effective: dict[Any, int] = {}
    async with place.open() as opened:
        offset = await opened.reader.last_position()  # one file serves every example: each has services of its own
        start = second(1000 * (offset + 1))
        for number, (target, track, pause, effect) in enumerate(steps, offset + 1):
            received += pause
            key = (target, track)
            effective[key] = min(received, effective.get(key, 0) + effect)
            event = make_event(
                number,
                received_at=start + timedelta(seconds=received),
                target=Target(f"{target.service}-{offset}", target.environment),
                track=track,
                effective_at=start + timedelta(seconds=effective[key]) if track else None,
            )
            await opened.log.append(Append([event], start))
            await naive.append(Append([event], start))
        times: dict[str, Any] = {"at": start + timedelta(seconds=at), "known_at": start + timedelta(seconds=known_at)}
        found = [state for state in await opened.reader.states(**times) if state.target.service.endswith(f"-{offset}")]
        expected = await naive.states(**times)
    assert [(s.target, s.track, s.effective_at, s.recorded.event) for s in found] == [
        (s.target, s.track, s.effective_at, s.recorded.event) for s in expected
    ]


async def test_an_untouched_chain_is_proved_to_its_end(opened: Any) -> None:
    await opened.log.append(batch(1, 2100))
    told: list[tuple[int, int]] = []
    proof = await opened.reader.verify(lambda done, total: told.append((done, total)))
    newest = await collect(opened.reader.events(EventQuery(after=2099)))
    assert (proof.count, proof.last_hash, proof.broken) == (2100, newest[0].hash, None)
    assert told[-1] == (2100, 2100)
