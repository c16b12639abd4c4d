"""Which tracked files differ between two trees, and what they declare. Nothing is remembered but parsed files."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from adapters.sources.git.bumps import NO_BUMP, Bump, Frame, Version, compare_versions, frame_of
from adapters.sources.git.objects import Changes, FileChange, ObjectMissing, Objects
from bridge.formats.declarations.declaration import Declaration, Unreadable
from bridge.formats.declarations.rules import Inheritable, RuleSet, RuleSettings

_LARGEST_FILE = 5_000_000  # bytes; a declaration of that size is none
_REMEMBERED = 4096  # parsed files; reverts, rebuilds and copies find theirs again
_FRAMES = 4096  # files that are read again without parsing
_LARGEST_FRAME = 16_384  # bytes of such a file
_NOTHING = Changes((), others=False)


class Rules:
    """The rules as the tree walk of one branch needs them.

    ``rule_of`` gives a path's precedence: the index of the first rule that reads it on this branch (lower wins), the number of
    rules where none does. It follows from path and branch alone, never from a landing.
    """

    def __init__(self, settings: Sequence[RuleSettings], branch: str, words: Mapping[str, str]) -> None:
        """``words``: what the branch's name captures."""
        self.set = RuleSet(settings, branch, words)
        self.rule_of = lru_cache(maxsize=_REMEMBERED)(self.set.first_reader)


class FileRead(NamedTuple):
    """A tracked file at a landing that changed it. ``blob`` None: it is gone; ``special``: a symbolic link or a submodule."""

    path: str
    blob: str | None
    declarations: tuple[Declaration, ...] = ()
    unreadable: str | None = None
    special: bool = False
    inheritable: tuple[Inheritable, ...] = ()
    framed: bool = False  # the version of an image is all that changed, in one line


class FileReader:
    """Reads files of one repository by one set of rules."""

    def __init__(self, objects: Objects, rules: Rules) -> None:
        self._objects = objects
        self._rules = rules.set
        self._parse = lru_cache(maxsize=_REMEMBERED)(self._parse_blob)
        self._frames: OrderedDict[str, tuple[bytes, Frame]] = OrderedDict()  # by path, for a version of the file

    def changes(self, before: bytes | None, after: bytes) -> Changes:
        """What differs between two trees (``before`` None: an empty one)."""
        if before == after:
            return _NOTHING
        rules = self._rules
        return self._objects.changes(before, after, may_contain=rules.may_contain, matches=rules.matches)

    def tracked(self, changed: Sequence[FileChange]) -> Changes:
        """The changed files told apart: those that the rules track, and others."""
        matches = self._rules.matches
        tracked = [change for change in changed if matches(change.path)]
        if len(tracked) > 1:
            tracked.sort(key=lambda change: change.path)
        return Changes(tracked, len(tracked) < len(changed))

    def read_all(self, changes: Changes) -> list[FileRead]:
        """The tracked files that changed, in order of their paths."""
        return [self._read(change) for change in changes.tracked]

    def bump(self, change: FileChange) -> Bump:
        """Whether versions of images changed in a tracked file, and whether anything else did."""
        path = change.path
        if change.before is None or change.after is None or not change.is_regular or not self._rules.reads(path):
            return NO_BUMP
        try:
            before, after = _versions(*self._parse(path, change.before)), _versions(*self._parse(path, change.after))
            return compare_versions(self._load(change.before), self._load(change.after), before, after)
        except Unreadable:
            return NO_BUMP

    def read(self, path: str, blob: bytes) -> FileRead:
        """One file by its blob."""
        try:
            declarations, inheritable = self._parse(path, blob)
            return FileRead(path, blob.hex(), declarations, inheritable=inheritable)
        except Unreadable as error:
            return FileRead(path, blob.hex(), unreadable=str(error))

    def opaque_places(self, path: str, blob: str, pointers: Collection[str]) -> dict[str, str]:
        """Those of the pointers at which the file holds what is filled in or decrypted elsewhere, each with the reason."""
        try:
            return self._rules.opaque_places(path, self._load(bytes.fromhex(blob)), pointers)
        except Unreadable:
            return {}

    def _read(self, change: FileChange) -> FileRead:
        if change.after is None:
            return FileRead(change.path, None)
        if change.is_regular:
            return self._read_framed(change) or self._read_whole(change.path, change.after)
        kind = "a submodule" if change.mode == b"160000" else "a symbolic link, which is not followed"
        return FileRead(change.path, change.after.hex(), unreadable=f"the file became {kind}", special=True)

    def _parse_blob(self, path: str, blob: bytes) -> tuple[tuple[Declaration, ...], tuple[Inheritable, ...]]:
        if not self._rules.reads(path):
            return (), ()  # its existence says everything
        data = self._load(blob)
        inheritable = self._rules.read_base(path, data) if self._rules.is_base(path) else ()
        return self._rules.read(path, data), inheritable

    def _load(self, blob: bytes) -> bytes:
        try:
            size = self._objects.size(blob)
            if size > _LARGEST_FILE:
                msg = f"{size} bytes are too many: at most {_LARGEST_FILE}"
                raise Unreadable(msg)
            return self._objects.read(blob)
        except ObjectMissing:
            msg = "the file's content is missing from the repository"
            raise Unreadable(msg) from None

    def _read_framed(self, change: FileChange) -> FileRead | None:
        """A file in which only the version of its one image changed; None: it must be read as a whole."""
        path, blob = change.path, change.after
        kept = self._frames.get(path)
        if kept is None or blob is None or kept[0] != change.before:
            return None
        try:
            declaration = kept[1].declared_in(self._load(blob))
        except Unreadable:
            return None  # to be told by whoever reads it as a whole
        if declaration is None:
            return None
        self._frames[path] = blob, kept[1]
        return FileRead(
            path, blob.hex(), (declaration,), framed=blob != change.before
        )  # its mode may be all that changed

    def _read_whole(self, path: str, blob: bytes) -> FileRead:
        read = self.read(path, blob)
        self._frames.pop(path, None)
        if len(read.declarations) == 1 and not read.inheritable and self._rules.keeps_words(path):
            data = self._load(blob)
            frame = frame_of(data, read.declarations) if len(data) <= _LARGEST_FRAME else None
            if frame is not None:
                self._frames[path] = blob, frame
                while len(self._frames) > _FRAMES:
                    self._frames.popitem(last=False)
        return read


def _versions(direct: Sequence[Declaration], inheritable: Sequence[Inheritable]) -> list[Version]:
    found = [
        Version((one.target, one.pointer, one.image.repository), one.image.tag, one.image.digest) for one in direct
    ]
    for image in inheritable:
        written = image.found
        found.append(Version((image.rule, written.pointer, written.repository), written.tag, written.digest))
    return found
