"""What every event log promises to its writer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.errors import InvariantBroken
from bridge.formats.event_v1 import GENESIS, chain_hash, decode_record, encode_body
from bridge.ports import Append, EventQuery, Snapshot
from tests.contracts.log_events import batch, collect, make_event, second


async def test_an_empty_log_restores_to_nothing(opened: Any) -> None:
    restored = await opened.log.restore()
    assert (restored.position, dict(restored.cursors), restored.snapshot, restored.snapshot_position) == (
        0,
        {},
        None,
        0,
    )
    assert restored.received_at is None
    assert await opened.reader.last_position() == 0


async def test_what_was_appended_is_read_back_unchanged(opened: Any) -> None:
    bare = make_event(
        3, target=None, model=None, artifacts=(), previous_artifacts=(), declared_at=None, intent_id=None, causes=(),
        actor=None, source=None, details={}, track=None, effective_at=None, source_time=second(1), backfilled=True,
    )  # fmt: skip
    sent = [make_event(1), make_event(2), bare]
    assert await opened.log.append(Append(sent, second(9))) == 3
    found = await collect(opened.reader.events(EventQuery()))
    assert [recorded.event for recorded in found] == sent
    assert {recorded.recorded_at for recorded in found} == {second(9)}
    assert await opened.reader.event(bare.id) == found[2]
    assert await opened.reader.event("nobody") is None


async def test_positions_are_dense_and_the_hashes_chain_across_batches_and_restarts(place: Any) -> None:
    for first, count in ((1, 1), (2, 3), (5, 2)):
        async with place.open() as opened:
            assert await opened.log.append(batch(first, count)) == first + count - 1
    async with place.open() as opened:
        found = await collect(opened.reader.events(EventQuery()))
        lines = await collect(opened.reader.records(EventQuery()))
    assert [recorded.position for recorded in found] == [1, 2, 3, 4, 5, 6]
    previous = GENESIS
    for recorded, (position, line) in zip(found, lines, strict=True):
        body = encode_body(recorded.event, position=position, recorded_at=recorded.recorded_at)
        assert recorded.previous_hash == previous
        assert recorded.hash == chain_hash(previous, body)
        untracked = replace(recorded, event=replace(recorded.event, track=None, effective_at=None))
        assert decode_record(line) == untracked
        previous = recorded.hash


async def test_cursors_and_events_are_stored_together_or_not_at_all(opened: Any) -> None:
    await opened.log.append(replace(batch(1), cursors={"infra": "one", "other": "x"}))
    with pytest.raises(InvariantBroken):
        await opened.log.append(replace(batch(1), cursors={"infra": "two"}, snapshot=Snapshot("1", {"p": "{}"})))
    restored = await opened.log.restore()
    assert dict(restored.cursors) == {"infra": "one", "other": "x"}
    assert restored.snapshot is None
    await opened.log.append(Append([], second(2), cursors={"infra": "three"}))
    assert dict((await opened.log.restore()).cursors) == {"infra": "three", "other": "x"}


async def test_an_event_given_twice_is_refused_and_nothing_of_its_batch_is_stored(opened: Any) -> None:
    await opened.log.append(batch(1))
    with pytest.raises(InvariantBroken):
        await opened.log.append(Append([make_event(2), make_event(1, received_at=second(2))], second(3)))
    with pytest.raises(InvariantBroken):
        await opened.log.append(Append([make_event(2), make_event(2)], second(3)))
    assert await opened.reader.last_position() == 1
    assert await opened.log.append(batch(2)) == 2
    assert (await opened.reader.verify()).broken is None


async def test_times_of_reception_that_go_back_are_refused(opened: Any) -> None:
    await opened.log.append(batch(5))
    with pytest.raises(InvariantBroken):
        await opened.log.append(batch(4))
    same_moment = make_event(6, received_at=second(5))
    assert await opened.log.append(Append([same_moment], second(5) - timedelta(hours=1))) == 2
    assert (await opened.log.restore()).received_at == second(5)


async def test_known_tells_which_of_very_many_ids_are_there(opened: Any) -> None:
    await opened.log.append(batch(1, 1200))
    here = [make_event(number).id for number in range(1, 1201)]
    assert await opened.log.known([*here, "nobody"]) == frozenset(here)
    assert await opened.log.known([]) == frozenset()


async def test_a_snapshot_keeps_the_parts_that_were_not_given_again(place: Any) -> None:
    async with place.open() as opened:
        await opened.log.append(replace(batch(1, 2), snapshot=Snapshot("1", {"a": "1", "b": "é"})))
        await opened.log.append(batch(3))
        await opened.log.append(Append([], second(4), snapshot=Snapshot("1", {"b": "3"})))
        await opened.log.append(batch(4))
    async with place.open() as opened:
        restored = await opened.log.restore()
    assert restored.snapshot == Snapshot("1", {"a": "1", "b": "3"})
    assert (restored.position, restored.snapshot_position) == (4, 3)


async def test_a_snapshot_may_hold_for_an_earlier_event_than_those_it_comes_with(place: Any) -> None:
    async with place.open() as opened:
        await opened.log.append(batch(1, 4))
        await opened.log.append(replace(batch(5), snapshot=Snapshot("1", {"a": "1"}, position=2)))
    async with place.open() as opened:
        restored = await opened.log.restore()
    assert (restored.snapshot, restored.snapshot_position) == (Snapshot("1", {"a": "1"}), 2)


async def test_a_snapshot_under_other_rules_replaces_every_part(opened: Any) -> None:
    await opened.log.append(replace(batch(1), snapshot=Snapshot("1", {"a": "1", "b": "2"})))
    await opened.log.append(Append([], second(2), snapshot=Snapshot("2", {"a": "4"})))
    assert (await opened.log.restore()).snapshot == Snapshot("2", {"a": "4"})
