"""An event log in memory: both sides of the port, for tests of the rooms above. It passes the same contract suite as SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from bridge.domain.events import Event, RecordedEvent, Track
from bridge.domain.names import ImageRef, Target
from bridge.domain.noise import CommitCount, Tally, TallyKey
from bridge.domain.side_notes import Incident, Note, Publication, PublicationKey, merge_incident
from bridge.errors import InvariantBroken
from bridge.formats.event_v1 import GENESIS, chain_hash, encode_body, encode_record
from bridge.formats.event_v1_chain import ChainProof, ChainWalk, IndexedColumns, StoredRow
from bridge.ports import Append, EventQuery, IncidentQuery, Restored, Snapshot, TrackState


class MemoryLog:
    """Implements ``EventLog`` and ``EventReader``; ``log`` and ``reader`` are itself, as an opened adapter has them."""

    def __init__(self, *, chunk: int = 100) -> None:
        self._chunk = chunk
        self._rows: list[tuple[RecordedEvent, bytes]] = []
        self._ids: dict[str, int] = {}
        self._cursors: dict[str, str] = {}
        self._snapshot: Snapshot | None = None
        self._snapshot_position = 0
        self._tallies: dict[str, dict[TallyKey, Tally]] = {}
        self._publications: dict[PublicationKey, datetime] = {}
        self._incidents: dict[str, Incident] = {}

    @property
    def log(self) -> MemoryLog:
        return self

    @property
    def reader(self) -> MemoryLog:
        return self

    async def restore(self) -> Restored:
        received_at = self._rows[-1][0].event.received_at if self._rows else None
        return Restored(len(self._rows), dict(self._cursors), self._snapshot, self._snapshot_position, received_at)

    async def known(self, ids: Sequence[str]) -> frozenset[str]:
        return frozenset(ids) & self._ids.keys()

    async def append(self, batch: Append) -> int:
        rows = self._chained(batch)
        self._rows += rows
        self._ids |= {recorded.event.id: recorded.position for recorded, _ in rows}
        self._cursors |= batch.cursors
        for source, counted in batch.commits.items():
            self._count(source, counted)
        for note in batch.notes:
            self._note(note)
        if batch.snapshot is not None:
            self._keep(batch.snapshot)
        return len(self._rows)

    async def last_position(self) -> int:
        return len(self._rows)

    async def records(
        self, query: EventQuery, *, limit: int | None = None
    ) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
        for rows in self._chunks(query, limit):
            yield [(row.position, encode_record(body, row.previous_hash, row.hash)) for row, body in rows]

    async def events(self, query: EventQuery, *, limit: int | None = None) -> AsyncIterator[Sequence[RecordedEvent]]:
        for rows in self._chunks(query, limit):
            yield [row for row, _ in rows]

    async def event(self, event_id: str) -> RecordedEvent | None:
        position = self._ids.get(event_id)
        return None if position is None else self._rows[position - 1][0]

    async def states(
        self, *, at: datetime, known_at: datetime, service: str | None = None, environment: str | None = None
    ) -> Sequence[TrackState]:
        newest: dict[tuple[Target, Track], TrackState] = {}
        for row, _ in self._rows:
            event = row.event
            if event.target is None or event.track is None or event.effective_at is None:
                continue
            if service not in (None, event.target.service) or environment not in (None, event.target.environment):
                continue
            if event.effective_at <= at and event.received_at <= known_at:
                key = (event.target, event.track)
                if key not in newest or newest[key].effective_at <= event.effective_at:
                    newest[key] = TrackState(*key, event.effective_at, row)
        return [newest[key] for key in sorted(newest)]

    async def commit_tallies(self, *, source: str | None = None) -> Sequence[tuple[str, TallyKey, Tally]]:
        found = [(name, key, tally) for name, tallies in self._tallies.items() for key, tally in tallies.items()]
        return sorted(
            ((name, key, tally) for name, key, tally in found if source in {None, name}),
            key=lambda row: (row[0], row[1]),
        )

    async def publications(self, artifacts: Sequence[ImageRef]) -> Sequence[tuple[PublicationKey, datetime]]:
        asked = {PublicationKey.of(each) for each in artifacts}
        return sorted(
            (key, at)
            for key, at in self._publications.items()
            if any(key.digest == one.digest if one.digest else key[:2] == one[:2] for one in asked)
        )

    async def incidents(self, query: IncidentQuery) -> Sequence[Incident]:
        found = [
            each
            for each in self._incidents.values()
            if (query.until is None or each.started_at < query.until)
            and (query.since is None or each.ended_at is None or each.ended_at > query.since)
            and (query.service is None or (each.target is not None and each.target.service == query.service))
            and (
                query.environment is None or (each.target is not None and each.target.environment == query.environment)
            )
        ]
        return sorted(sorted(found, key=lambda each: each.id), key=lambda each: each.started_at, reverse=True)[
            : query.limit
        ]

    async def verify(self, on_progress: Callable[[int, int], None] | None = None) -> ChainProof:
        walk = ChainWalk()
        for row, body in self._rows:
            walk.step(StoredRow(row.position, body, row.previous_hash, row.hash, IndexedColumns.of(row.event)))
        if on_progress is not None:
            on_progress(walk.proof.count, len(self._rows))
        return walk.proof

    def _chained(self, batch: Append) -> list[tuple[RecordedEvent, bytes]]:
        rows: list[tuple[RecordedEvent, bytes]] = []
        previous, latest = GENESIS, None
        if self._rows:
            previous, latest = self._rows[-1][0].hash, self._rows[-1][0].event.received_at
        fresh: set[str] = set()
        for position, event in enumerate(batch.events, len(self._rows) + 1):
            if event.id in self._ids or event.id in fresh:
                raise InvariantBroken(f"event {event.id} is in the log already")
            if latest is not None and event.received_at < latest:
                raise InvariantBroken(f"event {event.id} was received before the one in front of it")
            latest = event.received_at
            fresh.add(event.id)
            body = encode_body(event, position=position, recorded_at=batch.recorded_at)
            hash_hex = chain_hash(previous, body)
            rows.append((RecordedEvent(position, batch.recorded_at, event, previous, hash_hex), body))
            previous = hash_hex
        return rows

    def _count(self, source: str, counted: CommitCount) -> None:
        tallies = {} if counted.afresh else self._tallies.get(source, {})
        for key, added in counted.tallies.items():
            was = tallies.get(key, Tally())
            tallies[key] = Tally(was.commits + added.commits, was.landings + added.landings, was.lines + added.lines)
        self._tallies[source] = tallies

    def _note(self, note: Note) -> None:
        if isinstance(note, Publication):
            key = PublicationKey.of(note.artifact)
            self._publications[key] = min(note.published_at, self._publications.get(key, note.published_at))
        else:
            self._incidents[note.id] = merge_incident(self._incidents.get(note.id), note)

    def _keep(self, snapshot: Snapshot) -> None:
        same_rules = self._snapshot is not None and self._snapshot.rules == snapshot.rules
        kept = dict(self._snapshot.parts) if self._snapshot is not None and same_rules else {}
        self._snapshot = replace(snapshot, parts=kept | dict(snapshot.parts), position=None)
        self._snapshot_position = len(self._rows) if snapshot.position is None else snapshot.position

    def _chunks(self, query: EventQuery, limit: int | None) -> list[list[tuple[RecordedEvent, bytes]]]:
        rows = [row for row in self._rows if _is_asked_for(query, row[0].position, row[0].event)][:limit]
        return [rows[start : start + self._chunk] for start in range(0, len(rows), self._chunk)]


def _is_asked_for(query: EventQuery, position: int, event: Event) -> bool:
    service, environment = (event.target.service, event.target.environment) if event.target else (None, None)
    return (
        query.after < position
        and (query.up_to is None or position <= query.up_to)
        and (query.since is None or query.since <= event.received_at)
        and (query.until is None or event.received_at < query.until)
        and query.service in (None, service)
        and query.environment in (None, environment)
        and (not query.kinds or event.kind in query.kinds)
        and query.model in (None, event.model)
        and query.intent_id in (None, event.intent_id)
    )
