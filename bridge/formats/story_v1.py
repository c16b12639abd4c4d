"""The JSON of ``GET /intents/{id}``: the intent, the state it is in, and the events that say so."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.domain.story import Story
from bridge.formats.state_v1 import encode_artifacts, encode_source, encode_time


def encode_story(story: Story, position: int, events: Sequence[object]) -> dict[str, object]:
    """``position`` is the intent's own; ``events`` are event_v1 records, in order."""
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
        "legs": {
            "declared_at": encode_time(story.legs.declared_at),
            "started_at": encode_time(story.legs.started_at),
            "live_at": encode_time(story.legs.live_at),
        },
        "details": dict(intent.details),
        "events": list(events),
    }
