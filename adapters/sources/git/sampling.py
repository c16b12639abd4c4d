"""A look at a repository without rules: the files at its tip and the changes of a sample of its landings, for discovery.

Nothing is written but a bare mirror in a directory of the caller's, which goes with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pygit2
from pydantic import ValidationError
from pygit2.enums import RepositoryOpenFlag

from adapters.sources.git.bundles import read_bundle
from adapters.sources.git.client import Mirror, set_up_libgit2
from adapters.sources.git.faults import explain
from adapters.sources.git.landings import read_line
from adapters.sources.git.objects import ObjectMissing, Objects
from adapters.sources.git.settings import RepositorySettings
from bridge.errors import Refused, Stalled, Unavailable
from bridge.formats.declarations.proposals.history_sample import FileMove, HistorySample
from bridge.redaction import RepoUrl

_MOST_LANDINGS = 6000  # that are looked at: the newest half of them, and the rest evenly from the older ones
_MOST_MOVES = 200_000  # changes of files that are remembered; a landing that rewrites everything is no bump
_LARGEST_LANDING = 500  # files; one that changes more is a reformat or a move of everything
_LARGEST_FILE = 1_000_000  # bytes

Steps = Callable[[int, int | None], None]


@contextmanager
def open_sample(
    address: str, branch: str | None, credentials: Mapping[str, object], on_progress: Steps
) -> Iterator[HistorySample]:
    """Fetch a repository into a temporary mirror and look through it; ``branch`` None: the one that its HEAD names.

    ``credentials`` is the table of that name of a Git source.

    Raises:
        Refused: the address or the branch is none.
        Stalled, Unavailable: it can't be had; the text says why.
    """
    with TemporaryDirectory(prefix="deploybridge-") as directory:
        settings = _settings(address, branch or "main", credentials)
        set_up_libgit2(settings.credentials, Path(directory) / ".home")
        if branch is None:
            settings = settings.model_copy(update={"branch": _default_branch(settings, Path(directory))})
        mirror = Mirror(settings, Path(directory), threading.Event())
        try:
            tip = mirror.update()[settings.branch]
            yield _look_through(settings, mirror, tip, on_progress)
        except (pygit2.GitError, KeyError, ObjectMissing) as error:
            raise Unavailable(f"{settings.url} is damaged or was cut off ({error}): try again, or repair it") from error
        finally:
            mirror.close()


def _settings(address: str, branch: str, credentials: Mapping[str, object]) -> RepositorySettings:
    try:
        given = RepositorySettings.model_validate(
            {"name": "discover", "url": address, "branch": branch, "credentials": credentials},
            context={"directory": Path.cwd()},
        )
    except ValidationError as error:
        said = "; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors(include_url=False))
        raise Refused(said) from None
    if given.branches.several:
        msg = f"{branch!r} is a pattern: name one of the branches; the rules found there may serve the others too"
        raise Refused(msg)
    return given


def _default_branch(settings: RepositorySettings, directory: Path) -> str:
    path = settings.url.local_path
    if path is not None and path.is_file():
        bundle = read_bundle(path, settings.url)
        names = {} if bundle is None else bundle.refs
        head = names.get("HEAD")
        heads = [name.removeprefix("refs/heads/") for name in sorted(names) if name.startswith("refs/heads/")]
        return next((name for name in heads if names[f"refs/heads/{name}"] == head), (heads or ["main"])[0])
    if path is not None:
        return _local_head(path)
    scratch = pygit2.init_repository(str(directory / "scratch.git"), bare=True)
    mirror = Mirror(settings, directory, threading.Event())
    try:
        advertised = scratch.remotes.create_anonymous(settings.url.address).list_heads(callbacks=mirror.callbacks())
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise explain(error, settings.url) from error
    finally:
        scratch.free()
    target = next((head.symref_target for head in advertised if head.name == "HEAD" and head.symref_target), None)
    return (target or "refs/heads/main").removeprefix("refs/heads/")


def _local_head(path: Path) -> str:
    try:
        repository = pygit2.Repository(str(path), RepositoryOpenFlag.NO_SEARCH)
    except (pygit2.GitError, KeyError, OSError):
        return "main"  # whoever opens it for good says what is wrong with it
    try:
        target = repository.references["HEAD"].target
        return str(target).removeprefix("refs/heads/") if isinstance(target, str) else "main"
    except KeyError:
        return "main"
    finally:
        repository.free()


def _look_through(settings: RepositorySettings, mirror: Mirror, tip: bytes, on_progress: Steps) -> HistorySample:
    objects = mirror.objects
    line = read_line(mirror.repository, tip, tolerant=True).landings
    chosen = _chosen(len(line))
    moves: list[FileMove] = []
    for done, index in enumerate(chosen):
        if done % 200 == 0:
            on_progress(done, len(chosen))
        if len(moves) < _MOST_MOVES and index > 0:
            moves += _moves(objects, line[index - 1], line[index])
    return HistorySample(
        url=_shown(settings.url),
        branch=settings.branch,
        revision=tip.hex(),
        landings=len(line),
        landings_read=len(chosen),
        tip={
            change.path: change.after
            for change in objects.changes(None, objects.commit(tip).tree, may_contain=_always, matches=_always).tracked
            if change.after is not None and change.is_regular
        },
        moves=moves,
        read=_reader(objects),
    )


def _shown(url: RepoUrl) -> str:
    """The address as a configuration elsewhere can use it: a user name such as ``git@`` belongs to it and is no secret."""
    return url.address


def _chosen(landings: int) -> list[int]:
    """The indexes of the landings that are looked at, newest first."""
    newest = range(landings - 1, max(-1, landings - 1 - _MOST_LANDINGS // 2), -1)
    older = landings - len(newest)
    stride = max(1, -(-older // (_MOST_LANDINGS // 2)))
    return [*newest, *range(older - 1, -1, -stride)]


def _moves(objects: Objects, before: bytes, after: bytes) -> list[FileMove]:
    """What one landing changed; files that were not there before it are found where they are changed next, or at the tip."""
    old, new = objects.commit(before).tree, objects.commit(after).tree
    if old == new:
        return []
    try:
        changes = objects.changes(old, new, may_contain=_always, matches=_always).tracked
    except (
        Stalled,
        ObjectMissing,
    ):  # a tree bomb, or a part of history that is not here: nothing can be learned from it
        return []
    if len(changes) > _LARGEST_LANDING:
        return []
    moves = (FileMove(each.path, each.before, each.after if each.is_regular else None) for each in changes)
    return [move for move in moves if move.before or move.after]


def _reader(objects: Objects) -> Callable[[bytes], bytes | None]:
    def read(blob: bytes) -> bytes | None:
        try:
            return objects.read(blob) if objects.size(blob) <= _LARGEST_FILE else None
        except ObjectMissing:
            return None

    return read


def _always(_path: str) -> bool:
    return True
