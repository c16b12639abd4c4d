"""List, then watch, and never lose count: what was told is told once, what can't be told any more is said to be a gap.

After ``kubernetes.io/docs/reference/using-api/api-concepts``: pages with continue tokens, bookmarks, and 410 in both of its forms
(an HTTP status, an ERROR event), upon which the state is listed again and compared with what is known, so that deletions are found.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from adapters.kubernetes_client.cluster import Cluster
from adapters.kubernetes_client.failures import Gone, Rejected, Status, read_status
from adapters.kubernetes_client.known import Change, Described, KnownObjects, Verb, is_older_version
from adapters.kubernetes_client.lines import LineSplitter
from adapters.kubernetes_client.objects import Metadata
from bridge.clock import Clock
from bridge.errors import Unavailable

_WATCH_SECONDS = (240, 290)  # the server ends a watch after this; spread, so that many do not come back at once
_PAGE_BYTES = 2 * 1024 * 1024  # decoded in one go: small enough that the event loop turns meanwhile
_SMALLEST_PAGE = 10
_AT_ONCE = 1.0  # seconds; a watch that ends sooner and empty must not be made anew in a tight loop
_EXPIRED = 410
_UNANSWERABLE = frozenset({400, 422})  # what servers say to an exact version that they can't list

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Batch(Generic[Kept]):
    """Changes in order. ``version`` is the resourceVersion after them, where it is known; ``synced``: nothing is outstanding."""

    changes: Sequence[Change[Kept]] = ()
    version: str | None = None
    synced: bool = False
    gap: str | None = None


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Identity(msgspec.Struct):
    metadata: Metadata


class _BookmarkMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMetadata


_page = msgspec.json.Decoder(_Page)
_line = msgspec.json.Decoder(_Line)
_bookmark = msgspec.json.Decoder(_Bookmark)


@dataclass(slots=True)
class ListWatch(Generic[Kept]):
    """One kind in one namespace (or in all): ``path`` such as ``/apis/apps/v1/deployments``.

    ``describe`` decodes one object and returns the little that is kept of it; it raises ``msgspec.DecodeError`` for anything else.
    ``selectors`` are query parameters: ``labelSelector``, ``fieldSelector``.
    """

    cluster: Cluster
    path: str
    describe: Callable[[bytes | msgspec.Raw], Described[Kept]]
    clock: Clock
    selectors: Mapping[str, str] = field(default_factory=dict)
    _known: KnownObjects[Kept] = field(default_factory=KnownObjects, init=False)
    _version: str | None = field(default=None, init=False)  # None: list before watching
    _synced: bool = field(default=False, init=False)  # the state was told whole at least once
    _gap: str | None = field(default=None, init=False)  # why a list that comes does not follow on what was told

    async def read(self, cursor: str | None) -> AsyncGenerator[Batch[Kept], None]:
        """The state as changes, then each change; goes on where it was after an error, and from ``cursor`` after a restart.

        With a cursor the state is first listed as it was then, and everything since is watched: nothing is missed, unless
        the server has forgotten it, which the batch that ends the list then says in ``gap``. Endless.

        Raises:
            Unavailable, Stalled: call it again later.
        """
        while True:
            if self._version is None:
                async with aclosing(self._list(cursor)) as batches:
                    async for batch in batches:
                        yield batch
                cursor = None
            async with aclosing(self._watch()) as batches:
                async for batch in batches:
                    yield batch

    # --- list ------------------------------------------------------------------------------------------------------

    async def _list(self, cursor: str | None) -> AsyncGenerator[Batch[Kept], None]:
        exact = {"resourceVersion": cursor, "resourceVersionMatch": "Exact"} if cursor and not self._synced else {}
        while True:
            try:
                async with aclosing(self._pages(exact)) as batches:
                    async for batch in batches:
                        yield batch
            except (Gone, Rejected) as error:
                if not _may_list_anew(error, exact):
                    raise
                if exact:
                    self._gap = f"changes since the last recorded state are no longer known to the server: {error}"
                    exact = {}
                    continue
                raise Unavailable(str(error)) from error
            else:
                return

    async def _pages(self, exact: Mapping[str, str]) -> AsyncGenerator[Batch[Kept], None]:
        seen: set[tuple[str, str]] = set()
        limit = min(self.cluster.settings.page_size, 100)
        params = {**self.selectors, **exact, "limit": str(limit)}
        differs = not self._synced
        while True:
            body = await self.cluster.get(self.path, params)
            page, changes = self._take_page(body, seen)
            differs = differs or bool(changes)
            if not page.metadata.continue_:
                break
            yield Batch(changes)
            fitting = max(_SMALLEST_PAGE, limit * _PAGE_BYTES // (len(body) + 1))
            limit = min(fitting, self.cluster.settings.page_size)
            params = {**self.selectors, "limit": str(limit), "continue": page.metadata.continue_}
        changes += self._known.forget_others(seen)
        # Whatever happens to an object gives it another version: where none has, nothing that was known was missed. So it is
        # after an API server was restarted, which forgets what happened in the quiet before.
        gap = self._gap if differs or changes else None
        self._version, self._gap = page.metadata.resource_version, None
        self._synced = True
        yield Batch(changes, self._version, synced=True, gap=gap)

    def _take_page(self, body: bytes, seen: set[tuple[str, str]]) -> tuple[_Page, list[Change[Kept]]]:
        changes: list[Change[Kept]] = []
        try:
            page = _page.decode(body)
            for item in page.items or ():
                described = self.describe(item)
                seen.add(described.key)
                changes += self._known.take_listed(described)
        except msgspec.DecodeError as error:
            raise Unavailable(f"GET {self.path}: the list can't be read: {error}") from error
        return page, changes

    # --- watch -----------------------------------------------------------------------------------------------------

    async def _watch(self) -> AsyncGenerator[Batch[Kept], None]:
        """One watch, until the server ends it or forgets the version; a silent one counts as ended."""
        params = {
            **self.selectors,
            "watch": "1",
            "resourceVersion": self._version or "",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(self.cluster.chance.randint(*_WATCH_SECONDS)),
        }
        silence = self.cluster.settings.stall_after.total_seconds() * self.cluster.chance.uniform(0.9, 1.1)
        began, lines, told = self.clock.monotonic(), LineSplitter(), False
        try:
            async with self.cluster.stream(self.path, params, silence=silence) as chunks:
                yield Batch(version=self._version, synced=True)
                async for chunk in chunks:
                    if complete := lines.feed(chunk):
                        told = True
                        changes = self._take_lines(complete)
                        yield Batch(changes, self._version, synced=True)
                        if self._version is None:
                            return
        except Gone as error:
            self._forget(f"the watch can't go on where it was: {error}")
            return
        except TimeoutError:
            if not told:
                await self._make_sure_of_version()
            return
        if not lines.is_clean:
            raise Unavailable(f"GET {self.path}: a watch was cut off within a line")
        if not told and self.clock.monotonic() - began < _AT_ONCE:
            raise Unavailable(f"GET {self.path}: the server ended a watch at once")

    async def _make_sure_of_version(self) -> None:
        """A watch from a version that is yet to come is silent for ever: it is so after a cluster was restored from a backup."""
        body = await self.cluster.get(self.path, {**self.selectors, "limit": "1"})
        try:
            present = _page.decode(body).metadata.resource_version
        except msgspec.DecodeError as error:
            raise Unavailable(f"GET {self.path}: the list can't be read: {error}") from error
        if self._version is not None and is_older_version(present, self._version):
            self._forget(f"the cluster went back from version {self._version} to {present}")

    def _take_lines(self, lines: Sequence[bytes]) -> list[Change[Kept]]:
        changes: list[Change[Kept]] = []
        try:
            for text in lines:
                line = _line.decode(text)
                match line.type:
                    case "ADDED" | "MODIFIED" | "DELETED":
                        described = self.describe(line.object)
                        if self._known.is_older(described):
                            continue  # told again after what followed it
                        changes += self._known.take_in(Verb(line.type), described)
                        self._version = described.version
                    case "BOOKMARK":
                        self._version = _bookmark.decode(line.object).metadata.resource_version
                    case _:
                        self._failed(read_status(bytes(line.object)))
                        break  # whatever follows belongs to nothing that is known
        except msgspec.DecodeError as error:
            # The lines before it stand; the state is read again, for what this one told is lost.
            self._forget(f"a line of the watch can't be read: {error}")
        return changes

    def _failed(self, status: Status) -> None:
        if status.code == _EXPIRED:
            self._forget(f"the watch can't go on where it was: {status.message or status.reason}")
        else:
            self._forget(f"the watch failed: {status.code} {status.reason} {status.message}")

    def _forget(self, why: str) -> None:
        self._version, self._gap = None, why[:500]


def _may_list_anew(error: Gone | Rejected, exact: Mapping[str, str]) -> bool:
    return isinstance(error, Gone) or (bool(exact) and error.status in _UNANSWERABLE)
