"""The walk along a chain: what holds, and what each row can be wrong about even where its hash is right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.events import Event, EventKind
from bridge.formats.event_v1 import GENESIS, chain_hash, encode_body
from bridge.formats.event_v1_chain import ChainWalk, IndexedColumns, StoredRow

_AT = datetime(2026, 8, 21, 16, 41, 2, 120113, tzinfo=UTC)


def row_of(event: Event, position: int, previous_hash: str, body: bytes | None = None) -> StoredRow:
    body = encode_body(event, position=position, recorded_at=_AT) if body is None else body
    return StoredRow(position, body, previous_hash, chain_hash(previous_hash, body), IndexedColumns.of(event))


EVENT = Event(id="e1", kind=EventKind.CONFIG_CHANGED, received_at=_AT)
FIRST = row_of(EVENT, 1, GENESIS)
SECOND = row_of(replace(EVENT, id="e2"), 2, FIRST.hash)


def test_a_whole_chain_is_counted_to_its_last_hash() -> None:
    walk = ChainWalk()
    assert walk.proof.count == 0
    assert walk.proof.last_hash == GENESIS
    assert walk.step(FIRST)
    assert walk.step(SECOND)
    walk.expect_at_least(2)
    assert (walk.proof.count, walk.proof.last_hash, walk.proof.broken) == (2, SECOND.hash, None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (replace(SECOND, position=3), "position 2 was expected"),
        (row_of(EVENT, 2, GENESIS), "previous_hash"),
        (replace(SECOND, body=SECOND.body + b" "), "not that of the body"),
        (row_of(EVENT, 2, FIRST.hash, b"{}"), "can't be read"),
        (row_of(EVENT, 2, FIRST.hash, FIRST.body), "says it is at position 1"),
        (replace(SECOND, columns=replace(SECOND.columns, service="shop")), "disagree with the body: service"),
        (row_of(replace(EVENT, id="e2", received_at=_AT - timedelta(seconds=1)), 2, FIRST.hash), "earlier"),
    ],
)
def test_a_row_that_does_not_hold_ends_the_walk_with_its_reason(row: StoredRow, reason: str) -> None:
    walk = ChainWalk()
    assert walk.step(FIRST)
    assert not walk.step(row)
    assert (walk.proof.count, walk.proof.last_hash) == (1, FIRST.hash)
    assert walk.proof.broken is not None
    assert walk.proof.broken.position == row.position
    assert reason in walk.proof.broken.reason
    found = walk.proof.broken
    walk.expect_at_least(9)
    assert walk.proof.broken == found


def test_a_chain_that_ends_before_what_the_log_itself_has_seen_is_cut_off() -> None:
    walk = ChainWalk()
    assert walk.step(FIRST)
    walk.expect_at_least(2)
    assert walk.proof.broken is not None
    assert walk.proof.broken.position == 2
    assert "cut off" in walk.proof.broken.reason
