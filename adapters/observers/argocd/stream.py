"""Applications by the Argo CD API: a list, then the stream of events, and the list again whenever the stream may have lost some.

The stream can't go on where it was, and drops events without a word where it is slow. It begins with every Application as it is,
and listens only from then on: so the list is read once more when it is under way, and from time to time. What was lost before shows
where an operation is another than the one that was known.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing

import msgspec

from adapters.kubernetes_client import Batch, Change, Described, KnownObjects, LineSplitter, Verb
from adapters.observers.argocd.client import ArgoApi
from adapters.observers.argocd.decode import Application
from adapters.observers.argocd.settings import ArgocdObserverSettings
from bridge.clock import Clock
from bridge.errors import Unavailable

_LIST, _STREAM = "/api/v1/applications", "/api/v1/stream/applications"
_AT_ONCE = 50  # Applications decoded in one go: few enough that the event loop turns meanwhile
_CHECK_AFTER = (
    1.0  # seconds; by then the server listens for this stream. The next beat, 15 s later at most, lets it happen
)
_SOONEST = 1.0  # seconds; a stream that ends sooner and empty must not be made anew in a tight loop
_VERSION = "api"  # there is no version to go on from; what was told is known by its moments
_DATA = b"data:"
_VERBS = frozenset(Verb)


class _List(msgspec.Struct):
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str = ""
    application: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""))


class _Error(msgspec.Struct):
    message: str = ""


class _Frame(msgspec.Struct):
    result: _Event | None = None
    error: _Error | None = None


_list = msgspec.json.Decoder(_List)
_frame = msgspec.json.Decoder(_Frame)


class ListStream:
    """Reads like ``ListWatch``."""

    def __init__(
        self,
        api: ArgoApi,
        settings: ArgocdObserverSettings,
        describe: Callable[[bytes | msgspec.Raw], Described[Application]],
        clock: Clock,
    ) -> None:
        self._api = api
        self._describe = describe
        self._clock = clock
        self._namespaces = frozenset(settings.namespaces)
        self._params = [("projects", each) for each in settings.projects]
        if settings.selector:
            self._params.append(("selector", settings.selector))
        self._known: KnownObjects[Application] = KnownObjects()
        self._gone: set[str] = (
            set()
        )  # uids that a list did not hold any more: events of them that were on their way are late
        self._synced = False

    async def read(self, cursor: str | None) -> AsyncGenerator[Batch[Application], None]:
        """The state as changes, then each change; ``cursor`` holds the newest moment that was told before. Endless.

        Raises:
            Unavailable, Stalled: call it again later.
        """
        while True:
            async with aclosing(self._read_list(cursor)) as batches:
                async for batch in batches:
                    yield batch
            cursor = None
            async with aclosing(self._follow()) as batches:
                async for batch in batches:
                    yield batch

    async def _read_list(self, cursor: str | None) -> AsyncGenerator[Batch[Application], None]:
        since = None if cursor is None or self._synced else cursor.partition("@")[2]
        body = await self._api.get(_LIST, self._params)
        seen: set[tuple[str, str]] = set()
        gap = None
        try:
            items = _list.decode(body).items or []
            for start in range(0, len(items), _AT_ONCE):
                changes: list[Change[Application]] = []
                for item in items[start : start + _AT_ONCE]:
                    described = self._describe(item)
                    if self._is_wanted(described):
                        seen.add(described.key)
                        changes += self._known.take_listed(described)
                gap = gap or self._missed(changes, since)
                yield Batch(changes)
                await asyncio.sleep(0)
        except msgspec.DecodeError as error:
            raise Unavailable(f"GET {_LIST}: the list can't be read: {error}") from error
        gone = self._known.forget_others(seen)
        self._gone = {change.kept.uid for change in gone}
        self._synced = True
        yield Batch(gone, _VERSION, synced=True, gap=gap)

    async def _follow(self) -> AsyncGenerator[Batch[Application], None]:
        """One stream, until the server ends it or it is silent; and lists beside it."""
        settings, chance = self._api.settings, self._api.chance
        silence = settings.stall_after.total_seconds() * chance.uniform(0.9, 1.1)
        began, lines, told = self._clock.monotonic(), LineSplitter(), False
        check_at = began + _CHECK_AFTER
        try:
            async with self._api.stream(_STREAM, self._params, silence=silence) as chunks:
                async for chunk in chunks:
                    if complete := lines.feed(chunk):
                        told = True
                        yield Batch(list(self._take_lines(complete)), _VERSION, synced=True)
                    if (now := self._clock.monotonic()) >= check_at:
                        check_at = now + settings.relist_interval.total_seconds() * chance.uniform(0.9, 1.1)
                        async with aclosing(self._read_list(None)) as batches:
                            async for batch in batches:
                                yield batch
        except TimeoutError:
            if not told:
                raise Unavailable(f"GET {_STREAM}: the stream was silent for {silence:.0f} s") from None
            return
        if not told and self._clock.monotonic() - began < _SOONEST:
            raise Unavailable(f"GET {_STREAM}: the server ended the stream at once")

    def _take_lines(self, lines: Sequence[bytes]) -> Iterator[Change[Application]]:
        for line in lines:
            if not line.startswith(_DATA):
                continue  # a comment, to keep the connection alive
            try:
                frame = _frame.decode(line[len(_DATA) :])
                if frame.error is not None:
                    raise Unavailable(f"GET {_STREAM}: {frame.error.message[:300]}")
                if frame.result is not None and frame.result.type in _VERBS:
                    described = self._describe(frame.result.application)
                    if self._is_wanted(described) and not self._known.is_older(described):
                        yield from self._known.take_in(Verb(frame.result.type), described)
            except msgspec.DecodeError as error:
                raise Unavailable(f"GET {_STREAM}: a message can't be read: {error}") from error

    def _is_wanted(self, described: Described[Application]) -> bool:
        if described.uid in self._gone:
            return False
        return not self._namespaces or described.key[0] in self._namespaces

    def _missed(self, changes: Sequence[Change[Application]], since: str | None) -> str | None:
        """Why something may be missing that came before this list; None: nothing says so."""
        for change in changes:
            app, before = change.kept, change.before
            if before is not None and _began(before) != _began(app):
                return f"while the stream was not read, {app.key} was synced; what else it went through is not known"
            if before is None and since is not None and app.moment > since:
                return f"while nobody listened, something happened to {app.key}; what it went through is not known"
        return None


def _began(app: Application) -> str:
    return app.operation.started if app.operation is not None else ""
