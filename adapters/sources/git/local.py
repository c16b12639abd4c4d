"""A repository or bundle on this machine: the tips of branches, a quick first copy of its objects, and what to watch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pygit2
from pygit2.enums import RepositoryOpenFlag

from adapters.sources.git.branch_names import HEADS, BranchNames
from adapters.sources.git.bundles import Bundle, read_bundle
from adapters.sources.git.faults import missing_branch
from bridge.errors import Stalled
from bridge.redaction import RepoUrl


class LocalRepository:
    """Reads, never writes. The directory may vanish and come back between two calls."""

    def __init__(self, url: RepoUrl, path: Path, branches: BranchNames) -> None:
        self.path = path
        self._url = url
        self._branches = branches

    def bundle(self) -> Bundle | None:
        """The bundle that the path names; None while it names a directory or nothing.

        Raises:
            Stalled: a bundle that can't be read.
        """
        return read_bundle(self.path, self._url) if self.path.is_file() else None

    def tips(self) -> dict[str, bytes]:
        """The branches' newest commits, in order of their names.

        Raises:
            Stalled: no repository, no commit, or no such branch.
        """
        if (bundle := self.bundle()) is not None:
            return bundle.tips(self._branches)
        try:
            repository = pygit2.Repository(str(self.path), RepositoryOpenFlag.NO_SEARCH)
        except (pygit2.GitError, KeyError, OSError):
            if self.path.is_file():
                raise Stalled(f"the file {self.path} is no Git bundle: correct `url`") from None
            what = "is no Git repository" if self.path.exists() else "is not there"
            raise Stalled(f"the directory {self.path} {what}: correct `url`, or mount or clone it there") from None
        try:
            return self._tips_in(repository)
        finally:
            repository.free()

    def _tips_in(self, repository: pygit2.Repository) -> dict[str, bytes]:
        several = self._branches.several
        branch = self._branches.text
        try:
            names = [branch] if not several else sorted(repository.branches.local)
            tips: dict[str, bytes] = {}
            for branch in names:
                found = None
                if self._branches.captured_from(branch) is not None:
                    found = repository.references.get(HEADS + branch)
                if found is not None:
                    tips[branch] = found.resolve().peel(pygit2.Commit).id.raw
            if not tips:
                raise missing_branch(self._branches, self._url, list(repository.branches.local))
        except (pygit2.GitError, KeyError, OSError, ValueError) as error:
            raise Stalled(f"branch {branch!r} of {self._url} names no commit ({error}): repair it") from None
        return tips

    def mark(self) -> object:
        """What tells, without opening the repository, that a branch may have moved: the times of the files that hold it."""
        if self.path.is_file():
            return _stamp(self.path)
        try:
            common = self._common_directory()
        except OSError:
            return None
        heads = [common / HEADS / self._branches.text]
        if self._branches.several:
            heads = [Path(at) / file for at, _, files in self._walk_heads(common) for file in sorted(files)]
        files = (*heads, common / "packed-refs", common / "reftable" / "tables.list")
        return tuple((file, _stamp(file)) for file in files)

    def _walk_heads(self, common: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        """The directories of all branches whose names begin as the pattern does, with their directories and files."""
        for at, directories, files in os.walk(common / HEADS / self._branches.prefix.rpartition("/")[0]):
            directories.sort()
            yield at, directories, files

    def copy_objects(self, target: Path) -> bool:
        """Copy the whole object store into a fresh mirror, as ``git clone`` does locally; libgit2's own way is 5 times as slow.

        False: it can't be copied as it is (it borrows from another, or is being repacked); the copy may be incomplete.
        """
        source = self._common_directory() / "objects"
        if (source / "info" / "alternates").exists():
            return False
        try:
            for file in _object_files(source):
                copy = target / "objects" / file.relative_to(source)
                copy.parent.mkdir(exist_ok=True)
                shutil.copyfile(file, copy)
            shallow = self._common_directory() / "shallow"
            if shallow.exists():
                shutil.copyfile(shallow, target / "shallow")
        except OSError:
            return False
        return True

    def _git_directory(self) -> Path:
        inner = self.path / ".git"
        if inner.is_file():  # a linked work tree or a submodule: one line, `gitdir: PATH`
            pointer = inner.read_text(encoding="utf-8", errors="replace").partition(":")[2].strip()
            return self.path / pointer
        return inner if inner.is_dir() else self.path

    def _common_directory(self) -> Path:
        directory = self._git_directory()
        pointer = directory / "commondir"
        if pointer.is_file():
            return directory / pointer.read_text(encoding="utf-8", errors="replace").strip()
        return directory

    def ref_directories(self) -> list[Path]:
        """Where Git writes when a branch moves; empty while there is no repository."""
        if self.path.is_file():
            return [self.path.parent]  # a new bundle is usually moved over the old one
        try:
            common = self._common_directory()
        except OSError:
            return []
        heads = common / HEADS
        wanted = [common, heads, (heads / self._branches.prefix).parent]
        if self._branches.several:
            wanted += [Path(at) for at, _, _ in self._walk_heads(common)]
        return [directory for directory in dict.fromkeys(wanted) if directory.is_dir()]


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Changes whenever Git replaces the file; None: it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _object_files(source: Path) -> Iterator[Path]:
    """Loose objects before packs: what a repack moves meanwhile is then found in its pack; indexes last."""
    for directory in sorted(source.iterdir()):
        if directory.is_dir() and len(directory.name) == 2:  # noqa: PLR2004 - the first two hex digits of an id
            yield from (file for file in directory.iterdir() if len(file.name) == 38)  # noqa: PLR2004 - the other 38
    packs = sorted(source.glob("pack/pack-*"))
    yield from (file for file in packs if file.suffix == ".pack")
    yield from (file for file in packs if file.suffix == ".idx")
