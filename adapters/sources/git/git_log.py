"""A long history by the ``git`` program, where it is installed: the same as libgit2 gives, several times as fast.

It only reads the mirror, which is our own; nothing of the user's or the system's configuration is looked at. Two logs are
read side by side: the landings with what each changed, and all commits, which costs little without their changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from binascii import unhexlify
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

from adapters.sources.git.objects import LAST_SECOND, FileChange, ObjectMissing, printable

_FORMAT = "--format=%x01%H %T %ct %P%x00%an"
_VERSION = re.compile(r"git version (\d+)\.(\d+)")
_OLDEST = (2, 31)  # the first with --diff-merges=first-parent
_CHUNK = 1 << 20  # bytes
_LOG = ("log", "--reverse", "-z", "--no-color", "--no-show-signature", "--no-mailmap", "--encoding=UTF-8", _FORMAT)
_LANDINGS = ("--first-parent", "--raw", "--no-abbrev", "--root", "--no-renames", "--diff-merges=first-parent")
_COMMITS = ("--topo-order",)
# One commit: its line, its author, and for each changed file a line of modes and ids, and the path.
_COMMIT = re.compile(rb"\x01([0-9a-f]+) ([0-9a-f]+) (-?[0-9]*) ([0-9a-f ]*)\0([^\0]*)\0(?:\n((?::[^\0]*\0[^\0]*\0)+))?")
_CHANGED = re.compile(rb":([0-7]+) ([0-7]+) ([0-9a-f]+) ([0-9a-f]+) ([A-Z])[0-9]*\0([^\0]*)\0")
_SPECIAL = frozenset({b"120000", b"160000", b"000000"})  # a symbolic link, a submodule, nothing
_PATHS_REMEMBERED = 65_536


class LoggedCommit(NamedTuple):
    """A commit as the log shows it; the same words as ``objects.Commit``."""

    oid: bytes
    tree: bytes
    parents: tuple[bytes, ...]
    seconds: int
    author_bytes: bytes

    @property
    def committed_at(self) -> datetime:
        """The committer's time; one outside the years 1970 to 9999 is moved to the nearest inside."""
        return datetime.fromtimestamp(min(max(self.seconds, 0), LAST_SECOND), UTC)

    @property
    def author(self) -> str | None:
        """The author's name as one printable line."""
        return _printable(self.author_bytes)


def is_usable() -> bool:
    """Whether there is a ``git`` that knows the words used here; an older one is left alone."""
    if shutil.which("git") is None:
        return False
    asked = subprocess.run(["git", "version"], check=False, capture_output=True, text=True, env=git_environment())  # noqa: S607 - the user's git
    version = _VERSION.match(asked.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= _OLDEST


def read_landings(mirror: Path, tip: bytes, after: bytes | None) -> Iterator[tuple[LoggedCommit, list[FileChange]]]:
    """Each landing after ``after`` (None: from the root) up to ``tip``, oldest first, and every file that it changed.

    Raises:
        ObjectMissing: the log ends before the tip: the mirror is damaged.
    """
    newest = after
    for match in _matches(git_command(mirror, *_LOG, *_LANDINGS, *_range(tip, after))):
        commit = _commit(match)
        newest = commit.oid
        yield commit, read_changes(match[6])
    if newest != tip:
        raise ObjectMissing(tip.hex())


def read_commits(mirror: Path, tip: bytes, after: bytes | None) -> Generator[LoggedCommit]:
    """Every commit that ``tip`` has and ``after`` has not, those merged included, parents before children."""
    for match in _matches(git_command(mirror, *_LOG, *_COMMITS, *_range(tip, after))):
        yield _commit(match)


def git_command(mirror: Path, *words: str) -> list[str]:
    """The command that lets ``git`` do something in the mirror."""
    return ["git", "--no-pager", f"--git-dir={mirror}", "-c", "core.commitGraph=false", *words]


def git_environment() -> dict[str, str]:
    """An environment in which only the mirror counts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _range(tip: bytes, after: bytes | None) -> tuple[str, ...]:
    return (tip.hex(),) if after is None else (tip.hex(), f"^{after.hex()}")


def _matches(command: list[str]) -> Iterator[re.Match[bytes]]:
    with _reading(command) as pipe:
        yield from _complete(pipe)


@contextmanager
def _reading(command: list[str]) -> Iterator[IO[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=git_environment()) as process:  # noqa: S603 - fixed words and hex
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()


def _complete(pipe: IO[bytes]) -> Iterator[re.Match[bytes]]:
    """One match a commit. What ends with what was read may go on: a path can look like anything, so it waits for what follows."""
    text, at = b"", 0
    while chunk := pipe.read(_CHUNK):  # whole ones: git writes each commit by itself, and each read costs
        text, at = text[at:] + chunk, 0
        while (match := _COMMIT.match(text, at)) is not None and text[match.end() : match.end() + 1] == b"\1":
            at = match.end()
            yield match
    while match := _COMMIT.match(text, at):
        at = match.end()
        yield match


def _commit(match: re.Match[bytes]) -> LoggedCommit:
    oid, tree, seconds, parents, author = match.group(1, 2, 3, 4, 5)
    return LoggedCommit(
        unhexlify(oid), unhexlify(tree), tuple(map(unhexlify, parents.split())), int(seconds or 0), author
    )


def read_changes(written: bytes | None) -> list[FileChange]:
    """The changed files of one commit, as ``--raw -z`` writes them; None: there are none."""
    if written is None:
        return []
    found = []
    for mode_before, mode, before, after, status, path in _CHANGED.findall(written):
        gone = status == b"D"
        found.append(
            FileChange(
                _path(path),
                None if gone else mode,
                None if gone else unhexlify(after),
                None if mode_before in _SPECIAL else unhexlify(before),
            )
        )
    return found


@lru_cache(maxsize=_PATHS_REMEMBERED)
def _path(written: bytes) -> str:
    return written.decode("utf-8", "backslashreplace")


@lru_cache(maxsize=4096)  # a branch has few authors, and each of very many commits
def _printable(author: bytes) -> str | None:
    return printable(author, None)
