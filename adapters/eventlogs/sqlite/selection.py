"""An ``EventQuery`` as SQL: which index walks the log in order of position, and what is then sifted row by row.

Each chunk is one statement of its own after the last position read, so no read outlives a chunk and holds up the
write-ahead log. Where several kinds or targets are asked for, one arm walks each in its index and SQLite merges them.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.eventlogs.sqlite.rows import to_stored_id
from bridge.domain.events import Track
from bridge.ports import EventQuery

_MOST_TARGETS = 60  # beyond, one walk over all rows costs less than merging; SQLite merges at most 500 arms
_TRACKS = (None, *(track.value for track in Track))
_BY_TARGET = ("INDEXED BY events_by_track", "target_id = ? AND track IS ?")
_BY_INTENT = (
    ("INDEXED BY sqlite_autoindex_events_1", "id = ? AND intent_id = id"),  # its own event
    ("INDEXED BY events_by_intent", "intent_id = ? AND intent_id <> id"),  # what was concluded about it
)
_COLUMNS = {
    "records": "position, body, previous_hash, hash",
    "events": "position, body, previous_hash, hash, track, effective_at",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """A statement that reads the next rows ``after`` a position, at most ``count``."""

    sql: str
    parameters: tuple[object, ...]  # of every arm, after the two positions
    arms: tuple[tuple[object, ...], ...]  # what tells the arms apart, after those

    def bind(self, after: int, up_to: int, count: int) -> list[object]:
        """The parameters for one chunk."""
        bound: list[object] = []
        for values in self.arms:
            bound += (after, up_to, *self.parameters, *values)
        return [*bound, count]


@dataclass(frozen=True, slots=True)
class _Arm:
    """One walk in order of position: the index, the condition that it finds, and the values of that."""

    walk: str = "NOT INDEXED"
    condition: str = ""
    values: tuple[object, ...] = ()


def select(query: EventQuery, target_ids: tuple[int, ...] | None, shape: str) -> Selection:
    """Choose the walk. ``target_ids``: those that the query's names stand for, None where it gives none.

    ``shape`` is "records" or "events": which columns are read.
    """
    kinds = tuple(sorted(kind.value for kind in query.kinds))
    filters: list[tuple[str, tuple[object, ...]]] = []
    if query.model is not None:
        filters.append(("model = ?", (query.model.value,)))
    arms = [_Arm()]
    by_target = target_ids is not None and query.intent_id is None and len(target_ids) <= _MOST_TARGETS
    if query.intent_id is not None:
        arms = [_Arm(walk, condition, (to_stored_id(query.intent_id),)) for walk, condition in _BY_INTENT]
    elif by_target and target_ids is not None:
        arms = [_Arm(*_BY_TARGET, (number, track)) for number in target_ids for track in _TRACKS]
    elif kinds:
        arms = [_Arm("INDEXED BY events_by_kind", "kind = ?", (kind,)) for kind in kinds]
    if target_ids is not None and not by_target:
        filters.append((f"+target_id IN ({_marks(target_ids)})", target_ids))
    if kinds and arms[0].condition != "kind = ?":
        filters.append((f"+kind IN ({_marks(kinds)})", kinds))
    filtered = " AND ".join(("position > ?", "position <= ?", *(sql for sql, _ in filters)))
    return Selection(
        sql=" UNION ALL ".join(_arm_sql(arm, filtered, shape) for arm in arms) + " ORDER BY position LIMIT ?",
        parameters=tuple(value for _, bound in filters for value in bound),
        arms=tuple(arm.values for arm in arms),
    )


def _arm_sql(arm: _Arm, filtered: str, shape: str) -> str:
    found = f" AND {arm.condition}" if arm.condition else ""
    return f"SELECT {_COLUMNS[shape]} FROM events {arm.walk} WHERE {filtered}{found}"  # noqa: S608 - our own words


def _marks(values: tuple[object, ...]) -> str:
    return ",".join("?" * len(values))
