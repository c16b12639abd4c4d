"""The wire: a bare mirror of a source's branches in the data directory, fetched with libgit2. Used by one thread."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pygit2
from pygit2.enums import CredentialType, ObjectType
from pygit2.remotes import TransferProgress

from adapters.sources.git.branch_names import HEADS
from adapters.sources.git.faults import explain, is_foreign, missing_branch
from adapters.sources.git.local import LocalRepository
from adapters.sources.git.objects import Objects
from adapters.sources.git.packs import BadPack, Kind, read_pack
from adapters.sources.git.settings import Credentials, RepositorySettings
from bridge.errors import Stalled, Unavailable
from bridge.redaction import RepoUrl

_CONNECT_TIMEOUT = 15_000  # milliseconds; libgit2 has none of its own and would wait for ever
_ANSWER_TIMEOUT = 60_000  # milliseconds without a byte; a large host may compute that long before it sends a pack
_DAMAGE = (pygit2.GitError, KeyError, ValueError, OSError)
_CACHED_COMMITS = 64 * 1024 * 1024  # bytes; about 100,000 commits
_MOST_BRANCHES = 500  # of one source: where each stands is part of every cursor
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_FETCHED = "refs/deploybridge/fetched"
_CURSOR = "refs/deploybridge/cursor"  # keeps the last tip that was read alive, whatever the branch became


def set_up_libgit2(credentials: Credentials, home: Path) -> None:
    """Set what libgit2 knows only for the whole process: timeouts, caching, authorities, host keys, ownership.

    A mounted clone often belongs to another user; it is only read, and nothing in it is executed, so its owner is not checked.
    """
    pygit2.settings.server_connect_timeout = _CONNECT_TIMEOUT
    pygit2.settings.server_timeout = _ANSWER_TIMEOUT
    pygit2.settings.owner_validation = False
    set_up_caches()
    if credentials.ca_file is not None:
        try:
            pygit2.settings.set_ssl_cert_locations(str(credentials.ca_file), None)
        except (pygit2.GitError, OSError, ValueError) as error:
            raise Stalled(
                f"`credentials.ca_file` {credentials.ca_file} can't be used ({error}): expected a PEM file"
            ) from None
    if credentials.known_hosts is not None:
        _add_known_hosts(credentials.known_hosts, home)


def set_up_caches() -> None:
    """Commits are met twice, in the walk and when they are read; trees and files once, so that keeping them only costs time."""
    pygit2.settings.cache_max_size(_CACHED_COMMITS)
    pygit2.settings.cache_object_limit(ObjectType.COMMIT, 4096)
    pygit2.settings.cache_object_limit(ObjectType.TREE, 0)
    pygit2.settings.cache_object_limit(ObjectType.BLOB, 0)


def _add_known_hosts(wanted: Path, home: Path) -> None:
    """libgit2 reads ``~/.ssh/known_hosts`` only, so its home becomes a private one with the lines of both files."""
    collected = home / ".ssh" / "known_hosts"
    lines: dict[str, None] = {}
    for file in (Path.home() / ".ssh" / "known_hosts", collected, wanted):
        try:
            lines |= dict.fromkeys(file.read_text(encoding="utf-8", errors="replace").splitlines())
        except OSError as error:
            if file == wanted:
                raise Stalled(f"`credentials.known_hosts` {wanted} can't be read: {error.strerror}") from None
    collected.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    collected.write_text("\n".join(lines) + "\n", encoding="utf-8")
    pygit2.settings.homedir = str(home)


class Mirror:
    """The branches of one source, kept bare under ``mirrors/``; no address and no secret is written into it."""

    def __init__(self, settings: RepositorySettings, data_dir: Path, stop: threading.Event) -> None:
        self._settings = settings
        self._branches = settings.branches
        self._stop = stop
        self.data_dir = data_dir
        self.directory = data_dir / "mirrors" / _safe_name(settings.name)
        self._repository: pygit2.Repository | None = None
        self._objects: Objects | None = None
        self.times_discarded = 0
        self.announced: Mapping[str, bytes] | None = (
            None  # the tips, where they were looked up just now: the next update need not ask again
        )
        path = settings.url.local_path
        self.local = None if path is None else LocalRepository(settings.url, path.absolute(), settings.branches)

    @property
    def repository(self) -> pygit2.Repository:
        """The open mirror."""
        if self._repository is None:
            self._repository = self._open()
        return self._repository

    @property
    def objects(self) -> Objects:
        """Its objects, with the trees read so far."""
        if self._objects is None:
            self._objects = Objects(self.repository)
        return self._objects

    def update(self) -> dict[str, bytes]:
        """Bring each branch's newest commit here, with all its history, and return them in order of the branches' names.

        Raises:
            Stalled, Unavailable: they can't be had, or there is no such branch; the text says why.
            pygit2.GitError, KeyError: the mirror is damaged.
        """
        tips, self.announced = self.announced or self._remote_tips(), None
        if len(tips) > _MOST_BRANCHES:
            many = f"{len(tips)} branches of {self._settings.url} match {self._branches.text!r}"
            raise Stalled(f"{many}, and at most {_MOST_BRANCHES} are read: narrow `branch`")
        try:
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            moved = {branch: tip for branch, tip in tips.items() if self._fetched(branch) != tip}
            if moved:
                self._fetch(moved)
        except OSError as error:
            raise Unavailable(f"the mirror {self.directory} can't be written: {error.strerror or error}") from error
        return {branch: self._fetched(branch) or tip for branch, tip in tips.items()}

    def newest(self, branches: Iterable[str]) -> dict[str, bytes]:
        """The newest commits that were fetched of these; none where the mirror is damaged or not whole."""
        try:
            if self.repository.is_shallow:
                return {}
            return {branch: tip for branch in branches if (tip := self._fetched(branch)) is not None}
        except _DAMAGE:
            return {}

    def take(self, pack: bytes, tips: Mapping[str, bytes]) -> None:
        """Add what a server sent for ``tips``. Whatever is wrong with it: the update that follows fetches as if it had not come."""
        try:
            for kind, content in read_pack(pack, self._object):
                self.repository.write(kind, content)
            for branch, tip in tips.items():
                self._point(branch, tip)
        except (BadPack, *_DAMAGE):
            return  # as the promise says: that fetch tells what is wrong

    def _object(self, oid: bytes) -> tuple[Kind, bytes] | None:
        found = self.repository.get(pygit2.Oid(raw=oid))
        return None if found is None else (Kind(found.type), found.read_raw())

    def keep(self, branch: str, tip: str) -> None:
        """Keep the last commit that was read of a branch, and its history, alive, even if the branch drops it."""
        name = self._reference(_CURSOR, branch)
        try:
            kept = self.repository.references.get(name)
            if kept is None or str(kept.target) != tip:
                self.repository.references.create(name, tip, force=True)
        except (pygit2.GitError, OSError) as error:  # the disk's fault: what the reference names was just read
            raise Unavailable(f"the mirror {self.directory} can't be written: {error}") from error

    def forget(self, gone: Iterable[str]) -> None:
        """Let go of branches that were deleted."""
        for branch in gone:
            for kind in (_FETCHED, _CURSOR):
                name = self._reference(kind, branch)
                if name in self.repository.references:
                    self.repository.references.delete(name)

    def discard(self) -> None:
        """Delete the mirror, so that the next update makes another."""
        self.close()
        self.times_discarded += 1
        shutil.rmtree(self.directory, ignore_errors=True)

    def close(self) -> None:
        """Let go of every file."""
        if self._objects is not None:
            self._objects.release()
        if self._repository is not None:
            self._repository.free()
        self._repository = self._objects = None

    def _open(self) -> pygit2.Repository:
        for lock in [*self.directory.glob("*.lock"), *self.directory.glob("refs/**/*.lock")]:
            lock.unlink(missing_ok=True)  # left by a process that was killed: this one is the directory's only owner
        if self.directory.exists():
            try:
                return pygit2.Repository(str(self.directory))
            except (pygit2.GitError, KeyError):
                shutil.rmtree(self.directory)
        pygit2.init_repository(str(self.directory), bare=True)
        if self.local is not None and self.local.path.is_dir() and not self.local.copy_objects(self.directory):
            shutil.rmtree(self.directory)
            pygit2.init_repository(str(self.directory), bare=True)
        return pygit2.Repository(str(self.directory))

    def _reference(self, kind: str, branch: str) -> str:
        """Where something of a branch is kept: one name of a flat list where there may be several."""
        return f"{kind}-of/{quote(branch, safe='')}" if self._branches.several else kind

    def _point(self, branch: str, tip: bytes) -> None:
        self.repository.references.create(self._reference(_FETCHED, branch), pygit2.Oid(raw=tip), force=True)

    def _fetched(self, branch: str) -> bytes | None:
        reference = self.repository.references.get(self._reference(_FETCHED, branch))
        if reference is None or isinstance(reference.target, str) or reference.target not in self.repository:
            return None
        return reference.target.raw

    def _remote_tips(self) -> dict[str, bytes]:
        if self.local is not None:
            return self.local.tips()
        remote = self.repository.remotes.create_anonymous(self._settings.url.address)
        try:
            heads = {head.name or "": head.oid.raw for head in remote.list_heads(callbacks=self.callbacks())}
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise explain(error, self._settings.url) from error
        if not (tips := self._branches.among(heads)):
            branches = [name.removeprefix(HEADS) for name in heads if name.startswith(HEADS)]
            raise missing_branch(self._branches, self._settings.url, branches)
        return tips

    def _fetch(self, moved: Mapping[str, bytes]) -> None:
        """Fetch the branches. Their tips were looked up before; one that moves meanwhile is read as far as it came."""
        repository = self.repository
        if self.local is not None and (bundle := self.local.bundle()) is not None:
            tips = bundle.tips(self._branches)
            if any(pygit2.Oid(raw=tip) not in repository for tip in tips.values()):
                bundle.unpack(repository, self._stop)
            for branch, tip in tips.items():
                self._point(branch, tip)
            return
        if self.local is not None and self._is_copied(moved):
            for branch, tip in moved.items():
                self._point(branch, tip)
            return
        address = str(self.local.path) if self.local else self._settings.url.address
        remote = repository.remotes.create_anonymous(address)
        wanted = [f"+{HEADS}{branch}:{self._reference(_FETCHED, branch)}" for branch in moved]
        try:
            remote.fetch(wanted, callbacks=self.callbacks())
        except (pygit2.GitError, KeyError, ValueError) as error:
            if is_foreign(error):
                raise explain(error, self._settings.url) from error
            raise  # the server answered a moment ago: the mirror is the suspect
        if went := [branch for branch in moved if self._fetched(branch) is None]:
            raise Unavailable(
                f"branch {went[0]!r} of {self._settings.url} went while it was fetched: it is tried again"
            )

    def _is_copied(self, tips: Mapping[str, bytes]) -> bool:
        """Whether nothing was fetched yet and the objects that were copied hold it all."""
        repository = self.repository
        none_yet = not any(name.startswith(_FETCHED) for name in repository.references)
        return none_yet and all(pygit2.Oid(raw=tip) in repository for tip in tips.values())

    def callbacks(self) -> pygit2.RemoteCallbacks:
        """Answers for one connection."""
        return _Callbacks(self._settings.url, self._settings.credentials, self._stop)


class _Callbacks(pygit2.RemoteCallbacks):
    """Answers for one connection. libgit2 asks again where an answer was refused: the second question is the refusal."""

    def __init__(self, url: RepoUrl, credentials: Credentials, stop: threading.Event) -> None:
        super().__init__()
        self._url = url
        self._credentials = credentials
        self._stop = stop
        self._answered: set[CredentialType] = set()

    def credentials(
        self, url: str, username_from_url: str | None, allowed_types: CredentialType
    ) -> pygit2.Username | pygit2.UserPass | pygit2.Keypair | pygit2.KeypairFromAgent:
        del url  # the one that was asked for is known, and safe to show
        user = username_from_url or self._credentials.username or "git"
        if allowed_types & CredentialType.USERPASS_PLAINTEXT and self._credentials.password is not None:
            self._once(CredentialType.USERPASS_PLAINTEXT)
            return pygit2.UserPass(self._credentials.username or user, self._credentials.password.read())
        if allowed_types & CredentialType.SSH_KEY:
            self._once(CredentialType.SSH_KEY)
            return self._ssh_key(user)
        if allowed_types & CredentialType.USERNAME:
            self._once(CredentialType.USERNAME)
            return pygit2.Username(user)
        msg = (
            f"{self._url} asks for credentials: set `credentials.username` and `credentials.password: {{file or env}}`"
        )
        raise Stalled(msg)

    def certificate_check(self, certificate: None, valid: bool, host: bytes) -> bool:
        """What libgit2 found. Without this, pygit2 lets every SSH host through, known or not."""
        del certificate, host
        return valid

    def transfer_progress(self, stats: TransferProgress) -> None:
        del stats
        if self._stop.is_set():
            raise Unavailable(f"fetching {self._url} was ended because the bridge is closing")

    def _once(self, kind: CredentialType) -> None:
        if kind in self._answered:
            raise Stalled(
                f"{self._url} refused the credentials: check `credentials` and whether they may read this repository"
            )
        self._answered.add(kind)

    def _ssh_key(self, user: str) -> pygit2.Keypair | pygit2.KeypairFromAgent:
        key, secret = self._credentials.ssh_key, self._credentials.ssh_passphrase
        if key is None:
            return pygit2.KeypairFromAgent(user)
        if not key.is_file():
            raise Stalled(f"the SSH key {key} is not there: correct `credentials.ssh_key`")
        return pygit2.Keypair(user, None, str(key), secret.read() if secret else "")


def _safe_name(name: str) -> str:
    """A directory name for a source's name; names that differ have directories that differ."""
    safe = _UNSAFE.sub("-", name).strip(".-")
    if safe != name or len(safe) > 64:  # noqa: PLR2004 - far below any file system's limit
        safe = f"{safe[:64]}-{sha256(name.encode()).hexdigest()[:8]}"
    return safe + ".git"
