"""Git objects read raw from the mirror: commits, directories, and which files differ between two trees.

Only changed sub-trees that may hold declarations are opened; libgit2's own diff opens all, at ten times the cost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pygit2

from adapters.sources.git.trees import EMPTY, TREE, Directory, Entry
from bridge.errors import Stalled

LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z
_LONGEST_NAME = 200  # characters of an author's name that are kept
_DEEPEST = 64  # directories; deeper ones hold no declarations
_MOST_ENTRIES = 1_000_000  # tree entries opened for one landing: a tree bomb has 10^10
_LARGEST_TREE = 8_000_000  # bytes of one directory; about 150,000 files
_CACHED_BYTES = 4_000_000  # of directories
_NO_REGULAR_FILE = frozenset({b"120000", b"160000", TREE})  # a symbolic link, a submodule, a directory


class ObjectMissing(Exception):  # noqa: N818 - it is caught and told in words
    """An object that another one names is not in the mirror."""


class Commit:
    """What is used of a commit. Ids are 20 raw bytes."""

    __slots__ = ("_commit", "oid", "tree")

    def __init__(self, commit: pygit2.Commit) -> None:
        self._commit = commit
        self.oid = commit.id.raw
        self.tree = commit.tree_id.raw

    @property
    def parents(self) -> tuple[bytes, ...]:
        """The ids of its parents, the first one first."""
        return tuple(parent.raw for parent in self._commit.parent_ids)

    @property
    def committed_at(self) -> datetime:
        """The committer's time; one outside the years 1970 to 9999 is moved to the nearest inside."""
        return datetime.fromtimestamp(min(max(self._commit.commit_time, 0), LAST_SECOND), UTC)

    @property
    def author(self) -> str | None:
        """The author's name as one printable line."""
        return printable(self._commit.author.raw_name, self._commit.message_encoding)


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that differs between two trees; ``after`` None: it is gone. ``before`` None: there was no regular file."""

    path: str
    mode: bytes | None
    after: bytes | None
    before: bytes | None = None

    @property
    def is_regular(self) -> bool:
        """A file with content of its own: no symbolic link, no submodule."""
        return self.mode is not None and self.mode not in _NO_REGULAR_FILE


class Changes(NamedTuple):
    """What differs between two trees: the tracked files, in order of their paths, and whether anything else does."""

    tracked: Sequence[FileChange]
    others: bool


_OTHERS_ONLY = Changes((), others=True)


class Objects:
    """Reads one repository; used by one thread."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._repository: pygit2.Repository | None = repository
        self._odb: pygit2.Odb | None = repository.odb
        self._trees: OrderedDict[bytes, Directory] = OrderedDict()
        self._cached = 0

    def release(self) -> None:
        """Let go of the packs. libgit2 shares open packs by path, so a mirror made anew would get the damaged ones."""
        self._repository = self._odb = None

    def read(self, oid: bytes) -> bytes:
        """The content of an object.

        Raises:
            ObjectMissing: it is not here.
        """
        try:
            assert self._odb is not None, "released"
            return self._odb.read(pygit2.Oid(raw=oid))[1]
        except KeyError:
            raise ObjectMissing(oid.hex()) from None

    def size(self, oid: bytes) -> int:
        """How many bytes an object has, without loading it.

        Raises:
            ObjectMissing: it is not here.
        """
        try:
            assert self._odb is not None, "released"
            return self._odb.read_header(pygit2.Oid(raw=oid))[1]
        except KeyError:
            raise ObjectMissing(oid.hex()) from None

    def commit(self, oid: bytes) -> Commit:
        """Read one commit.

        Raises:
            ObjectMissing: it is not here.
        """
        try:
            assert self._repository is not None, "released"
            return Commit(self._repository[pygit2.Oid(raw=oid)].peel(pygit2.Commit))
        except KeyError:
            raise ObjectMissing(oid.hex()) from None

    def names_parents(self, oid: bytes) -> bool:
        """Whether the commit as it was written has parents; a shallow repository cuts them off."""
        return b"\nparent " in self.read(oid).partition(b"\n\n")[0]

    def tree(self, oid: bytes, before: Directory | None = None) -> Directory:
        """A directory; ``before`` is the version that it probably differs little from."""
        if (known := self._trees.get(oid)) is not None:
            return known
        raw = self.read(oid)
        if len(raw) > _LARGEST_TREE:
            msg = f"the directory {oid.hex()} of the repository is too large to be read ({len(raw)} bytes)"
            raise Stalled(msg)
        directory = before.successor(raw) if before is not None else Directory(raw)
        self._trees[oid] = directory
        self._cached += len(raw)
        while self._cached > _CACHED_BYTES and len(self._trees) > 1:
            self._cached -= len(self._trees.popitem(last=False)[1].raw)
        return directory

    def entry_at(self, tree: bytes, path: str) -> Entry | None:
        """What stands at ``path``, to be compared with another; None: nothing does."""
        found: Entry | None = Entry(TREE, tree)
        for name in path.encode().split(b"/"):
            if found is None or found.mode != TREE:
                return None
            found = self.tree(found.oid).entry(name)
        return found

    def changes(
        self,
        before: bytes | None,
        after: bytes | None,
        *,
        may_contain: Callable[[str], bool],
        matches: Callable[[str], bool],
    ) -> Changes:
        """What differs between two trees (None: an empty one); tracked are the files that match."""
        if before and after and (sole := self._sole_change(before, after, may_contain, matches)) is not None:
            return sole
        found: dict[str, FileChange] = {}
        others = False
        budget = _MOST_ENTRIES
        pending = [("", before, after, 0)]
        while pending:
            above, old, new, depth = pending.pop()
            here = self.tree(old) if old else EMPTY
            there = self.tree(new, here) if new else EMPTY
            for name, was, now in here.differences(there):
                budget -= 1
                path = above + name.decode("utf-8", "backslashreplace")
                was_tree = was.oid if was and was.mode == TREE else None
                now_tree = now.oid if now and now.mode == TREE else None
                if (was_tree or now_tree) and depth < _DEEPEST and may_contain(path):
                    pending.append((path + "/", was_tree, now_tree, depth + 1))
                elif was_tree or now_tree:
                    others = True
                is_file = (was and not was_tree) or (now and not now_tree)
                if is_file and matches(path):
                    blob = was.oid if was and was.mode not in _NO_REGULAR_FILE else None
                    mode, after_blob = now if now and not now_tree else (None, None)
                    found[path] = FileChange(path, mode, after_blob, blob)
                elif is_file:
                    others = True
            if budget < 0:
                msg = f"more than {_MOST_ENTRIES} entries lie under the rules' folders at one landing: narrow `files`"
                raise Stalled(msg)
        return Changes([found[path] for path in sorted(found)], others)

    def _sole_change(
        self, before: bytes, after: bytes, may_contain: Callable[[str], bool], matches: Callable[[str], bool]
    ) -> Changes | None:
        """The usual landing: one file changed, at the end of one path of directories. None: it is not like that."""
        above = ""
        for _ in range(_DEEPEST):
            here = self.tree(before)
            difference = here.sole_difference(self.tree(after, here))
            if difference is None:
                return None
            name, mode, before, after = difference
            path = above + name.decode("utf-8", "backslashreplace")
            if mode != TREE:
                blob = None if mode in _NO_REGULAR_FILE else before
                return Changes([FileChange(path, mode, after, blob)], others=False) if matches(path) else _OTHERS_ONLY
            if not may_contain(path):
                return _OTHERS_ONLY
            above = path + "/"
        return _OTHERS_ONLY


def printable(raw: bytes, encoding: str | None) -> str | None:
    """A name as one line of printable characters: UTF-8, else as ``encoding`` says, else Latin-1; None: nothing is left."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        try:
            name = raw.decode(encoding or "latin-1", "replace")
        except LookupError:
            name = raw.decode("latin-1")
    if not name.isprintable():
        name = "".join(character for character in name if character.isprintable())
    return name.strip()[:_LONGEST_NAME] or None
