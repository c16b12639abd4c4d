"""The JSON of ``GET /intents/{id}``: the intent, the state it is in, and the events that say so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bridge.domain.legs import Claim, Moment, measure, total
from bridge.domain.story import Story
from bridge.formats.state_v1 import encode_artifacts, encode_source, encode_time


def encode_story(
    story: Story, position: int, events: Sequence[object], published_at: datetime | None
) -> dict[str, object]:
    """``position`` is the intent's own; ``events`` are event_v1 records, in order; ``published_at`` is of its artifacts."""
    intent = story.intent
    ending = story.ending.details if story.ending is not None else {}
    return {
        "id": intent.id,
        "state": story.state,
        "final": story.final,
        "explanation": story.explanation,
        "service": intent.target.service if intent.target is not None else None,
        "environment": intent.target.environment if intent.target is not None else None,
        "model": intent.model,
        "artifacts": encode_artifacts(intent.artifacts),
        "previous_artifacts": encode_artifacts(intent.previous_artifacts),
        "declared_at": encode_time(intent.declared_at),
        "received_at": encode_time(intent.received_at),
        "position": position,
        "actor": intent.actor,
        "source": encode_source(intent.source),
        "backfilled": intent.backfilled,
        "shadow": story.shadow,
        "paired_with": story.paired_with,
        "superseded_by": story.superseded_by,
        "lead_seconds": story.lead_seconds,
        "matched_by": ending.get("matched_by"),
        "confidence": ending.get("confidence"),
        "linked_by": ending.get("linked_by"),
        "published_at": encode_time(published_at),
        "legs": {
            "declared_at": encode_time(story.legs.declared_at),
            "started_at": encode_time(story.legs.started_at),
            "live_at": encode_time(story.legs.live_at),
            **_encode_legs(story),
        },
        "details": dict(intent.details),
        "events": list(events),
    }


def _encode_legs(story: Story) -> dict[str, object]:
    """Each end with who said so, null where nobody did; then the lengths, and why one has none."""
    legs = measure(story.claims)
    return {
        **{moment.value: _encode_claim(story.claims.get(moment)) for moment in Moment},
        "seconds": {name: leg.seconds for name, leg in legs.items()},
        "reasons": {name: leg.reason for name, leg in legs.items() if leg.reason is not None},
        "total_seconds": total(legs.values()),
    }


def _encode_claim(claim: Claim | None) -> dict[str, object] | None:
    if claim is None:
        return None
    source = None if claim.source is None else {"kind": claim.source.kind, "name": claim.source.name}
    return {"at": encode_time(claim.at), "source": source, "said_by": claim.said_by}
