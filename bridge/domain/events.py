"""Events: what is appended to the log, facts and conclusions alike, and their deterministic ids."""

from __future__ import annotations

import hashlib
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from bridge.domain.facts import Details
from bridge.domain.names import ImageRef, Model, SourceRef, Target
from bridge.domain.values import value


class EventKind(StrEnum):
    """The closed set of kinds. The README documents each in one line; a test keeps the two equal."""

    INTENT_DECLARED = "intent.declared"
    INTENT_WITHDRAWN = "intent.withdrawn"
    OBSERVATION_REPORTED = "observation.reported"
    SOURCE_LOST = "source.lost"
    SOURCE_RETURNED = "source.returned"
    SOURCE_REWRITTEN = "source.rewritten"
    CONFIG_CHANGED = "config.changed"

    DEPLOYMENT_STARTED = "deployment.started"
    DEPLOYMENT_SUCCEEDED = "deployment.succeeded"
    DEPLOYMENT_FAILED = "deployment.failed"
    DEPLOYMENT_LATE = "deployment.late"
    DEPLOYMENT_MISSED = "deployment.missed"
    DEPLOYMENT_SUPERSEDED = "deployment.superseded"
    DEPLOYMENT_ROLLED_BACK = "deployment.rolled_back"
    DEPLOYMENT_OUT_OF_BAND = "deployment.out_of_band"
    DEPLOYMENT_REMOVED = "deployment.removed"
    DRIFT_OPENED = "drift.opened"
    DRIFT_CLOSED = "drift.closed"
    TARGET_BASELINE = "target.baseline"
    MODELS_DIVERGED = "models.diverged"
    MODELS_AGREED = "models.agreed"


FACT_KINDS = frozenset(
    {
        EventKind.INTENT_DECLARED,
        EventKind.INTENT_WITHDRAWN,
        EventKind.OBSERVATION_REPORTED,
        EventKind.SOURCE_LOST,
        EventKind.SOURCE_RETURNED,
        EventKind.SOURCE_REWRITTEN,
        EventKind.CONFIG_CHANGED,
    }
)
CONCLUSION_KINDS = frozenset(EventKind) - FACT_KINDS


class Track(StrEnum):
    """A sequence of states of one target that is asked for by time (``GET /state``)."""

    GITOPS = "gitops"  # what Git declares
    API = "api"  # what the pipelines declare
    RUNNING = "running"  # what is live, or gone
    ROLLOUT = "rollout"  # a rollout begun, under way or failed
    DRIFT = "drift"  # an episode opened or closed


@value(kw_only=True)
class Event:
    """One row of the log before the log gives it its position, ``recorded_at`` and hashes.

    ``track`` and ``effective_at`` index the event for questions about a time; they follow from the log by replay and are no
    part of the exported record. ``effective_at`` is the claimed time of the change, made monotone in each track of a target by
    position (a claim can't put a state before its predecessor's start, nor after we learned of it), so that position alone orders.
    """

    id: str
    kind: EventKind
    received_at: datetime
    target: Target | None = None
    model: Model | None = None
    artifacts: tuple[ImageRef, ...] = ()
    previous_artifacts: tuple[ImageRef, ...] = ()
    declared_at: datetime | None = None
    source_time: datetime | None = None
    intent_id: str | None = None
    causes: tuple[str, ...] = ()
    actor: str | None = None
    backfilled: bool = False
    source: SourceRef | None = None
    details: Details = field(default_factory=dict)
    track: Track | None = None
    effective_at: datetime | None = None


@value()
class RecordedEvent:
    """An event with what the log gave it. ``hash`` covers the canonical record and ``previous_hash`` (see formats/event_v1)."""

    position: int
    recorded_at: datetime
    event: Event
    previous_hash: str
    hash: str


def derive_id(*parts: str) -> str:
    """A deterministic id: 32 hex digits of the SHA-256 over the parts, which are kept apart by a zero byte."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
