"""The observer of one cluster's Flux: a feed for each kind of object, source and workload, one book of what was applied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import structlog

from adapters.kubernetes_client import Batch, Change, Cluster, Described, ListWatch, Rejected, open_cluster
from adapters.kubernetes_workloads.kinds import PATHS, Kind
from adapters.observers.flux.book import Book
from adapters.observers.flux.helm_releases import HelmReleaseReader
from adapters.observers.flux.kustomizations import KustomizationReader
from adapters.observers.flux.settings import FluxObserverSettings
from adapters.observers.flux.sources import AutomationReader, SourceReader
from adapters.observers.flux.standing import Stand
from adapters.observers.flux.versions import FluxVersions
from adapters.observers.flux.workloads import WorkloadReader
from bridge.clock import Clock
from bridge.domain.facts import Fact
from bridge.domain.names import SourceRef
from bridge.errors import Stalled, Unavailable
from bridge.formats.mapping import TargetMap
from bridge.ports import Feed, Observer, Reported, Sighting

_AT_ONCE = 100  # changes judged in one turn, so that recording them never holds the loop for long
_EXAMPLES = 5
_LOOK_AGAIN = 300.0  # seconds after which a kind that the cluster does not have is looked for again

_KUSTOMIZE, _HELM = "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"
_SOURCES = {
    "gitrepositories": "GitRepository",
    "ocirepositories": "OCIRepository",
    "buckets": "Bucket",
    "helmcharts": "HelmChart",
}

Describe = Callable[[Any], Described[Any]]
Apply = Callable[[Sequence[Change[Any]]], Sequence[Any]]

log = structlog.get_logger()


class _Kind(NamedTuple):
    """What a feed reads. ``group`` None: a part of Kubernetes itself."""

    resource: str
    group: str | None
    describe: Describe
    apply: Apply
    optional: bool
    workload: Kind | None = None


@asynccontextmanager
async def open_observer(settings: FluxObserverSettings, *, clock: Clock, reported: Reported) -> AsyncIterator[Observer]:
    """Open the observer. Nothing is read or asked before a feed is."""
    async with open_cluster(settings.connection, clock) as cluster:
        yield FluxObserver(settings, cluster, clock, reported)


class FluxObserver:
    """Implements ``Observer``."""

    def __init__(self, settings: FluxObserverSettings, cluster: Cluster, clock: Clock, reported: Reported) -> None:
        self.name = settings.name
        self.cluster, self.clock, self.versions = cluster, clock, FluxVersions()
        self.book = Book(
            SourceRef("flux", settings.name),
            settings.cluster_name,
            dict(reported),
            read=frozenset(settings.workloads),
            namespaces=frozenset(settings.namespaces),
        )
        self._flux_namespace = settings.flux_namespace
        self._versions_said = False
        self._turns = _Turns()
        self.feeds: Sequence[Feed] = self._open_feeds(settings)

    def details(self) -> Mapping[str, object]:
        """Which Flux it is and what it can't tell; what fails, waits or is suspended; what no mapping covers."""
        book = self.book
        return {
            "flux": self.versions.to_details(),
            "objects": len(book.objects),
            "unmapped": _examples(map(str, book.unmapped)),
            "without_images": _examples(map(str, book.without_images())),
            "failing": self._with(lambda each: each.standing.stand is Stand.FAILED),
            "waiting": self._with(lambda each: each.standing.waits),
            "drifted": self._with(lambda each: each.drifted is not None),
            "suspended": _examples(str(key) for key, each in book.objects.items() if each.suspended),
            "without_history": sum(each.applied is not None and not each.history for each in book.objects.values()),
            "revisions_without_change": book.same_content,
            "deployments_of_objects": book.new_content,
            "refused": dict(self._turns.refused),
        }

    def _with(self, condition: Callable[[Any], bool]) -> dict[str, object]:
        found = {
            str(key): each.drifted or each.standing.reason for key, each in self.book.objects.items() if condition(each)
        }
        return {"count": len(found), "examples": dict(list(found.items())[:_EXAMPLES])}

    def _open_feeds(self, settings: FluxObserverSettings) -> list[Feed]:
        feeds: list[Feed] = []
        for namespace in settings.namespaces or (None,):
            suffix = f" in {namespace}" if namespace is not None else ""
            feeds += [
                _ResourceFeed(f"{kind.resource}{suffix}", kind, namespace, self, self._turns)
                for kind in self._kinds(settings)
            ]
        self._turns.waiting = {feed.name for feed in feeds}
        return feeds

    def _kinds(self, settings: FluxObserverSettings) -> list[_Kind]:
        book, mapping, cluster = self.book, TargetMap(settings.mapping), settings.cluster_name
        objects, noticed = book.apply_objects, book.noticed
        kustomizations = KustomizationReader(cluster, mapping).describe
        releases = HelmReleaseReader(cluster, mapping).describe
        automations = AutomationReader().describe
        found = [
            _Kind("kustomizations", _KUSTOMIZE, kustomizations, objects, optional=False),
            _Kind("helmreleases", _HELM, releases, objects, optional=False),
            _Kind(
                "imageupdateautomations", "image.toolkit.fluxcd.io", automations, noticed.apply_pushes, optional=True
            ),
        ]
        sources = "source.toolkit.fluxcd.io"
        found += [
            _Kind(resource, sources, SourceReader(name).describe, noticed.apply, optional=True)
            for resource, name in _SOURCES.items()
        ]
        return found + [
            _Kind(
                kind.value,
                None,
                WorkloadReader(kind, settings.containers).describe,
                book.apply_workloads,
                optional=True,
                workload=kind,
            )
            for kind in settings.workloads
        ]

    async def learn_versions(self) -> None:
        """Ask once which Flux it is, and say what it can't tell."""
        if self._versions_said:
            return
        self._versions_said = True
        try:
            await self.versions.learn_controllers(self.cluster, self._flux_namespace)
        except (Stalled, Unavailable):
            self._versions_said = False
            raise
        told = {"controllers": dict(self.versions.controllers), "not_told": self.versions.not_told}
        log.info("flux_found", observer=self.name, distribution=self.versions.distribution, **told)

    def say_limits(self) -> None:
        """Log what this Flux can't tell; once, when all was asked."""
        for limit in self.versions.limits():
            log.warning("flux_cannot_tell", observer=self.name, what=limit)

    def first_reports(self) -> list[Callable[[], Sequence[Fact]]]:
        """Everything that nobody was told of yet, in portions."""
        self.book.started = True
        targets = self.book.first_targets(followed_on=self._turns.followed_on)
        starts = range(0, len(targets), _AT_ONCE)
        return [partial(self.book.report, targets[start : start + _AT_ONCE]) for start in starts]


