"""Each kind of read, synchronous, on a read-only connection that gives texts as bytes."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.eventlogs.sqlite import statements
from adapters.eventlogs.sqlite.rows import to_datetime, to_microseconds, to_recorded, to_stored_id
from adapters.eventlogs.sqlite.selection import Selection, select
from bridge.domain.events import RecordedEvent, Track
from bridge.domain.noise import CommitClass, Tally, TallyKey
from bridge.errors import InvariantBroken
from bridge.formats.event_v1 import encode_record
from bridge.formats.event_v1_chain import ChainWalk, IndexedColumns, StoredRow
from bridge.ports import EventQuery, TrackState

_TRACKS = json.dumps([track.value for track in Track])


@dataclass(frozen=True, slots=True)
class Walk:
    """A query made ready: its statement, and the positions between which it reads (both inclusive)."""

    selection: Selection
    from_position: int
    up_to: int


def last_position(connection: sqlite3.Connection) -> int:
    """The newest position; 0 for an empty log."""
    return int(connection.execute(statements.LAST_POSITION).fetchone()[0])


def begin(connection: sqlite3.Connection, query: EventQuery, shape: str) -> Walk:
    """Turn the query's times into positions and its names into the numbers of targets."""
    up_to = last_position(connection)
    if query.up_to is not None:
        up_to = min(up_to, query.up_to)
    if query.until is not None:
        up_to = min(up_to, _position_before(connection, to_microseconds(query.until)))
    since = 0 if query.since is None else _position_before(connection, to_microseconds(query.since))
    targets = _target_ids(connection, query)
    if targets == ():
        up_to = 0  # no such target: nothing to read
    return Walk(select(query, targets, shape), since + 1, up_to)


def record_chunk(connection: sqlite3.Connection, walk: Walk, after: int, count: int) -> list[tuple[int, bytes]]:
    """The next rows as exported lines."""
    return [
        (position, encode_record(body, previous_hash.hex(), hash_bytes.hex()))
        for position, body, previous_hash, hash_bytes in _rows(connection, walk, after, count)
    ]


def event_chunk(connection: sqlite3.Connection, walk: Walk, after: int, count: int) -> list[RecordedEvent]:
    """The next rows, decoded."""
    return [to_recorded(row) for row in _rows(connection, walk, after, count)]


def event_by_id(connection: sqlite3.Connection, event_id: str) -> RecordedEvent | None:
    """One event, or None."""
    row = connection.execute(statements.EVENT_BY_ID, (to_stored_id(event_id),)).fetchone()
    return None if row is None else to_recorded(row)


def states(
    connection: sqlite3.Connection, at: datetime, known_at: datetime, service: str | None, environment: str | None
) -> list[TrackState]:
    """The standing state of each target and track, ordered by both."""
    parameters = {
        "at": to_microseconds(at),
        "known": _position_before(connection, to_microseconds(known_at) + 1),
        "tracks": _TRACKS,
        "service": service,
        "environment": environment,
    }
    found = [_track_state(to_recorded(row)) for row in connection.execute(statements.STATES, parameters)]
    return sorted(found, key=lambda state: (state.target, state.track))


def commit_tallies(connection: sqlite3.Connection, source: str | None) -> list[tuple[str, TallyKey, Tally]]:
    """What the sources counted, ordered by source and key."""
    found = []
    for name, week, kind, author, *counts in connection.execute(statements.TALLIES, {"source": source}):
        key = TallyKey(week.decode(), CommitClass(kind.decode()), author.decode())
        found.append((name.decode(), key, Tally(*counts)))
    return found


def verify_chunk(connection: sqlite3.Connection, walk: ChainWalk, count: int) -> bool:
    """Prove the next rows; False once the end or a row that does not hold is reached."""
    rows = connection.execute(statements.VERIFY, (walk.proof.count, count)).fetchall()
    for row in rows:
        if not walk.step(_stored_row(row)):
            return False
    if rows:
        return True
    snapshot = connection.execute(statements.SNAPSHOT).fetchone()
    if snapshot is not None:
        walk.expect_at_least(snapshot[1])
    return False


def _rows(connection: sqlite3.Connection, walk: Walk, after: int, count: int) -> list[Any]:
    after = max(after, walk.from_position - 1)
    if after >= walk.up_to:
        return []
    return connection.execute(walk.selection.sql, walk.selection.bind(after, walk.up_to, count)).fetchall()


def _position_before(connection: sqlite3.Connection, microseconds: int) -> int:
    """The last position received before a time: positions have no gaps, and ``received_at`` never falls along them."""
    before, after = 0, last_position(connection) + 1
    while after - before > 1:
        middle = (before + after) // 2
        found = connection.execute(statements.RECEIVED_AT, (middle,)).fetchone()
        if found is None:
            msg = f"there is no event at position {middle} of the log; run `deploybridge verify`"
            raise InvariantBroken(msg)
        if found[0] < microseconds:
            before = middle
        else:
            after = middle
    return before


def _target_ids(connection: sqlite3.Connection, query: EventQuery) -> tuple[int, ...] | None:
    if query.service is None and query.environment is None:
        return None
    names = {"service": query.service, "environment": query.environment}
    return tuple(number for (number,) in connection.execute(statements.TARGET_IDS, names))


def _track_state(recorded: RecordedEvent) -> TrackState:
    event = recorded.event
    if event.target is None or event.track is None or event.effective_at is None:
        msg = (
            f"the event at position {recorded.position} is indexed by a track that it lacks; run `deploybridge verify`"
        )
        raise InvariantBroken(msg)
    return TrackState(event.target, event.track, event.effective_at, recorded)


def _stored_row(row: tuple[object, ...]) -> StoredRow:
    position, body, previous_hash, hash_bytes, event_id, kind, model, service, environment, received_at, intent_id = row
    assert isinstance(position, int)
    assert isinstance(received_at, int)
    assert isinstance(body, bytes)
    assert isinstance(previous_hash, bytes)
    assert isinstance(hash_bytes, bytes)
    columns = IndexedColumns(
        id=_text(event_id) or "",
        kind=_text(kind) or "",
        model=_text(model),
        service=_text(service),
        environment=_text(environment),
        received_at=to_datetime(received_at),
        intent_id=_text(intent_id),
    )
    return StoredRow(position, body, previous_hash.hex(), hash_bytes.hex(), columns)


def _text(value: object) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else None
