"""The line of landings: first-parent commits from a tip back, and whose commit brought a change in."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import pygit2
from pygit2.enums import SortMode

from adapters.sources.git.objects import ObjectMissing, Objects
from adapters.sources.git.walking import AnyCommit

_LONGEST_SEARCH = 1000  # commits of a merged branch that are searched for the one that wrote a line


@dataclass(frozen=True, slots=True)
class Line:
    """Landings, oldest first, as raw ids; ``base`` is the known landing that they follow, None at a root."""

    landings: Sequence[bytes]
    base: bytes | None


def read_line(
    repository: pygit2.Repository, tip: bytes, known: Container[bytes] = (), *, tolerant: bool = False
) -> Line:
    """The first-parent line from ``tip`` back to a known landing or a root.

    ``tolerant``: a parent that is missing ends the line as a root does.

    Raises:
        KeyError, pygit2.GitError: a commit is missing or damaged.
    """
    if tolerant:
        return _read_line_by_hand(Objects(repository), tip, known)
    walker = repository.walk(pygit2.Oid(raw=tip), SortMode.NONE)
    walker.simplify_first_parent()
    landings: list[bytes] = []
    for commit in walker:
        oid = commit.id.raw
        if oid in known:
            return Line(landings[::-1], oid)
        landings.append(oid)
    return Line(landings[::-1], None)


def commits_beyond(repository: pygit2.Repository, tip: bytes, known: Iterable[bytes]) -> frozenset[bytes] | None:
    """Every commit that ``tip`` has and none of ``known`` has; None where the repository lacks a part of that."""
    walker = repository.walk(pygit2.Oid(raw=tip), SortMode.NONE)
    try:
        for each in known:
            if pygit2.Oid(raw=each) in repository:
                walker.hide(pygit2.Oid(raw=each))
        return frozenset(commit.id.raw for commit in walker)
    except (KeyError, pygit2.GitError):
        return None


def has_landings(repository: pygit2.Repository, tip: bytes, count: int) -> bool:
    """Whether the first-parent line is at least so long; no more of it is walked."""
    walker = repository.walk(pygit2.Oid(raw=tip), SortMode.NONE)
    walker.simplify_first_parent()
    return sum(1 for _ in islice(walker, count)) == count


def _read_line_by_hand(objects: Objects, tip: bytes, known: Container[bytes]) -> Line:
    landings: list[bytes] = []
    oid: bytes | None = tip
    while oid is not None and oid not in known:
        try:
            parents = objects.commit(oid).parents
        except ObjectMissing:
            if not landings:
                raise
            return Line(landings[::-1], None)
        landings.append(oid)
        oid = parents[0] if parents else None
    return Line(landings[::-1], oid)


def first_since(objects: Objects, landings: Sequence[bytes], since: datetime) -> int:
    """The index of the first landing at or after a moment; times may run backwards, so every one before it is earlier."""
    for index, oid in enumerate(landings):
        if objects.commit(oid).committed_at >= since:
            return index
    return len(landings)


class Authors:
    """Who wrote what a landing brought: for a merge, the author of the newest merged commit that touched the path."""

    def __init__(self, repository: pygit2.Repository, objects: Objects) -> None:
        self._repository = repository
        self._objects = objects

    def author_of(self, landing: AnyCommit, path: str, merged: Sequence[AnyCommit] = ()) -> str | None:
        """The author's name; the merge's own where no merged commit touched the path (its conflict was resolved there).

        ``merged``: commits that came in with the landing and are at hand.
        """
        if len(landing.parents) < 2:  # noqa: PLR2004 - not a merge
            return landing.author
        try:
            writer = self._tip_of_branch(landing, path, merged) or self._search(landing, path)
        except (ObjectMissing, KeyError):
            return landing.author
        return (writer or landing).author

    def _tip_of_branch(self, landing: AnyCommit, path: str, merged: Sequence[AnyCommit]) -> AnyCommit | None:
        """Most bumps are merged from a branch whose last commit wrote them; no walk is needed to see that."""
        if len(landing.parents) > 2:  # noqa: PLR2004 - an octopus has several tips
            return None
        at_hand = merged[-1] if merged else None
        tip = at_hand if at_hand and at_hand.oid == landing.parents[1] else self._objects.commit(landing.parents[1])
        if len(tip.parents) > 1:
            return None
        if tip.tree == landing.tree and tip.parents == landing.parents[:1]:
            return tip
        return tip if self._touched(tip, path) else None

    def _search(self, landing: AnyCommit, path: str) -> AnyCommit | None:
        walker = self._repository.walk(None, SortMode.TOPOLOGICAL | SortMode.TIME)
        for parent in landing.parents[1:]:
            walker.push(pygit2.Oid(raw=parent))
        walker.hide(pygit2.Oid(raw=landing.parents[0]))
        for count, found in enumerate(walker):
            if count >= _LONGEST_SEARCH:
                return None
            commit = self._objects.commit(found.id.raw)
            if self._touched(commit, path):
                return commit
        return None

    def _touched(self, commit: AnyCommit, path: str) -> bool:
        entry = self._objects.entry_at(commit.tree, path)
        if not commit.parents:
            return entry is not None
        return all(
            self._objects.entry_at(self._objects.commit(parent).tree, path) != entry for parent in commit.parents
        )
