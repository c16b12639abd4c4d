"""What the description of the API shows as examples; a test sends the bodies and compares the answers' keys."""

from __future__ import annotations

_IMAGE = {"repository": "ghcr.io/acme/shop", "tag": "v42", "digest": None}
_ID = "0d6c1f6f1c8a4a3f9c4f0a5f3f2b7e11"

INTENT_BODY = {
    "service": "shop",
    "environment": "production",
    "artifacts": ["ghcr.io/acme/shop:v42"],
    "commits": [
        {
            "repository": "https://git.example.org/acme/shop.git",
            "sha": "b939f1d93084ff7b010b01ad29102d61534b26a6",
            "committed_at": "2026-08-21T16:31:07Z",
        }
    ],
    "reason": "release",
    "requested_by": "ada",
    "pipeline": {"name": "release", "run_id": "8817", "url": "https://ci.example.org/runs/8817"},
    "labels": {"team": "checkout"},
}
INTENT_ANSWER = {
    "id": _ID,
    "state": "declared",
    "final": False,
    "service": "shop",
    "environment": "production",
    "model": "api",
    "artifacts": [_IMAGE],
    "declared_at": "2026-08-21T16:40:39.000000Z",
    "received_at": "2026-08-21T16:40:39.000112Z",
    "position": 1234,
    "actor": "ada",
}
INTENT_STORY = {"id": _ID, "state": "succeeded", "final": True, "lead_seconds": 71.2, "events": []}
OBSERVATION_BODY = {
    "service": "shop",
    "environment": "production",
    "artifacts": [{"repository": "ghcr.io/acme/shop", "tag": "v42"}],
    "phase": "live",
    "source_time": "2026-08-21T16:41:50Z",
    "observer": "cd-eu",
}
OBSERVATION_ANSWER = {"id": "5f0c", "position": 1240, "appended": True}
OBSERVATION_REPEATED = {"id": "5f0c", "position": None, "appended": False}
DELIVERY_TAKEN = {"event": "push", "woken": ["infra"], "recorded": 0, "noted": 0}
PING_TAKEN: dict[str, object] = {"event": "ping", "woken": [], "recorded": 0, "noted": 0}
EVENTS_PAGE: dict[str, object] = {"events": [], "next": None, "last_position": 1240}
STATE: dict[str, object] = {
    "at": "2026-08-21T17:00:00.000000Z",
    "known_at": "2026-08-21T17:00:00.000000Z",
    "targets": [],
}
INCIDENTS = {
    "incidents": [
        {
            "id": _ID,
            "title": "Too many errors in shop",
            "severity": "page",
            "service": "shop",
            "environment": "production",
            "started_at": "2026-08-21T16:52:00.000000Z",
            "ended_at": None,
            "source": {"kind": "alertmanager", "name": "hook:alerts"},
        }
    ]
}
