"""The observer of one cluster's workloads: a feed for each kind and namespace, one book of what runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Generic, TypeVar

from adapters.kubernetes_client import Batch, Change, Cluster, ListWatch, Rejected, open_cluster
from adapters.kubernetes_workloads.kinds import PATHS
from adapters.observers.kubernetes.book import Book
from adapters.observers.kubernetes.pods import PodReader
from adapters.observers.kubernetes.settings import KubernetesObserverSettings
from adapters.observers.kubernetes.workloads import WorkloadReader
from bridge.clock import Clock
from bridge.domain.facts import Fact
from bridge.domain.names import SourceRef
from bridge.errors import Stalled, Unavailable
from bridge.formats.mapping import TargetMap
from bridge.ports import Feed, Observer, Reported, Sighting

_AT_ONCE = 100  # changes judged in one turn, so that recording them never holds the loop for long
_EXAMPLES = 5

Kept = TypeVar("Kept")


@asynccontextmanager
async def open_observer(
    settings: KubernetesObserverSettings, *, clock: Clock, reported: Reported
) -> AsyncIterator[Observer]:
    """Open the observer. Nothing is read or asked before a feed is."""
    async with open_cluster(settings.connection, clock) as cluster:
        yield KubernetesObserver(settings, cluster, clock, reported)


class KubernetesObserver:
    """Implements ``Observer``."""

    def __init__(
        self, settings: KubernetesObserverSettings, cluster: Cluster, clock: Clock, reported: Reported
    ) -> None:
        self.name = settings.name
        self._book = Book(SourceRef("kubernetes", settings.name), settings.cluster_name, dict(reported))
        self._cluster = cluster
        self._server: str | None = None
        self._mapping = TargetMap(settings.mapping)
        self._waiting: set[str] = set()
        self._all_listed = asyncio.Event()
        self._followed_on = True
        self._refused: dict[str, str] = {}
        self.feeds: Sequence[Feed] = self._open_feeds(settings, clock)

    def details(self) -> Mapping[str, object]:
        """What the cluster is, how much of it is covered, and what can't be told."""
        unmapped = [str(key) for key in list(self._book.unmapped)[:_EXAMPLES]]
        return {
            "server": self._server,
            "workloads": len(self._book.entries),
            "unmapped": {"count": len(self._book.unmapped), "examples": unmapped},
            "unreadable_images": self._book.unreadable(),
            "refused": dict(self._refused),
        }

    def _open_feeds(self, settings: KubernetesObserverSettings, clock: Clock) -> list[Feed]:
        feeds: list[Feed] = []
        for namespace in settings.namespaces or (None,):
            where = f"/namespaces/{namespace}" if namespace is not None else ""
            suffix = f" in {namespace}" if namespace is not None else ""
            selectors = {"labelSelector": settings.selector} if settings.selector else {}
            for kind in settings.kinds:
                describe = WorkloadReader(kind, settings, self._mapping).describe
                path = f"{PATHS[kind]}{where}/{kind}"
                watch = ListWatch(self._cluster, path, describe, clock, selectors)
                feeds.append(_ResourceFeed(f"{kind}{suffix}", watch, self._book.apply, self, optional=False))
            if settings.pods:
                pods = ListWatch(self._cluster, f"/api/v1{where}/pods", PodReader().describe, clock)
                feeds.append(_ResourceFeed(f"pods{suffix}", pods, self._book.apply_pods, self, optional=True))
        self._waiting = {feed.name for feed in feeds}
        return feeds

    async def learn_version(self) -> None:
        """Ask once which Kubernetes it is; not every role may."""
        if self._server is None:
            try:
                self._server = await self._cluster.server_version()
            except Rejected:
                self._server = "not told"

    # The targets are told of when every kind was listed: a service may be made of several, and half of it is not what runs.

    def listed(self, feed: str, *, followed_on: bool) -> None:
        """Note that a feed's state is in the book, and whether it follows on what the log has of it."""
        self._followed_on = self._followed_on and followed_on
        self._refused.pop(feed, None)
        self._arrived(feed)

    def not_listed(self, feed: str, error: Stalled | Unavailable, *, optional: bool) -> None:
        """Note a failure: a kind that is refused, or that is optional, is not waited for."""
        if isinstance(error, Stalled):
            self._refused[feed] = str(error)
        if optional or isinstance(error, Stalled):
            self._arrived(feed)

    async def all_listed(self) -> None:
        """Return when no feed's first state is outstanding."""
        await self._all_listed.wait()

    def first_reports(self) -> list[Callable[[], Sequence[Fact]]]:
        """Everything that nobody was told of yet, in portions."""
        targets = self._book.first_targets(followed_on=self._followed_on)
        return [
            partial(self._book.report, targets[start : start + _AT_ONCE]) for start in range(0, len(targets), _AT_ONCE)
        ]

    def _arrived(self, feed: str) -> None:
        self._waiting.discard(feed)
        if not self._waiting:
            self._book.started = True
            self._all_listed.set()


class _ResourceFeed(Generic[Kept]):
    """Implements ``Feed`` for one kind."""

    def __init__(
        self,
        name: str,
        watch: ListWatch[Kept],
        apply: Callable[[Sequence[Change[Kept]]], Sequence[Fact]],
        observer: KubernetesObserver,
        *,
        optional: bool,
    ) -> None:
        self.name, self.optional = name, optional
        self._watch, self._apply, self._observer = watch, apply, observer
        self._first = True

    async def read(self, cursor: str | None) -> AsyncGenerator[Sighting, None]:
        """The state of the kind, then its changes; see ``Feed``."""
        try:
            await self._observer.learn_version()
            async with aclosing(self._watch.read(cursor)) as batches:
                async for batch in batches:
                    for sighting in self._sightings(batch):
                        yield sighting
                    if batch.synced and self._first:
                        self._first = False
                        self._observer.listed(self.name, followed_on=cursor is not None and batch.gap is None)
                        await self._observer.all_listed()
                        for judge in self._observer.first_reports():
                            yield Sighting(judge=judge)
        except (Stalled, Unavailable) as error:
            self._observer.not_listed(self.name, error, optional=self.optional)
            raise

    def _sightings(self, batch: Batch[Kept]) -> list[Sighting]:
        """The batch in portions; only the last one completes it."""
        starts = range(0, max(len(batch.changes), 1), _AT_ONCE)
        portions = [batch.changes[start : start + _AT_ONCE] for start in starts]
        last = Sighting(
            judge=partial(self._apply, portions[-1]), cursor=batch.version, caught_up=batch.synced, gap=batch.gap
        )
        return [*(Sighting(judge=partial(self._apply, portion)) for portion in portions[:-1]), last]
