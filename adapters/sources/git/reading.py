"""Which tracked files differ between two trees, and what they declare. Nothing is remembered but parsed files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from adapters.sources.git.objects import FileChange, ObjectMissing, Objects
from bridge.formats.declarations.declaration import Declaration, Unreadable
from bridge.formats.declarations.rules import Inheritable, RuleSet, RuleSettings

_LARGEST_FILE = 5_000_000  # bytes; a declaration of that size is none
_REMEMBERED = 4096  # parsed files; reverts, rebuilds and copies find theirs again


class Rules:
    """The rules as the tree walk needs them, with what they found remembered."""

    def __init__(self, settings: Sequence[RuleSettings], branch: str | None = None) -> None:
        self.set = RuleSet(settings, branch)
        singles = [RuleSet([one]) for one in settings]
        self.rule_of = lru_cache(maxsize=_REMEMBERED)(
            lambda path: next((index for index, single in enumerate(singles) if single.reads(path)), len(singles))
        )


@dataclass(frozen=True, slots=True)
class FileRead:
    """A tracked file at a landing that changed it. ``blob`` None: it is gone; ``special``: a symbolic link or a submodule."""

    path: str
    blob: str | None
    declarations: tuple[Declaration, ...] = ()
    unreadable: str | None = None
    special: bool = False
    inheritable: tuple[Inheritable, ...] = ()


class FileReader:
    """Reads files of one repository by one set of rules."""

    def __init__(self, objects: Objects, rules: Rules) -> None:
        self._objects = objects
        self._rules = rules.set
        self._parse = lru_cache(maxsize=_REMEMBERED)(self._parse_blob)

    def changes(self, before: bytes | None, after: bytes) -> list[FileRead]:
        """The tracked files that differ between two trees (``before`` None: an empty one), in order of their paths."""
        if before == after:
            return []
        rules = self._rules
        changed = self._objects.changes(before, after, may_contain=rules.may_contain, matches=rules.matches)
        return [self._read(change) for change in changed]

    def tracked(self, changed: Sequence[FileChange]) -> list[FileRead]:
        """Those of the changed files that the rules track, in order of their paths."""
        matches = self._rules.matches
        found = [self._read(change) for change in changed if matches(change.path)]
        found.sort(key=lambda read: read.path)
        return found

    def read(self, path: str, blob: bytes) -> FileRead:
        """One file by its blob."""
        try:
            declarations, inheritable = self._parse(path, blob)
            return FileRead(path, blob.hex(), declarations, inheritable=inheritable)
        except Unreadable as error:
            return FileRead(path, blob.hex(), unreadable=str(error))

    def _read(self, change: FileChange) -> FileRead:
        if change.after is None:
            return FileRead(change.path, None)
        if change.is_regular:
            return self.read(change.path, change.after)
        kind = "a submodule" if change.mode == b"160000" else "a symbolic link, which is not followed"
        return FileRead(change.path, change.after.hex(), unreadable=f"the file became {kind}", special=True)

    def _parse_blob(self, path: str, blob: bytes) -> tuple[tuple[Declaration, ...], tuple[Inheritable, ...]]:
        if not self._rules.reads(path):
            return (), ()  # its existence says everything
        try:
            size = self._objects.size(blob)
            if size > _LARGEST_FILE:
                msg = f"{size} bytes are too many: at most {_LARGEST_FILE}"
                raise Unreadable(msg)
            data = self._objects.read(blob)
        except ObjectMissing:
            msg = "the file's content is missing from the repository"
            raise Unreadable(msg) from None
        inheritable = self._rules.read_base(path, data) if self._rules.is_base(path) else ()
        return self._rules.read(path, data), inheritable
