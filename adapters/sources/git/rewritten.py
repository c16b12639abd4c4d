"""When the cursor is no landing of the branch any more: what the new line declares that the old one did not.

A force-push, a replaced repository, or a merge that made the old line a side branch. For each target the declared values
of both lines since their last common landing are compared; the common beginning is known, the rest is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pygit2

from adapters.sources.git.client import Mirror
from adapters.sources.git.cursor import Cursor
from adapters.sources.git.declared import Artifacts, Change, meaning
from adapters.sources.git.facts import FactWriter
from adapters.sources.git.landings import Authors, Line, read_line
from adapters.sources.git.objects import Commit
from adapters.sources.git.reading import FileReader, Rules
from adapters.sources.git.tracked import TrackedFiles
from bridge.domain.facts import Fact
from bridge.domain.names import Target
from bridge.ports import Standing


@dataclass(slots=True)
class _Log:
    """What the log says to be declared, and what of the new line it knows already."""

    says: dict[Target, Artifacts]
    known: dict[Target, list[Artifacts]] = field(default_factory=dict)  # values of the old line, in order
    _matched: dict[Target, int] = field(default_factory=dict)
    _apart: set[Target] = field(default_factory=set)

    def news(self, change: Change) -> Change | None:
        """The change as the log would see it; None where it is known."""
        target = change.target
        if target not in self._apart:
            index, known = self._matched.get(target, 0), self.known.get(target, [])
            if index < len(known) and meaning(known[index]) == meaning(change.artifacts):
                self._matched[target] = index + 1
                return None
            self._apart.add(target)
        previous = self.says.get(target, ())
        if meaning(previous) == meaning(change.artifacts):
            return None
        self.says[target] = change.artifacts
        return Change(target, change.artifacts, previous, change.path, change.disagreement, change.also_declared)


class Rewriting:
    """Compares the two lines once. ``files`` is the state at the new tip when ``read`` is through."""

    def __init__(
        self, mirror: Mirror, rules: Rules, write: FactWriter, cursor: Cursor, tip: bytes, *, tolerant: bool
    ) -> None:
        self._mirror = mirror
        self._rules = rules
        self._write = write
        self._cursor = cursor
        self._tip = tip
        self._tolerant = tolerant
        self._authors = Authors(mirror.repository, mirror.objects)
        self.line = Line((), None)  # from the root to the new tip, once it was read
        self.old_line: Line | None = None  # its end, from the last landing that both lines have; None: it is gone
        self.files = TrackedFiles(FileReader(mirror.objects, rules), rules)

    def read(self, standing: Standing, *, whole_history: bool) -> Iterator[tuple[Sequence[Fact], int]]:
        """Facts in order, and how many landings each lot was read from."""
        old = bytes.fromhex(self._cursor.tip)
        base = self._merge_base(old)
        log = _Log(dict(standing))
        if base != old:
            merge_base = base.hex() if base else None
            yield [self._write.rewritten(old.hex(), self._tip.hex(), merge_base, occasion=self._cursor.occasion)], 0
        line = self.line = read_line(self._mirror.repository, self._tip, tolerant=self._tolerant)
        old_line = self.old_line = self._old_line(old, line)
        backfilled = base is None or self._cursor.backfill_until is not None
        if old_line is not None and (base is not None or whole_history):
            log.known = self._values(old_line)
            yield from self._tell(log, self.landings_after(old_line.base), old_line.base, backfilled=backfilled)
        elif whole_history:
            yield from self._tell_since_standing(log, line.landings)
        else:
            self.files.advance(self._commit(self._tip).tree)
        yield self._broken_files(), 0
        yield self._restated(log, backfilled=backfilled), 0

    def _merge_base(self, old: bytes) -> bytes | None:
        try:
            base = self._mirror.repository.merge_base(pygit2.Oid(raw=old), pygit2.Oid(raw=self._tip))
        except (pygit2.GitError, KeyError, ValueError):  # the old objects are gone with a mirror that was cloned again
            return None
        return base.raw if base else None

    def _old_line(self, old: bytes, line: Line) -> Line | None:
        try:
            return read_line(self._mirror.repository, old, frozenset(line.landings))
        except (pygit2.GitError, KeyError, ValueError):
            return None

    def landings_after(self, fork: bytes | None) -> Sequence[bytes]:
        """The landings of the new line that follow one of its own, or all of them."""
        landings = self.line.landings
        return landings if fork is None else landings[landings.index(fork) + 1 :]

    def _values(self, line: Line) -> dict[Target, list[Artifacts]]:
        files = self._at(line.base)
        known: dict[Target, list[Artifacts]] = {}
        for oid in line.landings:
            for change in files.advance(self._commit(oid).tree).changes:
                known.setdefault(change.target, []).append(change.artifacts)
        return known

    def _tell(
        self, log: _Log, landings: Sequence[bytes], fork: bytes | None, *, backfilled: bool
    ) -> Iterator[tuple[Sequence[Fact], int]]:
        self.files = self._at(fork)
        for oid in landings:
            commit = self._commit(oid)
            news = [log.news(change) for change in self.files.advance(commit.tree).changes]
            yield [self._intent(change, commit, oid, backfilled=backfilled) for change in news if change], 1

    def _tell_since_standing(self, log: _Log, landings: Sequence[bytes]) -> Iterator[tuple[Sequence[Fact], int]]:
        """Without the old line: what came after the last landing that declared what the log says, else the last value."""
        since: dict[Target, list[tuple[int, Change]]] = {}
        found: set[Target] = set()
        for index, oid in enumerate(landings):
            for change in self.files.advance(self._commit(oid).tree).changes:
                if meaning(change.artifacts) == meaning(log.says.get(change.target, ())):
                    since[change.target] = []
                    found.add(change.target)
                elif change.target in found:
                    since[change.target].append((index, change))
                else:
                    since[change.target] = [(index, change)]
        yield (), len(landings)
        later = sorted((entry for entries in since.values() for entry in entries), key=lambda entry: entry[0])
        for index, change in later:
            if news := log.news(change):
                yield [self._intent(news, self._commit(landings[index]), landings[index], backfilled=True)], 0

    def _restated(self, log: _Log, *, backfilled: bool) -> list[Fact]:
        at, revision = self._commit(self._tip).committed_at, self._tip.hex()
        facts: list[Fact] = []
        for target in sorted(self.files.state.declared.keys() | log.says.keys()):
            now, then = self.files.state.declared.get(target, ()), log.says.get(target, ())
            if meaning(now) != meaning(then):
                occasion = self._cursor.occasion
                facts.append(
                    self._write.restated(
                        target, now, then, revision=revision, at=at, backfilled=backfilled, occasion=occasion
                    )
                )
        return facts

    def _broken_files(self) -> list[Fact]:
        """Files that the log holds for lost and that can be read, and the other way round."""
        facts: list[Fact] = []
        broken = self.files.lost_files()
        for path in sorted(broken ^ (self._cursor.last_good.keys() | self._cursor.held.keys())):
            revision, targets = self._tip.hex(), self.files.lost_targets(path)
            if path in broken:
                facts.append(self._write.lost(revision, path, targets, self.files.why_unreadable(path)))
            else:
                facts.append(self._write.returned(revision, path, targets))
        return facts

    def _intent(self, change: Change, commit: Commit, oid: bytes, *, backfilled: bool) -> Fact:
        return self._write.intent(
            change,
            revision=oid.hex(),
            at=commit.committed_at,
            actor=self._authors.author_of(commit, change.path),
            backfilled=backfilled,
        )

    def _at(self, fork: bytes | None) -> TrackedFiles:
        files = TrackedFiles(self.files.reader, self._rules)
        if fork is not None:
            files.restore(self._commit(fork).tree, self._cursor, elsewhere=True)
        return files

    def _commit(self, oid: bytes) -> Commit:
        return self._mirror.objects.commit(oid)
