"""An ``EventQuery`` as SQL: which index walks the log in order of position, and what is then sifted row by row.

Each chunk is one statement of its own after the last position read, so no read outlives a chunk and holds up the
write-ahead log. Where several kinds or targets are asked for, one arm walks each in its index and SQLite merges them.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.ports import EventQuery

_MOST_ARMS = 60  # beyond, one walk over all rows costs less than merging
_COLUMNS = {
    "records": "position, body, previous_hash, hash",
    "events": "position, body, previous_hash, hash, track, effective_at",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """A statement that reads the next rows ``after`` a position, at most ``count``."""

    sql: str
    parameters: tuple[object, ...]  # of one arm, after the two positions
    arm_values: tuple[object, ...]  # what tells the arms apart; empty: a single walk

    def bind(self, after: int, up_to: int, count: int) -> list[object]:
        """The parameters for one chunk."""
        bound: list[object] = []
        for value in self.arm_values:
            bound += (after, up_to, *self.parameters, value)
        if not self.arm_values:
            bound += (after, up_to, *self.parameters)
        return [*bound, count]


def select(query: EventQuery, target_ids: tuple[int, ...] | None, shape: str) -> Selection:
    """Choose the walk. ``target_ids``: those that the query's names stand for, None where it gives none.

    ``shape`` is "records" or "events": which columns are read.
    """
    kinds = tuple(sorted(kind.value for kind in query.kinds))
    filters: list[tuple[str, tuple[object, ...]]] = []
    if query.model is not None:
        filters.append(("model = ?", (query.model.value,)))
    walk, column, values = "NOT INDEXED", "", ()  # type: tuple[str, str, tuple[object, ...]]
    if query.intent_id is not None:
        walk, column, values = "INDEXED BY events_by_intent", "intent_id", (query.intent_id,)
    elif target_ids is not None and len(target_ids) <= _MOST_ARMS:
        walk, column, values = "INDEXED BY events_by_target", "target_id", target_ids
    elif kinds:
        walk, column, values = "INDEXED BY events_by_kind", "kind", kinds
    if target_ids is not None and column != "target_id":
        filters.append((f"+target_id IN ({_marks(target_ids)})", target_ids))
    if kinds and column != "kind":
        filters.append((f"+kind IN ({_marks(kinds)})", kinds))
    conditions = ["position > ?", "position <= ?", *(sql for sql, _ in filters)]
    if column:
        conditions.append(f"{column} = ?")
    arm = f"SELECT {_COLUMNS[shape]} FROM events {walk} WHERE {' AND '.join(conditions)}"  # noqa: S608 - our own words
    return Selection(
        sql=" UNION ALL ".join([arm] * max(1, len(values))) + " ORDER BY position LIMIT ?",
        parameters=tuple(value for _, bound in filters for value in bound),
        arm_values=values,
    )


def _marks(values: tuple[object, ...]) -> str:
    return ",".join("?" * len(values))
