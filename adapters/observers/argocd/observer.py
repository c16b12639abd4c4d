"""The observer of one Argo CD: its Applications by the cluster's watch or by Argo CD's own API, and one book of what they run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Protocol

import structlog

from adapters.kubernetes_client import Batch, Change, Cluster, ConnectionSettings, ListWatch, open_cluster
from adapters.observers.argocd.book import Book
from adapters.observers.argocd.client import open_api
from adapters.observers.argocd.decode import Application, ApplicationReader
from adapters.observers.argocd.settings import ArgocdObserverSettings
from adapters.observers.argocd.stream import ListStream
from adapters.observers.argocd.versions import Abilities
from bridge.clock import Clock
from bridge.domain.facts import Fact
from bridge.domain.names import SourceRef
from bridge.errors import Stalled, Unavailable
from bridge.formats.mapping import TargetMap
from bridge.ports import Feed, Observer, Reported, Sighting

_PATH = "/apis/argoproj.io/v1alpha1"
_AT_ONCE = 100  # changes judged in one turn, so that recording them never holds the loop for long
_EXAMPLES = 5

log = structlog.get_logger()


class Applications(Protocol):
    """Where Applications are read: the cluster's list and watch, or the API's list and stream."""

    def read(self, cursor: str | None) -> AsyncGenerator[Batch[Application], None]:
        """The state as changes, then each change; see ``ListWatch``."""


@asynccontextmanager
async def open_observer(
    settings: ArgocdObserverSettings, *, clock: Clock, reported: Reported
) -> AsyncIterator[Observer]:
    """Open the observer. Nothing is read or asked before a feed is."""
    describe = ApplicationReader(settings, TargetMap(settings.mapping)).describe
    if settings.api is not None:
        async with open_api(settings.api, clock) as api:
            stream = ListStream(api, settings, describe, clock)
            yield ArgocdObserver(settings, reported, {None: stream}, api.version)
        return
    async with open_cluster(settings.connection or ConnectionSettings(), clock) as cluster:
        selectors = {"labelSelector": settings.selector} if settings.selector else {}
        watches: dict[str | None, Applications] = {}
        for namespace in settings.namespaces or (None,):
            where = f"/namespaces/{namespace}" if namespace is not None else ""
            path = f"{_PATH}{where}/applications"
            watches[namespace] = _Watched(ListWatch(cluster, path, describe, clock, selectors))
        yield ArgocdObserver(settings, reported, watches, partial(_cluster_version, cluster))


class _Watched:
    """A cluster's watch goes on from the version in a cursor; the moment is for others."""

    def __init__(self, watch: ListWatch[Application]) -> None:
        self._watch = watch

    def read(self, cursor: str | None) -> AsyncGenerator[Batch[Application], None]:
        return self._watch.read(None if cursor is None else cursor.partition("@")[0])


async def _cluster_version(cluster: Cluster) -> str:
    return f"Kubernetes {await cluster.server_version()}"


