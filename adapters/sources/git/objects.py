"""Git objects read raw from the mirror: commits, directories, and which files differ between two trees.

Only changed sub-trees that may hold declarations are opened; libgit2's own diff opens all, at ten times the cost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pygit2

from adapters.sources.git.trees import EMPTY, TREE, Directory, Entry
from bridge.errors import Stalled

_ENCODING = re.compile(rb"^encoding (.+)$", re.MULTILINE)
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z
_LONGEST_NAME = 200  # characters of an author's name that are kept
_DEEPEST = 64  # directories; deeper ones hold no declarations
_MOST_ENTRIES = 1_000_000  # tree entries opened for one landing: a tree bomb has 10^10
_LARGEST_TREE = 8_000_000  # bytes of one directory; about 150,000 files
_CACHED_BYTES = 4_000_000  # of directories


class ObjectMissing(Exception):  # noqa: N818 - it is caught and told in words
    """An object that another one names is not in the mirror."""


class Commit(NamedTuple):
    """What is used of a commit. Ids are 20 raw bytes."""

    tree: bytes
    parents: tuple[bytes, ...]
    seconds: int  # the committer's, since 1970
    header: bytes

    @property
    def committed_at(self) -> datetime:
        """The committer's time; one outside the years 1970 to 9999 is moved to the nearest inside."""
        return datetime.fromtimestamp(min(max(self.seconds, 0), _LAST_SECOND), UTC)

    @property
    def author(self) -> str | None:
        """The author's name as one printable line."""
        return _author(self.header)


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that differs between two trees; ``after`` None: it is gone."""

    path: str
    mode: bytes | None
    after: bytes | None

    @property
    def is_regular(self) -> bool:
        """A file with content of its own: no symbolic link, no submodule."""
        return self.mode is not None and self.mode not in {b"120000", b"160000"}


class Objects:
    """Reads one repository; used by one thread."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._odb: pygit2.Odb | None = repository.odb
        self._trees: dict[bytes, Directory] = {}
        self._cached = 0

    def release(self) -> None:
        """Let go of the packs. libgit2 shares open packs by path, so a mirror made anew would get the damaged ones."""
        self._odb = None

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
        """Read one commit."""
        data = self.read(oid)
        header = data[: data.find(b"\n\n")]
        parents = []
        at = 46  # after b"tree ", 40 hex digits and the end of the line
        while header.startswith(b"parent ", at):
            parents.append(bytes.fromhex(header[at + 7 : at + 47].decode("ascii")))
            at += 48
        committer = header.find(b"\ncommitter ", at)
        end = header.find(b"\n", committer + 1)
        words = header[committer : end if end >= 0 else None].rsplit(b" ", 2)
        seconds = int(words[1]) if len(words) == 3 and words[1].lstrip(b"-").isdigit() else 0  # noqa: PLR2004 - text, time, zone
        return Commit(bytes.fromhex(header[5:45].decode("ascii")), tuple(parents), seconds, header)

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
            self._cached -= len(self._trees.pop(next(iter(self._trees))).raw)
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
    ) -> list[FileChange]:
        """The files that match and differ between two trees (None: an empty one), in order of their paths."""
        found: dict[str, FileChange] = {}
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
                is_file = (was and not was_tree) or (now and not now_tree)
                if is_file and matches(path):
                    found[path] = FileChange(path, *(now if now and not now_tree else (None, None)))
            if budget < 0:
                msg = f"more than {_MOST_ENTRIES} entries lie under the rules' folders at one landing: narrow `files`"
                raise Stalled(msg)
        return [found[path] for path in sorted(found)]


def _author(header: bytes) -> str | None:
    start = header.find(b"\nauthor ") + len(b"\nauthor ")
    line = header[start : header.find(b"\n", start)]
    raw = line[: line.rfind(b"<")].strip() if b"<" in line else line
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        encoding = _ENCODING.search(header)
        try:
            name = raw.decode(encoding[1].decode("ascii", "replace") if encoding else "latin-1", "replace")
        except LookupError:
            name = raw.decode("latin-1")
    if not name.isprintable():
        name = "".join(character for character in name if character.isprintable())
    return name.strip()[:_LONGEST_NAME] or None
