-- Each index costs every append a page written in another place, so nothing is found in two ways: an intent's own event by
-- its id, and all events of a target by the few values of track (and null).
DROP INDEX events_by_target;
DROP INDEX events_by_intent;
DROP INDEX events_by_track;
CREATE INDEX events_by_intent ON events (intent_id) WHERE intent_id <> id;
CREATE INDEX events_by_track ON events (target_id, track) WHERE target_id IS NOT NULL;
