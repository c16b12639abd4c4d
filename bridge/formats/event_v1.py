"""The exported record ``event/1``: an event and what the log gave it, as one line of canonical JSON, and back.

The canonical body is the record without ``hash`` and ``previous_hash``: keys sorted, no white space, UTF-8, nulls
written. The exported line is the body with the two appended as its last keys, so whoever checks an export cuts them off
again and needs no JSON writer that agrees with ours on floats. The record is additive only: a reader passes over keys
that it does not know.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec

from bridge.domain.events import Event, EventKind, RecordedEvent, Track
from bridge.domain.names import ImageRef, Model, SourceRef, Target
from bridge.domain.times import format_time, parse_time

SCHEMA = "event/1"
GENESIS = "0" * 64  # the ``previous_hash`` of the first event

_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class DecodedBody(NamedTuple):
    """What a canonical body holds."""

    position: int
    recorded_at: datetime
    event: Event


class _Body(msgspec.Struct, frozen=True, gc=False):
    schema: Literal["event/1"]
    position: Annotated[int, msgspec.Meta(ge=1)]
    id: str
    kind: EventKind
    model: Model | None
    service: str | None
    environment: str | None
    artifacts: tuple[ImageRef, ...]
    previous_artifacts: tuple[ImageRef, ...]
    declared_at: str | None
    source_time: str | None
    received_at: str
    recorded_at: str
    intent_id: str | None
    causes: tuple[str, ...]
    actor: str | None
    backfilled: bool
    source: SourceRef | None
    details: dict[str, object]


class _Record(_Body, frozen=True, gc=False):
    previous_hash: _Hash
    hash: _Hash


_encode = msgspec.json.Encoder(order="sorted").encode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_record = msgspec.json.Decoder(_Record).decode


def encode_body(event: Event, *, position: int, recorded_at: datetime) -> bytes:
    """Write the canonical body: what the hash covers.

    Raises:
        ValueError: the event holds what JSON can't: a time without a zone, a lone surrogate, a value of another type.
    """
    target = event.target
    try:
        return _encode(
            {
                "actor": event.actor,
                "artifacts": event.artifacts,
                "backfilled": event.backfilled,
                "causes": event.causes,
                "declared_at": None if event.declared_at is None else format_time(event.declared_at),
                "details": event.details,
                "environment": None if target is None else target.environment,
                "id": event.id,
                "intent_id": event.intent_id,
                "kind": event.kind,
                "model": event.model,
                "position": position,
                "previous_artifacts": event.previous_artifacts,
                "received_at": format_time(event.received_at),
                "recorded_at": format_time(recorded_at),
                "schema": SCHEMA,
                "service": None if target is None else target.service,
                "source": event.source,
                "source_time": None if event.source_time is None else format_time(event.source_time),
            }
        )
    except (TypeError, UnicodeEncodeError, RecursionError) as error:
        msg = f"event {event.id!r} can't be written as {SCHEMA}: {error}"
        raise ValueError(msg) from error


def chain_hash(previous_hash: str, body: bytes) -> str:
    """The hash of one event: SHA-256, in hex, over the previous hash (hex), a newline and the canonical body."""
    return hashlib.sha256(b"%b\n%b" % (previous_hash.encode("ascii"), body)).hexdigest()


def encode_record(body: bytes, previous_hash: str, hash: str) -> bytes:  # noqa: A002 - the record's own word
    """The exported line, without newline: the body with its place in the chain appended."""
    return b'%b,"previous_hash":"%b","hash":"%b"}' % (body[:-1], previous_hash.encode("ascii"), hash.encode("ascii"))


def decode_record(line: bytes) -> RecordedEvent:
    """Read one exported line. Whether its hash is true is another question: see event_v1_chain.

    Raises:
        ValueError: it is no such record; the text names the part at fault.
    """
    try:
        record = _decode_record(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = f"not an {SCHEMA} record: {error}"
        raise ValueError(msg) from error
    content = _content(record, None, None)
    return RecordedEvent(content.position, content.recorded_at, content.event, record.previous_hash, record.hash)


def decode_body(body: bytes, *, track: Track | None = None, effective_at: datetime | None = None) -> DecodedBody:
    """Read a canonical body; ``track`` and ``effective_at``, which are no part of it, are put into the event as given.

    Raises:
        ValueError: it is no such body; the text names the part at fault.
    """
    try:
        return _content(_decode_body(body), track, effective_at)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = f"not an {SCHEMA} body: {error}"
        raise ValueError(msg) from error


def _content(body: _Body, track: Track | None, effective_at: datetime | None) -> DecodedBody:
    event = Event(
        id=body.id,
        kind=body.kind,
        received_at=_time("received_at", body.received_at),
        target=_target(body.service, body.environment),
        model=body.model,
        artifacts=body.artifacts,
        previous_artifacts=body.previous_artifacts,
        declared_at=None if body.declared_at is None else _time("declared_at", body.declared_at),
        source_time=None if body.source_time is None else _time("source_time", body.source_time),
        intent_id=body.intent_id,
        causes=body.causes,
        actor=body.actor,
        backfilled=body.backfilled,
        source=body.source,
        details=body.details,
        track=track,
        effective_at=effective_at,
    )
    return DecodedBody(body.position, _time("recorded_at", body.recorded_at), event)


def _target(service: str | None, environment: str | None) -> Target | None:
    if service is not None and environment is not None:
        return Target(service, environment)
    if service is None and environment is None:
        return None
    msg = "service and environment: expected both or neither"
    raise ValueError(msg)


def _time(field: str, text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError as error:
        msg = f"{field}: {error}"
        raise ValueError(msg) from None
