"""The cursor of a Git source, of one branch or of several: all that a restart needs besides the mirror and the log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where reading of one branch stands. Hashes are hexadecimal.

    ``backfill_until``: landings up to this one belong to the first contact. ``unverified``: the history was read again, so
    the next pass compares the end with what the log says. ``occasion``: how often the line was replaced; what is said again
    then has an id of its own, and as a landing that comes back is known by its id, the log is compared after it. ``last_good``:
    for each file that can't be read, the blob that could (None: none). ``held``: for each file, the pointers of the places that
    became opaque, with the blob in which each could be read. ``conflicts``: the places that disagree, with when each
    was last changed: (path, pointer, nth, order).
    """

    tip: str
    branch: str
    rules: str
    history: str
    backfill_until: str | None = None
    unverified: bool = False
    occasion: int = 0
    last_good: Mapping[str, str | None] = field(default_factory=dict)
    held: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    conflicts: Sequence[tuple[str, str, int, int]] = ()

    def to_text(self) -> str:
        """One JSON object with sorted keys: equal cursors are equal texts."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class BranchCursors:
    """Where reading of several branches stands, by name.

    ``pattern``: as configured. ``occasion``: how often something was said that hangs on no landing, such as the end of a branch.
    ``unverified``: all branches were read again, so a later pass compares their end with what the log says.
    """

    pattern: str
    branches: Mapping[str, Cursor] = field(default_factory=dict)
    occasion: int = 0
    unverified: bool = False

    @property
    def newest_occasion(self) -> int:
        """The highest there was, of the source or a branch."""
        return max([self.occasion, *(cursor.occasion for cursor in self.branches.values())])

    def moved(self, branch: str, text: str) -> BranchCursors:
        """The same with another cursor of one branch."""
        cursor = parse_cursor(text)
        assert cursor is not None, "it was written here"
        return replace(self, branches={**self.branches, branch: cursor})

    def to_text(self) -> str:
        """One JSON object, as of ``Cursor``."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


def parse_cursor(text: str | None) -> Cursor | None:
    """Read a cursor; None where there is none, or one that this version doesn't understand: the history is read again then."""
    try:
        return _read_cursor(json.loads(text or "null"))
    except (ValueError, TypeError):
        return None


def parse_branch_cursors(text: str | None) -> BranchCursors | None:
    """The same for several branches."""
    try:
        raw = json.loads(text or "null")
        if not isinstance(raw, dict) or not isinstance(raw["branches"], dict):
            return None
        read = {str(branch): _read_cursor(cursor) for branch, cursor in raw["branches"].items()}
        known = {branch: cursor for branch, cursor in read.items() if cursor is not None}
        return BranchCursors(**{**raw, "branches": known}) if len(known) == len(read) else None
    except (ValueError, TypeError, KeyError):
        return None


def is_settled(text: str | None) -> bool:
    """Whether a pass that finds nothing new has nothing to make up for either."""
    cursor, several = parse_cursor(text), parse_branch_cursors(text)
    if several is not None:
        return not (several.unverified or any(one.unverified for one in several.branches.values()))
    return cursor is None or not cursor.unverified


def _read_cursor(raw: object) -> Cursor | None:
    if not isinstance(raw, dict):
        return None
    conflicts = tuple((str(p), str(q), int(n), int(order)) for p, q, n, order in raw.get("conflicts", ()))
    cursor = Cursor(**{**raw, "conflicts": conflicts})
    bytes.fromhex(cursor.tip + (cursor.backfill_until or ""))
    return cursor
