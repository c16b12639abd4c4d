"""Events to rows of the table and back. Times are kept as microseconds since 1970, hashes as 32 bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bridge.domain.events import Event, RecordedEvent, Track
from bridge.domain.names import Target
from bridge.errors import InvariantBroken
from bridge.formats.event_v1 import GENESIS, chain_hash, decode_body, encode_body

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DERIVED_ID = 32  # hexadecimal digits; see bridge.domain.events.derive_id

StoredId = bytes | str
EventRow = tuple[
    int, StoredId, str, str | None, int | None, int, StoredId | None, str | None, int | None, bytes, bytes, str
]
StoredEvent = tuple[int, bytes, bytes, bytes, bytes | None, int | None]  # position, body, hashes, track, effective_at


class Tail(NamedTuple):
    """The end of the log: what the next event goes on from."""

    position: int = 0
    received_at: int | None = None
    hash: str = GENESIS


def to_microseconds(moment: datetime) -> int:
    """Exact, unlike ``timestamp()``, which is a float."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def to_datetime(microseconds: int) -> datetime:
    """The UTC time that ``to_microseconds`` was given."""
    return _EPOCH + timedelta(microseconds=microseconds)


def to_stored_id(event_id: str) -> StoredId:
    """An id as the table holds it: derived ids, which all are but a few, as half as many bytes."""
    if len(event_id) == _DERIVED_ID:
        try:
            stored = bytes.fromhex(event_id)
        except ValueError:
            return event_id
        if stored.hex() == event_id:
            return stored
    return event_id


def chain_events(
    events: Iterable[Event], recorded_at: datetime, tail: Tail, target_ids: Mapping[Target, int]
) -> tuple[list[EventRow], Tail]:
    """Give the events their positions and hashes; the rows to insert, and the end of the log after them.

    Raises:
        InvariantBroken: an event can't be written, or was received before the one in front of it.
    """
    rows: list[EventRow] = []
    position, latest, previous = tail
    previous_bytes = bytes.fromhex(previous)
    for event in events:
        position += 1
        received_at = to_microseconds(event.received_at)
        if latest is not None and received_at < latest:
            msg = (
                f"event {event.id} was received at {event.received_at}, before the event in front of it "
                f"({to_datetime(latest)}): the times of reception must not go back"
            )
            raise InvariantBroken(msg)
        latest = received_at
        try:
            body = encode_body(event, position=position, recorded_at=recorded_at)
        except ValueError as error:
            raise InvariantBroken(str(error)) from error
        previous = chain_hash(previous, body)
        hash_bytes = bytes.fromhex(previous)
        stored_id, about = to_stored_id(event.id), event.intent_id
        rows.append(
            (
                position,
                stored_id,
                event.kind,
                event.model,
                None if event.target is None else target_ids[event.target],
                received_at,
                stored_id if about == event.id else None if about is None else to_stored_id(about),
                event.track,
                None if event.effective_at is None else to_microseconds(event.effective_at),
                previous_bytes,
                hash_bytes,
                body.decode(),
            )
        )
        previous_bytes = hash_bytes
    return rows, Tail(position, latest, previous)


def to_recorded(row: StoredEvent) -> RecordedEvent:
    """Decode one row of the log.

    Raises:
        InvariantBroken: its body can't be read.
    """
    position, body, previous_hash, hash_bytes, track, effective_at = row
    try:
        content = decode_body(
            body,
            track=None if track is None else Track(track.decode()),
            effective_at=None if effective_at is None else to_datetime(effective_at),
        )
    except ValueError as error:
        msg = f"the event at position {position} can't be read: {error}; run `deploybridge verify`"
        raise InvariantBroken(msg) from error
    return RecordedEvent(position, content.recorded_at, content.event, previous_hash.hex(), hash_bytes.hex())
