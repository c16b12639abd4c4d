"""Counts the commits of a branch by what they are; see ``bridge.domain.noise`` for the classes."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from adapters.sources.git.bumps import Bump
from adapters.sources.git.objects import Changes
from adapters.sources.git.reading import FileRead, FileReader
from adapters.sources.git.walking import AnyCommit, Difference, Landing
from bridge.domain.noise import CommitClass, CommitCount, Tally, TallyKey, is_machine, week_of

_ONE_LINE = Bump(has_versions=True, lines=1)
_WAITING = 512  # commits that wait for their differences to be asked for together


class Content(NamedTuple):
    """What a commit holds: bumps, anything else; ``lines`` of the bumps, added plus removed."""

    bumps: bool
    rest: bool
    lines: int


Differences: TypeAlias = Callable[[Sequence[bytes]], Iterable[Difference]]


class CommitCounter:
    """Feed it landings and the commits that they merged; take what was counted with each batch."""

    def __init__(
        self,
        reader: FileReader,
        differences: Differences,
        machines: Sequence[str],
        *,
        afresh: bool,
        only: Container[bytes] | None = None,
    ) -> None:
        """``differences`` are asked for where more must be known of a commit than is at hand.

        ``only``: the commits that were not counted yet; None: none of them was.
        """
        self._reader = reader
        self._differences = differences
        self._afresh = afresh
        self._only = only
        self._tallies: dict[TallyKey, Tally] = {}
        self._waiting: list[tuple[AnyCommit, bool]] = []
        self._is_machine = lru_cache(maxsize=4096)(
            lambda author: is_machine(author) or any(fnmatchcase(author, pattern) for pattern in machines)
        )

    def count(self, landing: Landing) -> None:
        """Count a landing and the commits that came in with it."""
        commit = landing.commit
        content = self._content(landing.changes, landing.reads)
        if self._is_known(commit):
            pass
        elif content.rest and len(commit.parents) < 2:  # noqa: PLR2004 - no merge: its lines are to be counted
            self._wait(commit, landed=True)
        else:
            self._tally(commit, content, content.lines, landed=True)
        tree, before = commit.tree, commit.parents[:1]
        for commit in landing.merged:
            if self._is_known(commit):
                continue
            if commit.tree == tree and commit.parents == before and not content.rest:
                self._tally(commit, content, content.lines, landed=False)
            else:
                self._wait(commit, landed=False)

    def take(self) -> CommitCount:
        """What was counted since it was last taken."""
        self._settle()
        taken = CommitCount(self._tallies, self._afresh)
        self._tallies, self._afresh = {}, False
        return taken

    def _is_known(self, commit: AnyCommit) -> bool:
        return self._only is not None and commit.oid not in self._only

    def _wait(self, commit: AnyCommit, *, landed: bool) -> None:
        self._waiting.append((commit, landed))
        if len(self._waiting) >= _WAITING:
            self._settle()

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        differences = self._differences([commit.oid for commit, _ in waiting])
        for (commit, landed), found in zip(waiting, differences, strict=True):
            self._tally(commit, self._content(found.changes, ()), found.lines, landed=landed)

    def _content(self, changes: Changes, reads: Sequence[FileRead]) -> Content:
        bumps, rest, lines = False, changes.others, 0
        framed = {read.path for read in reads if read.framed}
        for change in changes.tracked:
            bump = _ONE_LINE if change.path in framed else self._reader.bump(change)
            bumps |= bump.has_versions
            if bump.lines is None:
                rest = True
            else:
                lines += 2 * bump.lines  # one removed and one added
        return Content(bumps, rest or not bumps, lines)

    def _tally(self, commit: AnyCommit, content: Content, lines: int, *, landed: bool) -> None:
        author = commit.author or ""
        is_merge = len(commit.parents) > 1
        key = TallyKey(week_of(commit.seconds), self._class_of(content, author, is_merge=is_merge), author)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        tally.commits += 1
        tally.landings += landed
        tally.lines += 0 if is_merge else lines

    def _class_of(self, content: Content, author: str, *, is_merge: bool) -> CommitClass:
        if content.rest:
            return CommitClass.MIXED if content.bumps else CommitClass.OTHER
        if is_merge:
            return CommitClass.MERGE_OF_BUMPS
        return CommitClass.BUMP_BY_BOT if self._is_machine(author) else CommitClass.BUMP_BY_HUMAN