class ArgocdObserver:
    """Implements ``Observer``. ``watches`` by namespace; None: all of them."""

    def __init__(
        self,
        settings: ArgocdObserverSettings,
        reported: Reported,
        watches: Mapping[str | None, Applications],
        ask_version: Callable[[], Awaitable[str]],
    ) -> None:
        self.name = settings.name
        self._book = Book(SourceRef("argocd", settings.name), dict(reported), settings.history, settings.overrides)
        self._abilities = Abilities(by_api=settings.api is not None)
        self._ask_version = ask_version
        self._waiting = set(watches)
        self._all_listed = asyncio.Event()
        self._followed_on = True
        self._some_refused = False
        self._since: dict[str | None, str | None] = {}
        self.feeds: Sequence[Feed] = [_ApplicationFeed(namespace, watch, self) for namespace, watch in watches.items()]

    def details(self) -> Mapping[str, object]:
        """Which Argo CD it is, how much of it is covered, and what can't be told."""
        book = self._book
        unmapped = [str(key) for key in list(book.unmapped)[:_EXAMPLES]]
        return {
            **self._abilities.details(),
            "applications": len(book.entries),
            "unmapped": {"count": len(book.unmapped), "examples": unmapped},
            "unreadable_images": book.unreadable(),
            "self_heals": book.heals,
            "deleted_without_workloads": book.orphaned,
        }

    async def learn_version(self) -> None:
        """Ask once which version it is; not every role may."""
        if self._abilities.server is None:
            try:
                self._abilities.server = await self._ask_version()
            except Stalled:
                self._abilities.server = "not told"

    def judge(self, changes: Sequence[Change[Application]]) -> Sequence[Fact]:
        """What the changes are news of."""
        self._abilities.see(change.kept for change in changes)
        return self._book.apply(changes)

    # The targets are told of when every namespace was listed: a service may be made of several Applications.

    def listed(self, namespace: str | None, *, followed_on: bool, since: str | None) -> None:
        """Note that a state is in the book, whether it follows on what the log has of it, and up to when the log has it."""
        self._followed_on = self._followed_on and followed_on
        self._since[namespace] = since
        self._arrived(namespace)

    def not_listed(self, namespace: str | None, error: Stalled | Unavailable) -> None:
        """Note a failure: a namespace that is refused is not waited for, and nothing that ran in it is taken to be gone."""
        if isinstance(error, Stalled) and len(self.feeds) > 1 and namespace in self._waiting:
            self._some_refused = True
            self._arrived(namespace)

    async def all_listed(self) -> None:
        """Return when no first state is outstanding."""
        await self._all_listed.wait()

    def first_reports(self) -> list[Callable[[], Sequence[Fact]]]:
        """Everything that nobody was told of yet, in portions."""
        for said in self._abilities.news():
            log.info("argocd_tells_less", observer=self.name, reason=said)
        targets = self._book.first_targets(followed_on=self._followed_on or self._some_refused)
        starts = range(0, len(targets), _AT_ONCE)
        return [partial(self._book.report, targets[start : start + _AT_ONCE], self._since) for start in starts]

    def _arrived(self, namespace: str | None) -> None:
        self._waiting.discard(namespace)
        if not self._waiting:
            self._book.started = True
            self._all_listed.set()


class _ApplicationFeed:
    """Implements ``Feed`` for the Applications of one namespace, or of all.

    Its cursor is the server's version and, after an ``@``, the newest moment that any Application told of: what the history has
    beyond that was missed.
    """

    optional = False

    def __init__(self, namespace: str | None, watch: Applications, observer: ArgocdObserver) -> None:
        self.name = "applications" if namespace is None else f"applications in {namespace}"
        self._namespace, self._watch, self._observer = namespace, watch, observer
        self._moment = ""
        self._first = True

    async def read(self, cursor: str | None) -> AsyncGenerator[Sighting, None]:
        """The Applications, then their changes; see ``Feed``."""
        _, at, since = (cursor or "").partition("@")
        self._moment = max(self._moment, since)
        try:
            await self._observer.learn_version()
            async with aclosing(self._watch.read(cursor)) as batches:
                async for batch in batches:
                    for sighting in self._sightings(batch):
                        yield sighting
                    if batch.synced and self._first:
                        self._first = False
                        followed_on = cursor is not None and batch.gap is None
                        self._observer.listed(self._namespace, followed_on=followed_on, since=since if at else None)
                        await self._observer.all_listed()
                        for judge in self._observer.first_reports():
                            yield Sighting(judge=judge)
                        yield Sighting(judge=tuple, cursor=self._cursor(batch))
        except (Stalled, Unavailable) as error:
            self._observer.not_listed(self._namespace, error)
            raise

    def _sightings(self, batch: Batch[Application]) -> list[Sighting]:
        """The batch in portions; only the last one completes it. Until the first reports are recorded no cursor holds."""
        for change in batch.changes:
            self._moment = max(self._moment, change.kept.moment)
        starts = range(0, max(len(batch.changes), 1), _AT_ONCE)
        portions = [batch.changes[start : start + _AT_ONCE] for start in starts]
        judge = self._observer.judge
        last = Sighting(
            judge=partial(judge, portions[-1]),
            cursor=None if self._first else self._cursor(batch),
            caught_up=batch.synced,
            gap=batch.gap,
        )
        return [*(Sighting(judge=partial(judge, portion)) for portion in portions[:-1]), last]

    def _cursor(self, batch: Batch[Application]) -> str | None:
        return None if batch.version is None else f"{batch.version}@{self._moment}"
