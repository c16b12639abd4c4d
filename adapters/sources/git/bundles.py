"""Git bundles: one file with refs and a pack, made by ``git bundle create``. Read in place, as a repository that never moves.

The header is read here; the pack is indexed into the mirror by the ``git`` command, for libgit2 reads no bundles and pygit2
exposes nothing that indexes a pack.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pygit2

from adapters.sources.git.branch_names import HEADS, BranchNames
from adapters.sources.git.faults import missing_branch
from bridge.errors import Stalled, Unavailable
from bridge.redaction import RepoUrl

_SIGNATURE = re.compile(rb"# v(\d+) git bundle\n")
_LINE = re.compile(rb"(-)?([0-9a-f]{40})(?: ([^\n]*))?\n")
_LONGEST_LINE = 8192  # bytes
_MOST_LINES = 1_000_000  # refs; more than any host has
_VERSIONS = frozenset({b"2", b"3"})
_LOOK_EVERY = 0.2  # seconds between two looks at whether the bridge is closing, while git works


@dataclass(frozen=True, slots=True)
class Bundle:
    """The header of one bundle. Ids are 20 raw bytes."""

    path: Path
    url: RepoUrl
    refs: Mapping[str, bytes]
    prerequisites: frozenset[bytes]  # commits that the reader must have already
    pack_at: int  # the offset of the pack in the file

    def tips(self, wanted: BranchNames) -> dict[str, bytes]:
        """The newest commits of the branches.

        Raises:
            Stalled: the bundle has no such branch.
        """
        if tips := wanted.among(self.refs):
            return tips
        branches = [name.removeprefix(HEADS) for name in self.refs if name.startswith(HEADS)]
        if branches:
            raise missing_branch(wanted, self.url, branches)
        has = f"only {', '.join(sorted(self.refs)[:5])}" if self.refs else "no ref at all"
        named = "--branches" if wanted.several else wanted.text
        msg = (
            f"the bundle {self.url} has no branch {wanted.text!r}, {has}: "
            f"make it of the branch itself, with `git bundle create FILE {named}`"
        )
        raise Stalled(msg)

    def unpack(self, mirror: pygit2.Repository, stop: threading.Event) -> None:
        """Put the bundle's objects into the mirror; they are checked against their ids on the way.

        Raises:
            Stalled: the mirror lacks what the bundle builds on, or there is no ``git`` command.
            Unavailable: the bundle is damaged or still being written, or the bridge is closing.
        """
        if missing := sorted(oid.hex() for oid in self.prerequisites if pygit2.Oid(raw=oid) not in mirror):
            msg = (
                f"the bundle {self.url} builds on {missing[0]}, which was not read before: "
                "make one of the whole history (`git bundle create FILE BRANCH`), or put the bundle before it there first"
            )
            raise Stalled(msg)
        git = shutil.which("git")
        if git is None:
            msg = (
                f"reading the bundle {self.url} needs the git command, and there is none on PATH: "
                "install git, or clone the bundle elsewhere and let `url` name the clone"
            )
            raise Stalled(msg)
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.pack_at)
                said = _index_pack(git, Path(mirror.path), file, stop)
        except OSError as error:
            raise Unavailable(f"the bundle {self.url} can't be read: {error.strerror or error}") from error
        if said is None:
            raise Unavailable(f"reading {self.url} was ended because the bridge is closing")
        if said:
            raise Unavailable(f"the bundle {self.url} is damaged or not written to its end ({said}): it is tried again")


def read_bundle(path: Path, url: RepoUrl) -> Bundle | None:
    """The bundle at ``path``; None where there is no file that begins like one.

    Raises:
        Stalled: its header is one that can't be read.
    """
    try:
        with path.open("rb") as file:
            signature = _SIGNATURE.fullmatch(file.readline(_LONGEST_LINE))
            if signature is None:
                return None
            if signature[1] not in _VERSIONS:
                version = signature[1].decode()
                raise Stalled(
                    f"the bundle {url} has version {version}: expected 2 or 3 (`git bundle create --version=3`)"
                )
            return _read_header(file, path, url)
    except OSError:
        return None


def _read_header(file: BinaryIO, path: Path, url: RepoUrl) -> Bundle:
    refs: dict[str, bytes] = {}
    prerequisites: set[bytes] = set()
    for _ in range(_MOST_LINES):
        line = file.readline(_LONGEST_LINE)
        if line == b"\n":
            return Bundle(path, url, refs, frozenset(prerequisites), file.tell())
        if line.startswith(b"@"):
            _check_capability(line, url)
            continue
        match = _LINE.fullmatch(line)
        if match is None or not (match[1] or match[3]):
            break
        if match[1]:
            prerequisites.add(bytes.fromhex(match[2].decode()))
        else:
            refs[match[3].decode("utf-8", "backslashreplace")] = bytes.fromhex(match[2].decode())
    raise Stalled(f"the header of the bundle {url} is damaged or cut off: make it again with `git bundle create`")


def _check_capability(line: bytes, url: RepoUrl) -> None:
    if line.startswith(b"@filter="):
        msg = f"the bundle {url} leaves objects out (it was made with --filter): make one of the whole history"
        raise Stalled(msg)
    if line != b"@object-format=sha1\n":
        shown = line.decode("utf-8", "backslashreplace").strip()[:80]
        raise Stalled(f"the bundle {url} needs {shown!r}, which can't be read: make it of a repository with SHA-1 ids")


def _index_pack(git: str, mirror: Path, file: BinaryIO, stop: threading.Event) -> str | None:
    """Run git over the rest of ``file``. What it said of a failure, empty after success, None when it was ended."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_DIR": str(mirror),
        "GIT_CONFIG_NOSYSTEM": "1",  # only what git itself would do: no configuration of this machine or user
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
    }
    process = subprocess.Popen(  # noqa: S603 - a fixed command; the file comes over standard input
        [git, "index-pack", "--stdin", "--fix-thin"],
        stdin=file,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    )
    try:
        while True:
            try:
                _, said = process.communicate(timeout=_LOOK_EVERY)
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    return None
                continue
            text = " ".join(said.decode("utf-8", "replace").split())[:200]
            return (text or f"git ended with {process.returncode}") if process.returncode else ""
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
