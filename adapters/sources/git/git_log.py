"""A long line of landings by the ``git`` program, where it is installed: the same as libgit2 gives, several times as fast.

It only reads the mirror, which is our own; nothing of the user's or the system's configuration is looked at.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from adapters.sources.git.objects import LAST_SECOND, FileChange, ObjectMissing, printable

_FORMAT = "--format=%x01%H %T %ct %P%x00%an"
_VERSION = re.compile(r"git version (\d+)\.(\d+)")
_OLDEST = (2, 31)  # the first with --diff-merges=first-parent
_CHUNK = 1 << 18  # bytes
_COMMAND = (
    *("log", "--first-parent", "--reverse", "--raw", "-z", "--no-abbrev", "--root", "--no-renames", "--no-color"),
    *("--no-show-signature", "--no-mailmap", "--encoding=UTF-8", "--diff-merges=first-parent", _FORMAT),
)


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """A commit as the log shows it; the same words as ``objects.Commit``."""

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
        return printable(self.author_bytes, None)


def is_usable() -> bool:
    """Whether there is a ``git`` that knows the words used here; an older one is left alone."""
    if shutil.which("git") is None:
        return False
    asked = subprocess.run(["git", "version"], check=False, capture_output=True, text=True, env=_environment())  # noqa: S607 - the user's git
    version = _VERSION.match(asked.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= _OLDEST


def read_log(mirror: Path, tip: bytes, after: bytes | None) -> Iterator[tuple[bytes, LoggedCommit, list[FileChange]]]:
    """Each landing after ``after`` (None: from the root) up to ``tip``, oldest first: its id, and every file that it changed.

    Raises:
        ObjectMissing: the log ends before the tip: the mirror is damaged.
    """
    excluded = [] if after is None else [f"^{after.hex()}"]
    command = _command(mirror, *_COMMAND, tip.hex(), *excluded)
    newest = after
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_environment()) as process:  # noqa: S603 - fixed words and hex
        assert process.stdout is not None
        try:
            for landing in _parse(_tokens(process.stdout)):
                newest = landing[0]
                yield landing
        finally:
            process.kill()
    if newest != tip:
        raise ObjectMissing(tip.hex())


def _command(mirror: Path, *words: str) -> list[str]:
    return ["git", "--no-pager", f"--git-dir={mirror}", "-c", "core.commitGraph=false", *words]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _tokens(pipe: IO[bytes]) -> Iterator[bytes]:
    """What stands between the zero bytes."""
    rest = b""
    while chunk := pipe.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


def _parse(tokens: Iterator[bytes]) -> Iterator[tuple[bytes, LoggedCommit, list[FileChange]]]:
    oid: bytes | None = None
    commit: LoggedCommit | None = None
    changes: list[FileChange] = []
    for token in tokens:
        if token.startswith((b":", b"\n:")):
            _, mode, _, after, status = token.split(b" ")
            path = next(tokens).decode("utf-8", "backslashreplace")
            gone = status == b"D"
            changes.append(FileChange(path, None if gone else mode, None if gone else bytes.fromhex(after.decode())))
        elif token.startswith(b"\1"):
            if oid is not None and commit is not None:
                yield oid, commit, changes
            written, tree, seconds, *parents = token[1:].decode().split()
            oid, changes = bytes.fromhex(written), []
            commit = LoggedCommit(
                bytes.fromhex(tree), tuple(map(bytes.fromhex, parents)), int(seconds), next(tokens).rstrip(b"\n")
            )
    if oid is not None and commit is not None:
        yield oid, commit, changes
