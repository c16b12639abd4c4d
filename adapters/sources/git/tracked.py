"""The tracked files at one landing after another: what changed is read, what can't be read keeps its last good declarations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from adapters.sources.git.cursor import Cursor
from adapters.sources.git.declared import Change, DeclaredState
from adapters.sources.git.objects import FileChange, ObjectMissing, Objects
from bridge.domain.names import Target
from bridge.formats.declarations.declaration import Declaration, Unreadable
from bridge.formats.declarations.rules import RuleSet, RuleSettings

_LARGEST_FILE = 5_000_000  # bytes; a declaration of that size is none
_REMEMBERED = 4096  # parsed files; reverts, rebuilds and copies find theirs again


class Rules:
    """The rules as the tree walk needs them, with what they found remembered."""

    def __init__(self, settings: Sequence[RuleSettings]) -> None:
        self.set = RuleSet(settings)
        singles = [RuleSet([one]) for one in settings]
        self.rule_of = lru_cache(maxsize=_REMEMBERED)(
            lambda path: next((index for index, single in enumerate(singles) if single.matches(path)), len(singles))
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """What one landing did: changes of declared artifacts, files that can't be read any more, files that can again."""

    changes: Sequence[Change]
    lost: Sequence[tuple[str, tuple[Target, ...], str]] = ()  # path, targets, reason
    returned: Sequence[tuple[str, tuple[Target, ...]]] = ()


@dataclass(slots=True)
class _Notes:
    lost: list[tuple[str, tuple[Target, ...], str]] = field(default_factory=list)
    returned: list[tuple[str, tuple[Target, ...]]] = field(default_factory=list)


class TrackedFiles:
    """Walks from tree to tree. One instance belongs to one line of landings."""

    def __init__(self, objects: Objects, rules: Rules) -> None:
        self.state = DeclaredState(rules.rule_of)
        self.last_good: dict[str, str | None] = {}  # of each file that can't be read: the blob that could
        self._objects = objects
        self._rules = rules.set
        self._tree: bytes | None = None
        self._blobs: dict[str, str] = {}  # of each file that declares something: its blob
        self._reasons: dict[str, str] = {}
        self._parse = lru_cache(maxsize=_REMEMBERED)(self._read)

    def restore(
        self, tree: bytes, *, last_good: Mapping[str, str | None], conflicts: Iterable[tuple[str, str, int, int]]
    ) -> None:
        """Take up where a cursor stands."""
        for change in self._changes(tree):
            self._take(change, _Notes())
        for path, blob in last_good.items():
            self.last_good[path] = blob
            if blob is not None:
                self._put(path, blob, self._reread(path, blob))
        self.state.restore(conflicts)

    @property
    def at_start(self) -> bool:
        """Whether no landing was read yet."""
        return self._tree is None

    def advance(self, tree: bytes) -> Effect:
        """Go on to the tree of the next landing."""
        changes = self._changes(tree)
        if not changes:
            return Effect(())
        notes = _Notes()
        for change in changes:
            self._take(change, notes)
        return Effect(self.state.settle(), notes.lost, notes.returned)

    def remembered(self, cursor: Cursor) -> Cursor:
        """The cursor with what only this state knows."""
        return Cursor(
            tip=cursor.tip,
            branch=cursor.branch,
            rules=cursor.rules,
            history=cursor.history,
            backfill_until=cursor.backfill_until,
            unverified=cursor.unverified,
            last_good=dict(self.last_good),
            conflicts=tuple(self.state.conflicts()),
        )

    def targets_of(self, path: str) -> tuple[Target, ...]:
        """The targets that the file declares, or declared when it could be read."""
        return tuple(sorted({declaration.target for declaration in self.state.in_file(path)}))

    def why_unreadable(self, path: str) -> str:
        """The reason why a file of ``last_good`` can't be read."""
        return self._reasons.get(path, "it can't be read")

    def _changes(self, tree: bytes) -> list[FileChange]:
        before, self._tree = self._tree, tree
        if before == tree:
            return []
        return self._objects.changes(before, tree, may_contain=self._rules.may_contain, matches=self._rules.matches)

    def _take(self, change: FileChange, notes: _Notes) -> None:
        path, blob = change.path, change.after
        if blob is None:
            self._readable(path, notes)
            self._put(path, None, ())
            return
        try:
            if not change.is_regular:
                if path not in self._blobs:
                    return
                kind = "a submodule" if change.mode == b"160000" else "a symbolic link, which is not followed"
                raise Unreadable(f"the file became {kind}")  # noqa: TRY301 - one way of keeping the last good value
            declarations = self._parse(path, blob)
        except Unreadable as error:
            self._reasons[path] = str(error)
            if path not in self.last_good:
                self.last_good[path] = self._blobs.get(path)
                notes.lost.append((path, self.targets_of(path), str(error)))
            return
        self._readable(path, notes)
        self._put(path, blob.hex(), declarations)

    def _readable(self, path: str, notes: _Notes) -> None:
        if path in self.last_good:
            notes.returned.append((path, self.targets_of(path)))
            del self.last_good[path], self._reasons[path]

    def _put(self, path: str, blob: str | None, declarations: tuple[Declaration, ...]) -> None:
        if declarations and blob is not None:
            self._blobs[path] = blob
        else:
            self._blobs.pop(path, None)
        self.state.put(path, declarations)

    def _read(self, path: str, blob: bytes) -> tuple[Declaration, ...]:
        try:
            size = self._objects.size(blob)
            if size > _LARGEST_FILE:
                raise Unreadable(f"{size} bytes are too many: at most {_LARGEST_FILE}")
            data = self._objects.read(blob)
        except ObjectMissing:
            raise Unreadable("the file's content is missing from the repository") from None
        return self._rules.read(path, data)

    def _reread(self, path: str, blob: str) -> tuple[Declaration, ...]:
        try:
            return self._parse(path, bytes.fromhex(blob))
        except (
            Unreadable
        ):  # it was readable once: a re-cloned repository may have lost it, and there is nothing to tell
            return ()