@dataclass(slots=True)
class _Turns:
    """Nothing is told before every feed has its first state: a service may be made of several, and half of it is not what runs."""

    waiting: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    followed_on: bool = True
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def arrived(self, feed: str) -> None:
        self.waiting.discard(feed)
        if not self.waiting:
            self.complete.set()


class _ResourceFeed:
    """Implements ``Feed`` for one kind in one namespace, or in all."""

    def __init__(self, name: str, kind: _Kind, namespace: str | None, observer: FluxObserver, turns: _Turns) -> None:
        self.name, self.optional = name, kind.optional
        self._kind, self._namespace = kind, namespace
        self._observer, self._turns = observer, turns
        self._watch: ListWatch[Any] | None = None
        self._first = True

    async def read(self, cursor: str | None) -> AsyncGenerator[Sighting, None]:
        """The state of the kind, then its changes; see ``Feed``. A kind that the cluster lacks is empty, and looked for again."""
        try:
            await self._observer.learn_versions()
            while (watch := await self._find_watch()) is None:
                yield Sighting(judge=_nothing, caught_up=True)
                async for sighting in self._arrive(followed_on=True):
                    yield sighting
                await self._observer.clock.sleep(_LOOK_AGAIN)
            async with aclosing(watch.read(cursor)) as batches:
                async for batch in batches:
                    for sighting in self._sightings(batch):
                        yield sighting
                    if batch.synced:
                        self._readable()
                        async for sighting in self._arrive(followed_on=cursor is not None and batch.gap is None):
                            yield sighting
        except (Stalled, Unavailable) as error:
            self._failed(error)
            raise

    async def _find_watch(self) -> ListWatch[Any] | None:
        if self._watch is None:
            kind, cluster = self._kind, self._observer.cluster
            if kind.workload is not None:
                base: str | None = PATHS[kind.workload]
            else:
                assert kind.group is not None, "whatever is no workload belongs to a group of Flux"
                base = await self._observer.versions.find_api(cluster, kind.group, kind.resource)
                self._check_served()
            if base is None:
                return None
            where = f"/namespaces/{self._namespace}" if self._namespace is not None else ""
            path = f"{base}{where}/{kind.resource}"
            self._watch = ListWatch(cluster, path, kind.describe, self._observer.clock)
        return self._watch

    def _check_served(self) -> None:
        """Refuse a cluster without Flux: an observer that sees nothing there would look well."""
        apis = self._observer.versions.apis
        required = ("kustomizations", "helmreleases")
        if self._kind.resource in required and all(each in apis and apis[each] is None for each in required):
            raise Stalled(
                "the cluster serves neither Kustomizations nor HelmReleases: install Flux there, or leave the observer out"
            )

    async def _arrive(self, *, followed_on: bool) -> AsyncGenerator[Sighting, None]:
        if not self._first:
            return
        self._first = False
        self._turns.followed_on = self._turns.followed_on and followed_on
        self._turns.arrived(self.name)
        await self._turns.complete.wait()
        if not self._observer.book.started:
            self._observer.say_limits()
        for judge in self._observer.first_reports():
            yield Sighting(judge=judge)

    def _readable(self) -> None:
        self._turns.refused.pop(self.name, None)
        if self._kind.workload is not None:
            self._observer.book.unread.discard((self._kind.workload, self._namespace))

    def _failed(self, error: Stalled | Unavailable) -> None:
        """A kind that is refused is not waited for, nor one without which only details are missing."""
        refused = isinstance(error, Stalled)
        if refused:
            self._turns.refused[self.name] = str(error)
        if refused and self._kind.workload is not None:
            self._observer.book.unread.add((self._kind.workload, self._namespace))
        if isinstance(error, Rejected) and error.status == 404:  # noqa: PLR2004 - Not Found
            self._watch = None  # the version may be served no more after an upgrade
        if refused or (self.optional and self._kind.workload is None):
            self._turns.arrived(self.name)

    def _sightings(self, batch: Batch[Any]) -> list[Sighting]:
        """The batch in portions; only the last one completes it."""
        starts = range(0, max(len(batch.changes), 1), _AT_ONCE)
        portions = [batch.changes[start : start + _AT_ONCE] for start in starts]
        apply = self._kind.apply
        last = Sighting(judge=partial(apply, portions[-1]), cursor=batch.version, caught_up=batch.synced, gap=batch.gap)
        return [*(Sighting(judge=partial(apply, portion)) for portion in portions[:-1]), last]


def _nothing() -> Sequence[Fact]:
    return ()


def _examples(found: Iterable[str]) -> dict[str, object]:
    names = list(found)
    return {"count": len(names), "examples": names[:_EXAMPLES]}
