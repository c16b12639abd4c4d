"""The cursor of a Git source: all that a restart needs besides the mirror and the log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where reading stands. Hashes are hexadecimal.

    ``backfill_until``: landings up to this one belong to the first contact. ``unverified``: the history was read again, so
    the next pass compares the end with what the log says. ``last_good``: for each file that can't be read, the blob that
    could (None: none). ``conflicts``: the places that disagree, with when each was last changed: (path, pointer, nth, order).
    """

    tip: str
    branch: str
    rules: str
    history: str
    backfill_until: str | None = None
    unverified: bool = False
    last_good: Mapping[str, str | None] = field(default_factory=dict)
    conflicts: Sequence[tuple[str, str, int, int]] = ()

    def to_text(self) -> str:
        """One JSON object with sorted keys: equal cursors are equal texts."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


def parse_cursor(text: str | None) -> Cursor | None:
    """Read a cursor; None where there is none, or one that this version doesn't understand: the history is read again then."""
    try:
        raw = json.loads(text or "null")
        if not isinstance(raw, dict):
            return None
        raw["conflicts"] = tuple((str(p), str(q), int(n), int(order)) for p, q, n, order in raw.get("conflicts", ()))
        cursor = Cursor(**raw)
        bytes.fromhex(cursor.tip + (cursor.backfill_until or ""))
    except (ValueError, TypeError):
        return None
    return cursor
