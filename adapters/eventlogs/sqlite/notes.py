"""Publications and incidents: notes to rows and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.eventlogs.sqlite import statements
from adapters.eventlogs.sqlite.rows import to_datetime, to_microseconds
from bridge.domain.names import ImageRef, SourceRef, Target
from bridge.domain.side_notes import Incident, Note, Publication, PublicationKey
from bridge.ports import IncidentQuery

_FOREVER = 2**62  # microseconds


def note_upsert(note: Note) -> tuple[str, tuple[str | int | None, ...]]:
    """The statement that takes a note in, and its parameters."""
    if isinstance(note, Publication):
        key = PublicationKey.of(note.artifact)
        at = to_microseconds(note.published_at)
        return statements.UPSERT_PUBLICATION, (*key, at, note.source.kind, note.source.name)
    ended_at = None if note.ended_at is None else to_microseconds(note.ended_at)
    target = (None, None) if note.target is None else (note.target.service, note.target.environment)
    return statements.UPSERT_INCIDENT, (
        note.id,
        note.title,
        to_microseconds(note.started_at),
        ended_at,
        *target,
        note.severity,
        note.source.kind,
        note.source.name,
    )


def publications(
    connection: sqlite3.Connection, artifacts: Sequence[ImageRef]
) -> list[tuple[PublicationKey, datetime]]:
    """What is known of these artifacts, each row once."""
    found: dict[PublicationKey, datetime] = {}
    if connection.execute(statements.ANY_PUBLICATION).fetchone() is None:
        return []
    for repository, tag, digest in {PublicationKey.of(each) for each in artifacts}:
        asked = {"repository": repository, "tag": tag, "digest": digest}
        for *parts, at in connection.execute(statements.PUBLICATIONS, asked):
            found[PublicationKey(*(part.decode() for part in parts))] = to_datetime(at)
    return sorted(found.items())


def incidents(connection: sqlite3.Connection, asked: IncidentQuery) -> list[Incident]:
    """Those of which a part lies in the range, newest first."""
    parameters = {
        "since": -_FOREVER if asked.since is None else to_microseconds(asked.since),
        "until": _FOREVER if asked.until is None else to_microseconds(asked.until),
        "service": asked.service,
        "environment": asked.environment,
        "limit": asked.limit,
    }
    return [_incident(row) for row in connection.execute(statements.INCIDENTS, parameters)]


def _incident(row: tuple[Any, ...]) -> Incident:
    texts: list[Any] = [each.decode() if isinstance(each, bytes) else each for each in row]
    incident_id, title, started_at, ended_at, service, environment, severity, kind, name = texts
    return Incident(
        id=incident_id,
        title=title,
        started_at=to_datetime(started_at),
        ended_at=None if ended_at is None else to_datetime(ended_at),
        target=None if service is None or environment is None else Target(service, environment),
        severity=severity,
        source=SourceRef(kind, name),
    )
