"""Hand-built events for tests of reads: minutes from one fixed noon, version tags, and a log that holds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.domain.events import Event, EventKind, Track, derive_id
from bridge.domain.names import ImageRef, Model, SourceRef, Target
from bridge.domain.times import format_time
from bridge.formats.event_v1 import GENESIS, chain_hash, encode_body, encode_record
from bridge.ports import Append
from tests.support.memory_log import MemoryLog

SHOP = Target("shop", "production")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REPOSITORY = "ghcr.io/acme/shop"

_SOURCES = {Model.GITOPS: SourceRef("git", "infra"), Model.API: SourceRef("api", "ci")}
_TRACKS = {Model.GITOPS: Track.GITOPS, Model.API: Track.API}


def at(minute: float) -> datetime:
    """That many minutes after noon."""
    return NOON + timedelta(minutes=minute)


def shop(tag: str | None, digest: str | None = None) -> ImageRef:
    """The shop's image."""
    return ImageRef(REPOSITORY, tag, digest)


def intent(
    name: str,
    tag: str,
    *,
    minute: float,
    model: Model = Model.GITOPS,
    target: Target = SHOP,
    declared: float | None = None,
    backfilled: bool = False,
) -> Event:
    """``intent.declared`` whose id is ``name``."""
    return Event(
        id=name,
        kind=EventKind.INTENT_DECLARED,
        received_at=at(minute),
        target=target,
        model=model,
        artifacts=(shop(tag),),
        declared_at=at(minute if declared is None else declared),
        intent_id=name,
        backfilled=backfilled,
        source=_SOURCES[model],
        track=_TRACKS[model],
        effective_at=at(minute if declared is None else declared),
    )


def withdrawn(*, minute: float, model: Model = Model.GITOPS, target: Target = SHOP, source: str | None = None) -> Event:
    """``intent.withdrawn`` by the model's usual source, or by another one."""
    known = _SOURCES[model]
    return Event(
        id=derive_id("withdrawn", str(minute), model, str(target)),
        kind=EventKind.INTENT_WITHDRAWN,
        received_at=at(minute),
        target=target,
        model=model,
        declared_at=at(minute),
        source=known if source is None else replace(known, name=source),
        track=_TRACKS[model],
        effective_at=at(minute),
    )


def observed(
    tag: str, *, minute: float, phase: str = "live", target: Target = SHOP, source_time: float | None = None
) -> Event:
    """``observation.reported``."""
    running = phase in {"live", "gone"}
    return Event(
        id=derive_id("observed", tag, str(minute), phase, str(target)),
        kind=EventKind.OBSERVATION_REPORTED,
        received_at=at(minute),
        target=target,
        artifacts=(shop(tag),),
        source_time=at(minute if source_time is None else source_time),
        source=SourceRef("http", "argocd"),
        details={"phase": phase},
        track=Track.RUNNING if running else Track.ROLLOUT,
        effective_at=at(minute if source_time is None else source_time),
    )


def concluded(kind: EventKind, about: Event, *, minute: float, live: float | None = None, **details: Any) -> Event:
    """A conclusion about an intent; with ``live`` its live time, and for a success the lead time that follows."""
    if kind is EventKind.DEPLOYMENT_SUCCEEDED:
        assert about.declared_at is not None
        lead = None if live is None else (at(live) - about.declared_at).total_seconds()
        details = {"lead_seconds": lead, "matched_by": "digest", "confidence": "high", **details}
    return Event(
        id=derive_id(kind, about.id, str(minute)),
        kind=kind,
        received_at=at(minute),
        target=about.target,
        model=about.model,
        artifacts=about.artifacts,
        declared_at=about.declared_at,
        source_time=None if live is None else at(live),
        intent_id=about.id,
        causes=(about.id,),
        details=details,
    )


def succeeded(about: Event, *, minute: float, **details: Any) -> Event:
    """``deployment.succeeded``, live at the minute it was learned of."""
    return concluded(EventKind.DEPLOYMENT_SUCCEEDED, about, minute=minute, live=minute, **details)


def noted(kind: EventKind, *, minute: float, target: Target = SHOP, **details: Any) -> Event:
    """A conclusion about a target, not about an intent; drift moves its track."""
    drift = kind in {EventKind.DRIFT_OPENED, EventKind.DRIFT_CLOSED}
    return Event(
        id=derive_id(kind, str(minute), str(target)),
        kind=kind,
        received_at=at(minute),
        target=target,
        details=details,
        track=Track.DRIFT if drift else None,
        effective_at=at(minute) if drift else None,
    )


def drift(*, opened: float, since: float, until: float | None = None, target: Target = SHOP) -> list[Event]:
    """An episode opened at a minute; closed where it has an end."""
    events = [noted(EventKind.DRIFT_OPENED, minute=opened, target=target, since=format_time(at(since)))]
    if until is not None:
        closing = {"since": format_time(at(since)), "until": format_time(at(until)), "reason": "returned"}
        events.append(noted(EventKind.DRIFT_CLOSED, minute=max(opened, until), target=target, **closing))
    return events


def agreed(gitops: Event, api: Event, *, minute: float, within_window: bool = True) -> Event:
    """``models.agreed`` about a pair, with what their declared times imply."""
    assert gitops.declared_at is not None
    assert api.declared_at is not None
    assert gitops.target is not None
    ahead = (gitops.declared_at - api.declared_at).total_seconds()
    event = noted(
        EventKind.MODELS_AGREED,
        minute=minute,
        target=gitops.target,
        first="api" if ahead > 0 else "gitops",
        ahead_by=abs(ahead),
        gitops_intent=gitops.id,
        api_intent=api.id,
        within_window=within_window,
    )
    return replace(event, artifacts=gitops.artifacts)


def baseline(tag: str, *, minute: float, satisfies: Event | None = None, target: Target = SHOP) -> Event:
    """``target.baseline``, perhaps of what an intent stands for."""
    return Event(
        id=derive_id("baseline", str(target)),
        kind=EventKind.TARGET_BASELINE,
        received_at=at(minute),
        target=target,
        artifacts=(shop(tag),),
        source_time=at(minute),
        intent_id=satisfies.id if satisfies is not None else None,
        details={"satisfies": satisfies.id} if satisfies is not None else {},
    )


async def log_of(events: Iterable[Event], *, chunk: int = 3) -> MemoryLog:
    """A log that holds the events in the order given; chunks are small so that their seams are crossed."""
    log = MemoryLog(chunk=chunk)
    for event in events:
        await log.append(Append([event], event.received_at))
    return log


def lines_of(events: Iterable[Event]) -> list[bytes]:
    """The records of a log that holds the events in the order given."""
    lines = []
    previous = GENESIS
    for position, event in enumerate(events, start=1):
        body = encode_body(event, position=position, recorded_at=event.received_at)
        digest = chain_hash(previous, body)
        lines.append(encode_record(body, previous, digest))
        previous = digest
    return lines
