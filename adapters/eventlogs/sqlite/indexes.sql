-- Each index ends in the rowid, which is the position, and costs every append a page written in another place. So nothing is
-- found in two ways: an intent's own event by its id, all events of a target by the few values of track (and null), and a time
-- of reception by bisection, for it never falls from one position to the next.
CREATE INDEX IF NOT EXISTS events_by_kind ON events (kind);
CREATE INDEX IF NOT EXISTS events_by_intent ON events (intent_id) WHERE intent_id <> id;
-- Within a track position and effective_at grow together, so a question about two times is one seek in each of these.
CREATE INDEX IF NOT EXISTS events_by_track ON events (target_id, track) WHERE target_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_by_effective_at ON events (target_id, track, effective_at) WHERE track IS NOT NULL;
