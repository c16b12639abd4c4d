-- When registries took artifacts; see bridge.domain.side_notes. '' stands for a part that is not known.
CREATE TABLE publications (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    published_at INTEGER NOT NULL, -- microseconds since 1970, UTC: the earliest that was told
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    PRIMARY KEY (repository, tag, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX publications_by_digest ON publications (digest);

CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    started_at INTEGER NOT NULL, -- microseconds since 1970, UTC: the earliest that was told
    ended_at INTEGER, -- null: it goes on
    service TEXT, -- null, like environment: of no target that is known
    environment TEXT,
    severity TEXT,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_by_start ON incidents (started_at);
