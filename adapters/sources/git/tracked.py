"""The tracked files at one landing after another: what can't be read keeps its last good declarations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from adapters.sources.git.cursor import Cursor
from adapters.sources.git.declared import Change, DeclaredState
from adapters.sources.git.inheritance import Inheritance
from adapters.sources.git.reading import FileRead, FileReader, Rules
from bridge.domain.names import Target


class Effect(NamedTuple):
    """What one landing did: changes of declared artifacts, files that can't be read any more, files that can again."""

    changes: Sequence[Change]
    lost: Sequence[tuple[str, tuple[Target, ...], str]] = ()  # path, targets, reason
    returned: Sequence[tuple[str, tuple[Target, ...]]] = ()


@dataclass(slots=True)
class _Notes:
    lost: list[tuple[str, tuple[Target, ...], str]] = field(default_factory=list)
    returned: list[tuple[str, tuple[Target, ...]]] = field(default_factory=list)


class TrackedFiles:
    """Goes from tree to tree. One instance belongs to one line of landings."""

    def __init__(self, reader: FileReader, rules: Rules) -> None:
        self.state = DeclaredState(rules.rule_of)
        self.last_good: dict[str, str | None] = {}  # of each file that can't be read: the blob that could
        self.tree: bytes | None = None  # where it stands; None: no landing was read yet
        self.reader = reader
        self._blobs: dict[str, str] = {}  # of each file that declares something: its blob
        self._reasons: dict[str, str] = {}
        self._inheritance = Inheritance(rules.set) if rules.set.inherits else None

    def restore(
        self, tree: bytes, *, last_good: Mapping[str, str | None], conflicts: Iterable[tuple[str, str, int, int]]
    ) -> None:
        """Take up where a cursor stands."""
        for read in self.reader.read_all(self.reader.changes(self.tree, tree)):
            self._take(read, _Notes())
        self.tree = tree
        for path, blob in last_good.items():
            self.last_good[path] = blob
            if blob is not None:
                # It was readable once; a repository cloned again may have lost it, and then there is nothing to tell.
                self._put(self.reader.read(path, bytes.fromhex(blob)))
        self._settle_inheritance()
        self.state.restore(conflicts)

    def advance(self, tree: bytes) -> Effect:
        """Go on to the tree of the next landing."""
        before, self.tree = self.tree, tree
        return self.take(self.reader.read_all(self.reader.changes(before, tree)))

    def take(self, reads: Sequence[FileRead]) -> Effect:
        """Go on by what the next landing changed; whoever read it sets ``tree``."""
        if not reads:
            return Effect(())
        notes = _Notes()
        for read in reads:
            self._take(read, notes)
        self._settle_inheritance()
        return Effect(self.state.settle(), notes.lost, notes.returned)

    def remembered(self, cursor: Cursor) -> Cursor:
        """The cursor with what only this state knows."""
        return replace(cursor, last_good=dict(self.last_good), conflicts=tuple(self.state.conflicts()))

    def targets_of(self, path: str) -> tuple[Target, ...]:
        """The targets that the file declares, or declared when it could be read."""
        return tuple(sorted({declaration.target for declaration in self.state.in_file(path)}))

    def why_unreadable(self, path: str) -> str:
        """The reason why a file of ``last_good`` can't be read."""
        return self._reasons.get(path, "it can't be read")

    def _take(self, read: FileRead, notes: _Notes) -> None:
        path = read.path
        if self._inheritance is not None:
            self._inheritance.saw(path, exists=read.blob is not None and not read.special)
        if read.unreadable is None:
            self._readable(path, notes)
            self._put(read)
        elif not read.special or path in self._blobs:
            self._reasons[path] = read.unreadable
            if path not in self.last_good:
                self.last_good[path] = self._blobs.get(path)
                notes.lost.append((path, self.targets_of(path), read.unreadable))

    def _readable(self, path: str, notes: _Notes) -> None:
        if path in self.last_good:
            notes.returned.append((path, self.targets_of(path)))
            del self.last_good[path]
            self._reasons.pop(path, None)

    def _put(self, read: FileRead) -> None:
        path = read.path
        if read.blob is not None and (read.declarations or read.inheritable):
            self._blobs[path] = read.blob
        else:
            self._blobs.pop(path, None)
        self.state.put(path, read.declarations)
        if self._inheritance is not None:
            self._inheritance.put(path, read.declarations, read.inheritable)

    def _settle_inheritance(self) -> None:
        if self._inheritance is not None:
            for path, declarations in self._inheritance.settle():
                self.state.put(path, declarations)
