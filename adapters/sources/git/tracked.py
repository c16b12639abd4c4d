"""The tracked files at one landing after another: what can't be read keeps its last good declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from adapters.sources.git.cursor import Cursor
from adapters.sources.git.declared import Change, DeclaredState
from adapters.sources.git.held import HeldPlaces
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
        self._held = HeldPlaces(reader)
        self._inheritance = Inheritance(rules.set) if rules.set.inherits else None

    def restore(self, tree: bytes, cursor: Cursor, *, elsewhere: bool = False) -> None:
        """Take up where a cursor stands; or ``elsewhere``, with what is true there too of what the cursor knows of its files."""
        reads = {read.path: read for read in self.reader.read_all(self.reader.changes(self.tree, tree))}
        for read in reads.values():
            self._take(read, _Notes())
        self.tree = tree
        self._remember(cursor, reads, elsewhere=elsewhere)
        self._settle_inheritance()
        self.state.restore(() if elsewhere else cursor.conflicts)

    def _remember(self, cursor: Cursor, reads: Mapping[str, FileRead], *, elsewhere: bool) -> None:
        for path, blob in cursor.last_good.items():
            if elsewhere and (path not in reads or reads[path].unreadable is None):
                continue
            self.last_good[path] = blob
            if blob is not None:
                # It was readable once; a repository cloned again may have lost it, and then there is nothing to tell.
                self._put(self.reader.read(path, bytes.fromhex(blob)))
        for path, places in cursor.held.items():
            if path in reads:
                good = self.last_good.get(path)
                read = self.reader.read(path, bytes.fromhex(good)) if good is not None else reads[path]
                self._put(self._held.restore(read, places))

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
        return replace(
            cursor,
            last_good=dict(self.last_good),
            held=self._held.in_files(),
            conflicts=tuple(self.state.conflicts()),
        )

    def lost_files(self) -> set[str]:
        """The files that can't be read, wholly or in a place that could be."""
        return self.last_good.keys() | self._held.in_files().keys()

    def lost_targets(self, path: str) -> tuple[Target, ...]:
        """The targets whose declaration can't be read, or could not: those of the file, or of the places that are held."""
        declared = self.state.in_file(path)
        if path in self._held and path not in self.last_good:
            return self._held.targets(path, declared)
        return tuple(sorted({declaration.target for declaration in declared}))

    def why_unreadable(self, path: str) -> str:
        """The reason why one of ``lost_files`` is."""
        return self._reasons.get(path) or self._held.reason(path) or "it can't be read"

    def _take(self, read: FileRead, notes: _Notes) -> None:
        path = read.path
        if self._inheritance is not None:
            self._inheritance.saw(path, exists=read.blob is not None and not read.special)
        if read.unreadable is None:
            was_lost, targets = self._lost(path)
            read = self._with_held(read)
            self._put(read)
            if path in self._held:
                if not was_lost:
                    held = self._held.targets(path, self.state.in_file(path))
                    notes.lost.append((path, held, self.why_unreadable(path)))
            elif was_lost:
                notes.returned.append((path, targets))
        elif not read.special or path in self._blobs:
            self._reasons[path] = read.unreadable
            if path not in self.last_good:
                if path not in self._held:
                    notes.lost.append((path, self.lost_targets(path), read.unreadable))
                self.last_good[path] = self._blobs.get(path)

    def _lost(self, path: str) -> tuple[bool, tuple[Target, ...]]:
        """Whether the file was lost until now, and for whom; from now on it is read."""
        if path not in self.last_good and path not in self._held:
            return False, ()
        targets = self.lost_targets(path)
        self.last_good.pop(path, None)
        self._reasons.pop(path, None)
        return True, targets

    def _with_held(self, read: FileRead) -> FileRead:
        """The file, and what was declared where now something opaque stands."""
        path = read.path
        if read.framed and path not in self._held:
            return read
        declared = self.state.in_file(path)
        if not declared and (self._inheritance is None or path not in self._blobs):
            return read
        before = [declaration.pointer for declaration in declared]
        if self._inheritance is not None:
            before += self._inheritance.pointers_in(path)
        return self._held.read(read, before, self._blobs.get(path))

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
