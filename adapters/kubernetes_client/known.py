"""The objects that are known, and what a list or an event changes in them: told twice, or after what followed it, is no change."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

Kept = TypeVar("Kept")


class Verb(StrEnum):
    """What happened to an object."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change(Generic[Kept]):
    """One object as it is now (as it was last, when deleted), and as it was known before."""

    verb: Verb
    kept: Kept
    before: Kept | None


class Described(NamedTuple, Generic[Kept]):
    """What a reader makes of one object's JSON: where it is, which one, in which version; and what is worth keeping."""

    key: tuple[str, str]  # namespace, name
    uid: str
    version: str
    kept: Kept


class _Entry(NamedTuple, Generic[Kept]):
    uid: str
    version: str
    kept: Kept


@dataclass(slots=True)
class KnownObjects(Generic[Kept]):
    """The newest known state of each."""

    _known: dict[tuple[str, str], _Entry[Kept]] = field(default_factory=dict, init=False)

    def is_older(self, described: Described[Kept]) -> bool:
        """Whether it was known in a later state already: an event is told again, after what followed it."""
        known = self._known.get(described.key)
        return known is not None and known.uid == described.uid and is_older_version(described.version, known.version)

    def take_listed(self, described: Described[Kept]) -> list[Change[Kept]]:
        """An object of a list; none where it is known in this version."""
        known = self._known.get(described.key)
        if known is not None and known.version == described.version:
            return []
        return self.take_in(Verb.MODIFIED if known else Verb.ADDED, described)

    def forget_others(self, seen: set[tuple[str, str]]) -> list[Change[Kept]]:
        """What a whole list did not hold was deleted."""
        gone = [self._known.pop(key).kept for key in self._known.keys() - seen]
        return [Change(Verb.DELETED, kept, kept) for kept in gone]

    def take_in(self, verb: Verb, described: Described[Kept]) -> list[Change[Kept]]:
        """Note what is known now; an object of the same name that replaced another is a deletion and an addition."""
        known = self._known.get(described.key)
        if verb is Verb.DELETED:
            if known is None or known.uid != described.uid:
                return []  # a duplicate, or one whose successor is known already
            del self._known[described.key]
            return [Change(Verb.DELETED, described.kept, known.kept)]
        self._known[described.key] = _Entry(described.uid, described.version, described.kept)
        if known is not None and known.uid != described.uid:
            return [Change(Verb.DELETED, known.kept, known.kept), Change(Verb.ADDED, described.kept, None)]
        if known is not None and known.version == described.version:
            return []  # told twice
        return [Change(Verb.ADDED if known is None else Verb.MODIFIED, described.kept, known.kept if known else None)]


def is_older_version(one: str, other: str) -> bool:
    """Versions of one object compare as numbers, where they are numbers (they are, with etcd)."""
    return one.isdecimal() and other.isdecimal() and int(one) < int(other)
