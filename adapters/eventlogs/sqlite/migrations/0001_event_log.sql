-- The log: one row an event. `body` is the canonical event/1 body; what stands beside it repeats parts of it to find it by,
-- except `track` and `effective_at` (questions about a time), which follow from the log by replay.
CREATE TABLE targets (
    id INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    UNIQUE (service, environment)
) STRICT;

CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    id ANY NOT NULL UNIQUE, -- 16 bytes where it is 32 hexadecimal digits, as derived ids are; else the text
    kind TEXT NOT NULL,
    model TEXT,
    target_id INTEGER REFERENCES targets (id),
    received_at INTEGER NOT NULL, -- microseconds since 1970, UTC; never less than in the row before
    intent_id ANY, -- like id
    track TEXT,
    effective_at INTEGER, -- microseconds since 1970, UTC; within a track of a target never less than in the row before
    previous_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- Each index ends in the rowid, which is the position, and costs every append a page written in another place. So nothing is
-- found in two ways: an intent's own event by its id, all events of a target by the few values of track (and null), and a time
-- of reception by bisection, for it never falls from one position to the next.
CREATE INDEX events_by_kind ON events (kind);
CREATE INDEX events_by_intent ON events (intent_id) WHERE intent_id <> id;
-- Within a track position and effective_at grow together, so a question about two times is one seek in each of these.
CREATE INDEX events_by_track ON events (target_id, track) WHERE target_id IS NOT NULL;
CREATE INDEX events_by_effective_at ON events (target_id, track, effective_at) WHERE track IS NOT NULL;

CREATE TRIGGER events_refuse_update BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only: an event is never changed');
END;
CREATE TRIGGER events_refuse_delete BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only: an event is never deleted');
END;
-- INSERT OR REPLACE fires no delete trigger; this refuses it, and any gap between positions.
CREATE TRIGGER events_only_at_the_end BEFORE INSERT ON events
WHEN NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM events) BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only: an event goes to the end of it');
END;
CREATE TRIGGER targets_refuse_update BEFORE UPDATE ON targets BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only: a target is never changed');
END;
CREATE TRIGGER targets_refuse_delete BEFORE DELETE ON targets BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only: a target is never deleted');
END;

CREATE TABLE cursors (
    source TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- How many commits of each class a source has read; see bridge.domain.noise. Made again from the source, where need be.
CREATE TABLE commit_tallies (
    source TEXT NOT NULL,
    week TEXT NOT NULL, -- its Monday
    class TEXT NOT NULL,
    author TEXT NOT NULL,
    commits INTEGER NOT NULL,
    landings INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    PRIMARY KEY (source, week, class, author)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshot (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    rules TEXT NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE snapshot_parts (
    part TEXT PRIMARY KEY,
    state TEXT NOT NULL
) STRICT;
