"""The wire: a bare mirror of one branch in the data directory, fetched with libgit2. Used by one thread."""

from __future__ import annotations

import re
import shutil
import threading
from hashlib import sha256
from pathlib import Path

import pygit2
from pygit2.enums import CredentialType, ObjectType
from pygit2.remotes import TransferProgress

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
    """One branch of one repository, kept bare under ``mirrors/``; no address and no secret is written into it."""

    def __init__(self, settings: RepositorySettings, data_dir: Path, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self.data_dir = data_dir
        self.directory = data_dir / "mirrors" / _safe_name(settings.name)
        self._repository: pygit2.Repository | None = None
        self._objects: Objects | None = None
        self.announced: bytes | None = (
            None  # the tip, where it was looked up just now: the next update need not ask again
        )
        path = settings.url.local_path
        self.local = None if path is None else LocalRepository(settings.url, path.absolute(), settings.branch)

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

    def update(self) -> bytes:
        """Bring the branch's newest commit here, with all its history, and return it.

        Raises:
            Stalled, Unavailable: it can't be had; the text says why.
            pygit2.GitError, KeyError: the mirror is damaged.
        """
        tip, self.announced = self.announced or self._remote_tip(), None
        try:
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            if self._fetched() != tip:
                self._fetch(tip)
        except OSError as error:
            raise Unavailable(f"the mirror {self.directory} can't be written: {error.strerror or error}") from error
        return self._fetched() or tip

    def newest(self) -> bytes | None:
        """The newest commit that was fetched; None: none was, or the mirror is damaged or not whole."""
        try:
            return None if self.repository.is_shallow else self._fetched()
        except _DAMAGE:
            return None

    def take(self, pack: bytes, tip: bytes) -> None:
        """Add what a server sent for ``tip``. Whatever is wrong with it: the update that follows fetches as if it had not come."""
        try:
            for kind, content in read_pack(pack, self._object):
                self.repository.write(kind, content)
            self.repository.references.create(_FETCHED, pygit2.Oid(raw=tip), force=True)
        except (BadPack, *_DAMAGE):
            return  # as the promise says: that fetch tells what is wrong

    def _object(self, oid: bytes) -> tuple[Kind, bytes] | None:
        found = self.repository.get(pygit2.Oid(raw=oid))
        return None if found is None else (Kind(found.type), found.read_raw())

    def keep(self, tip: str) -> None:
        """Keep a commit and its history alive, even if the branch drops it."""
        try:
            kept = self.repository.references.get(_CURSOR)
            if kept is None or str(kept.target) != tip:
                self.repository.references.create(_CURSOR, tip, force=True)
        except (pygit2.GitError, OSError) as error:  # the disk's fault: what the reference names was just read
            raise Unavailable(f"the mirror {self.directory} can't be written: {error}") from error

    def discard(self) -> None:
        """Delete the mirror, so that the next update makes another."""
        self.close()
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

    def _fetched(self) -> bytes | None:
        reference = self.repository.references.get(_FETCHED)
        if reference is None or isinstance(reference.target, str) or reference.target not in self.repository:
            return None
        return reference.target.raw

    def _remote_tip(self) -> bytes:
        if self.local is not None:
            return self.local.tip()
        remote = self.repository.remotes.create_anonymous(self._settings.url.address)
        try:
            heads = {head.name: head.oid for head in remote.list_heads(callbacks=self.callbacks())}
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise explain(error, self._settings.url) from error
        wanted = f"refs/heads/{self._settings.branch}"
        if wanted not in heads:
            branches = [name.removeprefix("refs/heads/") for name in heads if name and name.startswith("refs/heads/")]
            raise missing_branch(self._settings.branch, self._settings.url, branches)
        return heads[wanted].raw

    def _fetch(self, tip: bytes) -> None:
        """Fetch the branch. The tip was looked up before; a branch that moves meanwhile is read as far as it came."""
        repository = self.repository
        if self.local is not None and (bundle := self.local.bundle()) is not None:
            found = pygit2.Oid(raw=bundle.tip(self._settings.branch))
            if found not in repository:
                bundle.unpack(repository, self._stop)
            repository.references.create(_FETCHED, found, force=True)
            return
        if self.local is not None and pygit2.Oid(raw=tip) in repository and repository.references.get(_FETCHED) is None:
            repository.references.create(_FETCHED, pygit2.Oid(raw=tip), force=True)  # the copied objects hold it all
            return
        address = str(self.local.path) if self.local else self._settings.url.address
        remote = repository.remotes.create_anonymous(address)
        try:
            remote.fetch([f"+refs/heads/{self._settings.branch}:{_FETCHED}"], callbacks=self.callbacks())
        except (pygit2.GitError, KeyError, ValueError) as error:
            if is_foreign(error):
                raise explain(error, self._settings.url) from error
            raise  # the server answered a moment ago: the mirror is the suspect

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
