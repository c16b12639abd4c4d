"""The indexes of the events, which a first import does without: made in one go at its end, they cost a fifth.

The events themselves, their chain and the uniqueness of their ids need none of them. Readers that meet the log meanwhile walk
over it instead, see ``without_hints``.
"""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from importlib import resources

_MADE_BY = re.compile(r"CREATE INDEX IF NOT EXISTS (\w+) [^;]*;")
_HINT = re.compile(r"INDEXED BY events_by_\w+")
MISSING = "no such index"  # what SQLite says of a hint to an index that is not there


def make_indexes(connection: sqlite3.Connection) -> None:
    """Make those that are missing: after a first import, or where it was broken off."""
    for statement in _statements().values():
        connection.execute(statement)


def drop_indexes(connection: sqlite3.Connection) -> None:
    """Drop them all, for as long as many events come at once into an empty log."""
    for name in _statements():
        connection.execute(f"DROP INDEX IF EXISTS {name}")


def without_hints(sql: str) -> str:
    """The statement as it also works without the indexes, by walking over the events."""
    return _HINT.sub("NOT INDEXED", sql)


@cache
def _statements() -> dict[str, str]:
    script = (resources.files("adapters.eventlogs.sqlite") / "indexes.sql").read_text(encoding="utf-8")
    return {match[1]: match[0] for match in _MADE_BY.finditer(script)}
