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
_FIGURES = {"commits": 4091, "share": 1.0, "landings": 4091, "lines": 22520}
_BUMPS = {"commits": 2014, "share": 0.4923, "landings": 2014, "lines": 4028}
_NONE = {"commits": 0, "share": 0.0, "landings": 0, "lines": 0}
_REST = {"commits": 2077, "share": 0.5077, "landings": 2077, "lines": 18492}
_NOISE: dict[str, object] = {
    "definition": "noise/1",
    "first_week": "2020-06-08",
    "last_week": "2026-08-17",
    **_FIGURES,
    "classes": {
        "bump_by_bot": _BUMPS,
        "bump_by_human": _NONE,
        "merge_of_bumps": _NONE,
        "mixed": _NONE,
        "other": _REST,
    },
    "noise": _BUMPS,
    "without_noise": {"definition": "noise_free/1", **_REST},
    "writers": {
        "definition": "writers/1",
        "n": 1,
        "machines": 1,
        "only_bumps": 0,
        "unnamed": 0,
        "authors": 1,
        "names": [{"author": "image-bot", "machine": True, "landings": 4091, "commits": 4091, "noise": 2014}],
        "not_listed": 0,
    },
    "weeks": [
        {
            "week": "2020-06-08",
            "bump_by_bot": 3,
            "bump_by_human": 0,
            "merge_of_bumps": 0,
            "mixed": 0,
            "other": 5,
        }
    ],
}
NOISE: dict[str, object] = {
    "range": {"definition": "weeks/1", "from": None, "to": None, "reported_at": "2026-08-21T17:00:00.000000Z"},
    "filters": {"source": None},
    "overall": _NOISE,
    "sources": [{"source": "infra", **_NOISE}],
    "definitions": {"noise/1": "..."},
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
DESIRED = {
    "schema": "desired/1",
    "targets": [
        {
            "service": "shop",
            "environment": "production",
            "intent_id": _ID,
            "artifacts": [_IMAGE],
            "declared_at": "2026-08-21T16:40:39.000000Z",
            "actor": "ada",
        }
    ],
}
PLUGIN_BODY = {"applicationSetName": "shop", "input": {"parameters": {"environment": "production"}}}
_PARAMETERS = {
    "id": "shop",
    "service": "shop",
    "environment": "production",
    "intent": _ID,
    "declared_at": "2026-08-21T16:40:39.000000Z",
    "image": "ghcr.io/acme/shop:v42",
    "repository": "ghcr.io/acme/shop",
    "tag": "v42",
    "digest": "",
    "images": ["ghcr.io/acme/shop:v42"],
    "artifacts": [
        {"image": "ghcr.io/acme/shop:v42", "repository": "ghcr.io/acme/shop", "tag": "v42", "digest": ""},
    ],
}
PLUGIN_OUTPUT = {"output": {"parameters": [_PARAMETERS]}}
FLUX_INPUTS = {"inputs": [_PARAMETERS]}
