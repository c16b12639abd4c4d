"""Every SQL statement of the adapter but the migrations, in one place."""

from __future__ import annotations

from functools import cache

BEGIN = "BEGIN IMMEDIATE"
INSERT_TARGET = "INSERT INTO targets (id, service, environment) VALUES (?, ?, ?)"
_INSERT_EVENTS = """
INSERT INTO events (position, id, kind, model, target_id, received_at, intent_id, track, effective_at, previous_hash,
    hash, body) VALUES """
UPSERT_CURSOR = (
    "INSERT INTO cursors (source, value) VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET value = excluded.value"
)
DROP_TALLIES = "DELETE FROM commit_tallies WHERE source = ?"
UPSERT_TALLY = """
INSERT INTO commit_tallies (source, week, class, author, commits, landings, lines) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source, week, class, author) DO UPDATE SET commits = commits + excluded.commits,
    landings = landings + excluded.landings, lines = lines + excluded.lines
"""
TALLIES = """
SELECT source, week, class, author, commits, landings, lines FROM commit_tallies
WHERE :source IS NULL OR source = :source ORDER BY source, week, class, author
"""
UPSERT_PUBLICATION = """
INSERT INTO publications (repository, tag, digest, published_at, source_kind, source_name) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (repository, tag, digest) DO UPDATE SET published_at = min(published_at, excluded.published_at)
"""
ANY_PUBLICATION = "SELECT 1 FROM publications LIMIT 1"
PUBLICATIONS = """
SELECT repository, tag, digest, published_at FROM publications WHERE digest = :digest AND :digest <> ''
UNION SELECT repository, tag, digest, published_at FROM publications
WHERE :digest = '' AND repository = :repository AND tag = :tag AND :tag <> ''
"""
# The same as bridge.domain.side_notes.merge_incident.
UPSERT_INCIDENT = """
INSERT INTO incidents (id, title, started_at, ended_at, service, environment, severity, source_kind, source_name)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET started_at = min(started_at, excluded.started_at),
    ended_at = min(coalesce(ended_at, excluded.ended_at), coalesce(excluded.ended_at, ended_at)),
    service = coalesce(service, excluded.service), environment = coalesce(environment, excluded.environment),
    severity = coalesce(severity, excluded.severity)
"""
INCIDENTS = """
SELECT id, title, started_at, ended_at, service, environment, severity, source_kind, source_name FROM incidents
WHERE started_at < :until AND (ended_at IS NULL OR ended_at > :since)
    AND (:service IS NULL OR service = :service) AND (:environment IS NULL OR environment = :environment)
ORDER BY started_at DESC, id LIMIT :limit
"""
UPSERT_SNAPSHOT = """
INSERT INTO snapshot (one, rules, position) VALUES (1, ?, ?)
ON CONFLICT (one) DO UPDATE SET rules = excluded.rules, position = excluded.position
"""
UPSERT_PART = (
    "INSERT INTO snapshot_parts (part, state) VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET state = excluded.state"
)
DROP_PARTS = "DELETE FROM snapshot_parts"

TAIL = "SELECT position, received_at, previous_hash, hash, body FROM events ORDER BY position DESC LIMIT 1"
TAIL_POSITION = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1"
TARGETS = "SELECT id, service, environment FROM targets"
CURSORS = "SELECT source, value FROM cursors"
SNAPSHOT = "SELECT rules, position FROM snapshot"
PARTS = "SELECT part, state FROM snapshot_parts"
KNOWN = "SELECT id FROM events WHERE id IN ({marks})"

LAST_POSITION = "SELECT coalesce(max(position), 0) FROM events"
RECEIVED_AT = "SELECT received_at FROM events WHERE position = ?"
EVENT_BY_ID = "SELECT position, body, previous_hash, hash, track, effective_at FROM events WHERE id = ?"
# For each target and track the newest event that is both early enough and known by then: within a track the two orders
# are the same, so it is the earlier of the two that one seek in each index finds.
STATES = """
WITH found AS (
    SELECT targets.id AS target_id, tracks.value AS track, min(
        (SELECT position FROM events INDEXED BY events_by_effective_at
         WHERE target_id = targets.id AND track = tracks.value AND effective_at <= :at
         ORDER BY effective_at DESC, position DESC LIMIT 1),
        (SELECT position FROM events INDEXED BY events_by_track
         WHERE target_id = targets.id AND track = tracks.value AND position <= :known
         ORDER BY position DESC LIMIT 1)
    ) AS position
    FROM targets CROSS JOIN json_each(:tracks) AS tracks
    WHERE (:service IS NULL OR targets.service = :service)
        AND (:environment IS NULL OR targets.environment = :environment)
)
SELECT events.position, body, previous_hash, hash, events.track, effective_at
FROM found CROSS JOIN events ON events.position = found.position
"""
VERIFY = """
SELECT position, body, previous_hash, hash, iif(typeof(events.id) = 'blob', lower(hex(events.id)), events.id), kind, model,
    service, environment, received_at, iif(typeof(intent_id) = 'blob', lower(hex(intent_id)), intent_id)
FROM events LEFT JOIN targets ON targets.id = target_id WHERE position > ? ORDER BY position LIMIT ?
"""
TARGET_IDS = """
SELECT id FROM targets WHERE (:service IS NULL OR service = :service)
    AND (:environment IS NULL OR environment = :environment) ORDER BY id
"""


@cache
def insert_events(rows: int) -> str:
    """The statement that inserts so many rows."""
    return _INSERT_EVENTS + ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * rows)
