"""Answers from the log: pages of events, state at a time, the story of an intent, the comparison, commit noise, exports.

Every answer is a read; none of them keeps the event loop for long: rows come in chunks, and between chunks the loop runs on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from bridge.api.intent_story import tell_intent
from bridge.domain.comparison import COMPARED_KINDS, Comparison
from bridge.domain.events import Track
from bridge.domain.names import Target
from bridge.domain.noise_report import DEFINITIONS as NOISE_DEFINITIONS
from bridge.domain.noise_report import NoiseReport
from bridge.domain.policies import Policies
from bridge.domain.side_notes import Publications
from bridge.domain.state_view import TRACK_OF_MODEL, TrackEvent, view_target
from bridge.domain.times import format_time
from bridge.errors import Refused
from bridge.formats import csv_v1
from bridge.formats.state_v1 import encode_target, encode_time
from bridge.ports import DeclaredPlace, EventQuery, EventReader, TrackState

__all__ = [
    "EXPORT_FORMATS",
    "answer_compare",
    "answer_noise",
    "answer_state",
    "export_lines",
    "list_events",
    "tell_intent",
]

_SLICE = 250  # rows or targets handled before the loop may run on; a few milliseconds of work

_Item = TypeVar("_Item")


async def list_events(reader: EventReader, query: EventQuery, limit: int) -> tuple[list[bytes], int | None]:
    """One page of event_v1 records, and the position to go on after; None: the page was not full."""
    lines: list[bytes] = []
    last = None
    async for chunk in reader.records(query, limit=limit):
        for position, line in chunk:
            lines.append(line)
            last = position
    return lines, last if len(lines) >= limit else None


async def answer_state(
    reader: EventReader,
    *,
    at: datetime,
    known_at: datetime,
    service: str | None,
    environment: str | None,
    policies: Policies,
    disputes: Mapping[Target, Sequence[DeclaredPlace]] | None = None,
) -> dict[str, object]:
    """What each target ran and was meant to run at ``at``, as far as it was known at ``known_at``.

    ``disputes``: the targets whose declaring places disagree now; None where that is not known.
    """
    states = await reader.states(at=at, known_at=known_at, service=service, environment=environment)
    tracks = _by_target(states)
    targets = sorted(tracks, key=lambda target: (target.environment, target.service))
    encoded: list[dict[str, object]] = []
    for some in _slices(targets):
        for target in some:
            disputed = None if disputes is None else disputes.get(target, ())
            encoded.append(encode_target(view_target(target, tracks[target], policies), disputed))
        await asyncio.sleep(0)
    return {"at": format_time(at), "known_at": format_time(known_at), "targets": encoded}


async def answer_compare(
    reader: EventReader,
    *,
    since: datetime | None,
    until: datetime | None,
    service: str | None,
    environment: str | None,
    policies: Policies,
    now: datetime,
) -> dict[str, object]:
    """The side-by-side report over the intents received from ``since`` (inclusive) to ``until`` (exclusive).

    Raises:
        Refused: the range is empty.
    """
    _refuse_empty_range(since, until, names=("since", "until"))
    comparison = Comparison(policies, since=since, until=until, now=now)
    states = await reader.states(at=now, known_at=now, service=service, environment=environment)
    for target, tracks in _by_target(states).items():
        declared_by = [model for model, track in TRACK_OF_MODEL.items() if track in tracks]
        comparison.know_target(target, declared_by=declared_by, observed=Track.RUNNING in tracks)
    # To the end of the log, not to `until`: what became of the last intents of the range lies after it.
    query = EventQuery(since=since, service=service, environment=environment, kinds=COMPARED_KINDS)
    async for chunk in reader.events(query):
        for some in _slices(chunk):
            for recorded in some:
                comparison.add(recorded.event)
            await asyncio.sleep(0)
    comparison.know_commits(await reader.commit_tallies())
    # The report walks every intent of the range; in a thread the interpreter shares its time with the loop.
    publications = Publications(await reader.publications(comparison.ran()))
    report = await asyncio.to_thread(comparison.report, publications)
    return {
        "range": {
            "definition": "range/1",
            "since": encode_time(since),
            "until": encode_time(until),
            "reported_at": format_time(now),
        },
        "filters": {"service": service, "environment": environment},
        **report,
    }


async def answer_noise(
    reader: EventReader, *, since: datetime | None, until: datetime | None, source: str | None, now: datetime
) -> dict[str, object]:
    """Which share of the commits is noise, for every source (or one) and over all, in the weeks from ``since`` to ``until``.

    Raises:
        Refused: the range is empty.
    """
    _refuse_empty_range(since, until, names=("from", "to"))
    tallies = await reader.commit_tallies(source=source)
    # Years of weeks times authors are many rows; in a thread the interpreter shares its time with the loop.
    report = await asyncio.to_thread(lambda: NoiseReport(tallies, since=since, until=until).in_full())
    return {
        "range": {
            "definition": "weeks/1",
            "from": encode_time(since),
            "to": encode_time(until),
            "reported_at": format_time(now),
        },
        "filters": {"source": source},
        **report,
        "definitions": dict(NOISE_DEFINITIONS),
    }


def export_lines(reader: EventReader, query: EventQuery, format: str) -> AsyncIterator[bytes]:  # noqa: A002 - the word of the API and the CLI
    """The records as whole lines, chunk by chunk; memory stays flat, and the order is the log's.

    Raises:
        Refused: there is no such format; raised at once, before the first chunk is asked for.
    """
    if format not in EXPORT_FORMATS:
        msg = f"{format!r} is not an export format: expected one of {', '.join(EXPORT_FORMATS)}"
        raise Refused(msg, field="format")
    return _export(reader, query, EXPORT_FORMATS[format])


def _encode_jsonl(lines: Sequence[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n"


# The head and the rows of each format.
EXPORT_FORMATS: Mapping[str, tuple[bytes, Callable[[Sequence[bytes]], bytes]]] = {
    "jsonl": (b"", _encode_jsonl),
    "csv": (csv_v1.HEADER, csv_v1.encode_rows),
}


async def _export(
    reader: EventReader, query: EventQuery, parts: tuple[bytes, Callable[[Sequence[bytes]], bytes]]
) -> AsyncIterator[bytes]:
    head, encode = parts
    if head:
        yield head
    async for chunk in reader.records(query):
        for some in _slices(chunk):
            yield encode([line for _, line in some])
            await asyncio.sleep(0)


def _refuse_empty_range(since: datetime | None, until: datetime | None, *, names: tuple[str, str]) -> None:
    if since is not None and until is not None and until <= since:
        msg = f"the range is empty: `{names[1]}` {format_time(until)} is not after `{names[0]}` {format_time(since)}"
        raise Refused(msg, field=names[1])


def _by_target(states: Sequence[TrackState]) -> dict[Target, dict[Track, TrackEvent]]:
    tracks: dict[Target, dict[Track, TrackEvent]] = {}
    for state in states:
        tracks.setdefault(state.target, {})[state.track] = track_event(state)
    return tracks


def track_event(state: TrackState) -> TrackEvent:
    """What the domain needs of one answer of ``EventReader.states``."""
    return TrackEvent(state.recorded.position, state.effective_at, state.recorded.event)


def _slices(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[start : start + _SLICE] for start in range(0, len(items), _SLICE))
