"""The JSON of ``GET /state``: one object a target, every key always there, times in RFC 3339, nulls written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bridge.domain.events import Event
from bridge.domain.names import ImageRef, Model, SourceRef
from bridge.domain.state_view import TargetView, TrackEvent, phase_of
from bridge.domain.times import format_time


def encode_target(view: TargetView, disputed: Sequence[tuple[str, str, str]] | None = None) -> dict[str, object]:
    """One target of the answer.

    ``disputed``: path, pointer and reference of the places that declare it, where those of one source disagree; none where they
    agree; None where that is not known: of the past, and without a running daemon.
    """
    return {
        "service": view.target.service,
        "environment": view.target.environment,
        "governed_by": view.governed_by,
        "observed": view.observed,
        "running": _running(view.running),
        "rollout": _rollout(view.rollout),
        "declared": {model.value: _declared(view.declared.get(model)) for model in Model},
        "in_sync": view.in_sync,
        "matched_by": view.matched_by,
        "models_agree": view.models_agree,
        "disputed": None
        if disputed is None
        else [{"path": path, "pointer": pointer, "artifact": artifact} for path, pointer, artifact in disputed],
        "drift": _drift(view.drift),
    }


def encode_artifacts(artifacts: tuple[ImageRef, ...]) -> list[dict[str, str | None]]:
    """Image references as the event record writes them."""
    return [{"repository": image.repository, "tag": image.tag, "digest": image.digest} for image in artifacts]


def encode_source(source: SourceRef | None) -> dict[str, str | None] | None:
    """A source as the event record writes it."""
    if source is None:
        return None
    return {"kind": source.kind, "name": source.name, "revision": source.revision, "path": source.path}


def encode_time(moment: datetime | None) -> str | None:
    """A time, or null where there is none."""
    return None if moment is None else format_time(moment)


def _running(running: TrackEvent | None) -> dict[str, object] | None:
    if running is None:
        return None
    event = running.event
    return {
        "artifacts": encode_artifacts(event.artifacts),
        "since": format_time(running.effective_at),
        "observed_at": format_time(event.received_at),
        "observer": event.source.name if event.source is not None else None,
        "confidence": event.details.get("confidence"),
        "event_id": event.id,
        "position": running.position,
    }


def _rollout(rollout: TrackEvent | None) -> dict[str, object] | None:
    if rollout is None:
        return None
    return {
        "artifacts": encode_artifacts(rollout.event.artifacts),
        "phase": phase_of(rollout.event),
        "since": format_time(rollout.effective_at),
        "event_id": rollout.event.id,
        "position": rollout.position,
    }


def _declared(declared: TrackEvent | None) -> dict[str, object] | None:
    if declared is None:
        return None
    event = declared.event
    return {
        "artifacts": encode_artifacts(event.artifacts),
        "declared_at": encode_time(event.declared_at),
        "received_at": format_time(event.received_at),
        "intent_id": event.intent_id,
        "actor": event.actor,
        "source": encode_source(event.source),
        "backfilled": event.backfilled,
    }


def _drift(drift: TrackEvent | None) -> dict[str, object] | None:
    if drift is None:
        return None
    return {"since": _drift_start(drift.event) or format_time(drift.effective_at)}


def _drift_start(event: Event) -> str | None:
    since = event.details.get("since")
    return since if isinstance(since, str) else None
