"""What single commits changed, and how many lines, by one ``git diff-tree`` that answers one question after another."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from adapters.sources.git.git_log import git_command, git_environment, read_changes
from adapters.sources.git.objects import FileChange, ObjectMissing

_QUESTIONS = 128  # at once; their ids fit into any pipe, so that neither side waits for the other to read
_WORDS = ("diff-tree", "--stdin", "--always", "-r", "--root", "--raw", "--numstat", "-z", "--no-abbrev", "--no-renames")
_LINES = re.compile(rb"([0-9]+|-)\t([0-9]+|-)\t[^\0]*\0")
_RAW = re.compile(rb"(?::[^\0]*\0[^\0]*\0)*")


class DiffTree:
    """Asks the running program; see ``open_diff_tree``."""

    def __init__(self, asked: IO[bytes], answered: IO[bytes]) -> None:
        self._asked = asked
        self._answered = answered
        self._mark = secrets.token_hex(16).encode()  # no file in the repository is called so

    def differences(self, oids: Sequence[bytes]) -> Iterator[tuple[list[FileChange], int]]:
        """For each commit, in order: its changed files, and the lines added plus those removed (binary files have none).

        Raises:
            ObjectMissing: the program ended, for it met an object that is missing or damaged.
        """
        for start in range(0, len(oids), _QUESTIONS):
            yield from self._ask(oids[start : start + _QUESTIONS])

    def _ask(self, oids: Sequence[bytes]) -> Iterator[tuple[list[FileChange], int]]:
        try:
            self._asked.write(b"".join(b"%b\n" % oid.hex().encode() for oid in oids) + self._mark + b"\n")
            self._asked.flush()
        except BrokenPipeError:
            raise ObjectMissing(oids[0].hex()) from None
        answer = self._read_answer(oids[0])
        at = 0
        for oid in oids:
            at = answer.index(b"\0", at) + 1 if answer.startswith(oid.hex().encode(), at) else -1
            if at < 0:
                raise ObjectMissing(oid.hex())
            raw = _RAW.match(answer, at)
            assert raw is not None
            at, lines = raw.end(), 0
            while (counted := _LINES.match(answer, at)) is not None:
                at = counted.end()
                lines += sum(int(count) for count in counted.groups() if count != b"-")
            yield read_changes(raw[0]), lines

    def _read_answer(self, first: bytes) -> bytes:
        pieces: list[bytes] = []
        ending = self._mark + b"\n"
        while not (line := self._answered.readline()).endswith(ending):
            if not line:
                raise ObjectMissing(first.hex())
            pieces.append(line)
        return b"".join(pieces) + line.removesuffix(ending)


@contextmanager
def open_diff_tree(mirror: Path) -> Iterator[DiffTree]:
    """Run the program for as long as the context lasts."""
    command = git_command(mirror, *_WORDS, "--diff-merges=first-parent")
    environment = git_environment()
    pipe = subprocess.PIPE  # what it says of a missing object, the caller says
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment) as process:  # noqa: S603 - fixed words
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield DiffTree(process.stdin, process.stdout)
        finally:
            process.kill()
            with suppress(BrokenPipeError):  # it had ended, and what it was asked last is still in the buffer
                process.stdin.close()
