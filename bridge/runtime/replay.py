"""Proves the log's conclusions: its facts, fed to a new core at the moments they were received, give them again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bridge.domain.events import FACT_KINDS, Event
from bridge.domain.fleet import Fleet
from bridge.formats.event_v1 import encode_body
from bridge.formats.event_v1_facts import to_fact
from bridge.ports import EventQuery, EventReader, RecordedEvent


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """``first_difference`` names the position and what is there instead of what; None: there is none."""

    ok: bool
    events: int
    conclusions: int
    first_difference: str | None


async def check(reader: EventReader, on_progress: Callable[[int, int | None], None]) -> ReplayResult:
    """Replay the whole log and compare, event by event, to the byte. Memory stays flat."""
    fleet, due = Fleet(), deque[Event]()
    events = conclusions = 0
    total = await reader.last_position()
    async for chunk in reader.events(EventQuery()):
        for recorded in chunk:
            if not due:
                due.extend(_next(fleet, recorded.event))
            difference = _compare(recorded, due.popleft() if due else None)
            if difference is not None:
                return ReplayResult(ok=False, events=events, conclusions=conclusions, first_difference=difference)
            events += 1
            conclusions += recorded.event.kind not in FACT_KINDS
        on_progress(events, total)
    if due:
        missing = f"after the last position: {due[0].kind} of {due[0].target} is missing"
        return ReplayResult(ok=False, events=events, conclusions=conclusions, first_difference=missing)
    return ReplayResult(ok=True, events=events, conclusions=conclusions, first_difference=None)


def _next(fleet: Fleet, event: Event) -> list[Event]:
    """What follows in the log: the passed deadlines up to a conclusion, or a fact and what it led to."""
    if event.kind not in FACT_KINDS:
        return fleet.tick(event.received_at)
    return fleet.receive(to_fact(event), at=event.received_at).events


def _compare(recorded: RecordedEvent, replayed: Event | None) -> str | None:
    said = f"position {recorded.position}: the log says {recorded.event.kind} of {recorded.event.target}"
    if replayed is None:
        return f"{said}, the replay concludes nothing"
    stored = encode_body(recorded.event, position=recorded.position, recorded_at=recorded.recorded_at)
    again = encode_body(replayed, position=recorded.position, recorded_at=recorded.recorded_at)
    if stored == again:
        return None
    if (replayed.kind, replayed.target) != (recorded.event.kind, recorded.event.target):
        return f"{said}, the replay says {replayed.kind} of {replayed.target}"
    return f"{said}, and so does the replay, but with other contents: {again.decode()}"
