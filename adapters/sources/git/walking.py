"""Landings one after another, each with what it changed and which commits came in with it: by libgit2, or by ``git`` itself.

libgit2 for a few landings, the program for a long line of them; both give the same, see ``git_log``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple, TypeAlias

import pygit2
from pygit2.enums import SortMode

from adapters.sources.git import git_log
from adapters.sources.git.client import Mirror
from adapters.sources.git.diff_tree import DiffTree, open_diff_tree
from adapters.sources.git.git_log import LoggedCommit
from adapters.sources.git.objects import Changes, Commit, ObjectMissing
from adapters.sources.git.reading import FileRead, FileReader

AnyCommit: TypeAlias = Commit | LoggedCommit


class Landing(NamedTuple):
    """One landing. ``merged``: the commits that came in with it, parents before children."""

    commit: AnyCommit
    changes: Changes
    reads: Sequence[FileRead]  # of the tracked files
    merged: Sequence[AnyCommit] = ()


class Difference(NamedTuple):
    """What a commit changed against its first parent. ``lines``: added plus removed; binary files have none."""

    changes: Changes
    lines: int


_UNKNOWN = Difference(Changes((), others=True), 0)  # of a commit that the repository lacks a part of


class Walk:
    """Reads one mirror through one file reader. Close it when it is over."""

    def __init__(self, mirror: Mirror, reader: FileReader) -> None:
        self._mirror = mirror
        self._reader = reader
        self._open = ExitStack()
        self._diff_tree: DiffTree | None = None

    def close(self) -> None:
        """End the programs that were asked."""
        self._open.close()
        self._diff_tree = None

    def step_by_step(self, landings: Sequence[bytes], before: bytes | None) -> Iterator[Landing]:
        """These landings; ``before`` is the tree that the first one follows, None for an empty one."""
        objects = self._mirror.objects
        for oid in landings:
            commit = objects.commit(oid)
            changes = self._reader.changes(before, commit.tree)
            merged = self._merged_by(commit) if len(commit.parents) > 1 else ()
            yield Landing(commit, changes, self._reader.read_all(changes), merged)
            before = commit.tree

    def at_length(self, tip: bytes, after: bytes | None) -> Iterator[Landing]:
        """The landings that follow ``after``, up to ``tip``, by the program.

        Raises:
            ObjectMissing: the mirror is damaged.
        """
        directory = self._mirror.directory
        with closing(git_log.read_commits(directory, tip, after)) as commits:
            for commit, files in git_log.read_landings(directory, tip, after):
                changes = self._reader.tracked(files)
                yield Landing(commit, changes, self._reader.read_all(changes), _up_to(commit.oid, commits))

    def differences(self, oids: Sequence[bytes], *, at_length: bool) -> Iterable[Difference]:
        """What these commits changed; ``at_length``: there are many such questions."""
        if at_length:
            try:
                return self._asked(oids)
            except ObjectMissing:
                self.close()  # one of very many files is not in the repository; libgit2 is asked for each by itself
        return map(self._difference, oids)

    def _asked(self, oids: Sequence[bytes]) -> list[Difference]:
        if self._diff_tree is None:
            self._diff_tree = self._open.enter_context(open_diff_tree(self._mirror.directory))
        return [Difference(self._reader.tracked(files), lines) for files, lines in self._diff_tree.differences(oids)]

    def _difference(self, oid: bytes) -> Difference:
        objects = self._mirror.objects
        try:
            commit = objects.commit(oid)
            before = objects.commit(commit.parents[0]).tree if commit.parents else None
        except ObjectMissing:
            return _UNKNOWN
        return Difference(self._reader.changes(before, commit.tree), self._lines(before, commit.tree))

    def _lines(self, before: bytes | None, after: bytes) -> int:
        """Zero where the repository lacks a file's content, as for a binary file."""
        repository = self._mirror.repository
        try:
            tree = repository[pygit2.Oid(raw=after)].peel(pygit2.Tree)
            if before is None:
                stats = tree.diff_to_tree(swap=True).stats
            else:
                stats = repository[pygit2.Oid(raw=before)].peel(pygit2.Tree).diff_to_tree(tree).stats
        except (KeyError, pygit2.GitError):
            return 0
        return stats.insertions + stats.deletions

    def _merged_by(self, landing: Commit) -> list[AnyCommit]:
        """Nothing where the repository lacks one of them: a landing is read without what it merged."""
        walker = self._mirror.repository.walk(None, SortMode.TOPOLOGICAL | SortMode.REVERSE)
        try:
            for parent in landing.parents[1:]:
                walker.push(pygit2.Oid(raw=parent))
            walker.hide(pygit2.Oid(raw=landing.parents[0]))
            return [self._mirror.objects.commit(found.id.raw) for found in walker]
        except (KeyError, ValueError, pygit2.GitError, ObjectMissing):
            return []


def _up_to(landing: bytes, commits: Iterator[LoggedCommit]) -> list[AnyCommit]:
    """The commits that the log of all shows between the landing before and this one."""
    found: list[AnyCommit] = []
    for commit in commits:
        if commit.oid == landing:
            break
        found.append(commit)
    return found
