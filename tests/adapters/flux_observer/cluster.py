"""A cluster with Flux whose every write is judged at once. No server: objects in, facts out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from adapters.kubernetes_client import Change, Verb
from adapters.kubernetes_workloads.kinds import Kind
from adapters.observers.flux.book import Book
from adapters.observers.flux.helm_releases import HelmReleaseReader
from adapters.observers.flux.kustomizations import KustomizationReader
from adapters.observers.flux.settings import FluxObserverSettings
from adapters.observers.flux.sources import AutomationReader, SourceReader
from adapters.observers.flux.workloads import WorkloadReader
from bridge.domain.facts import ObservationReported
from bridge.domain.names import ImageRef, Phase, SourceRef, Target
from bridge.formats.mapping import TargetMap
from tests.support.fake_kubernetes.store import Entry, Store
from tests.support.flux import (
    AUTOMATIONS,
    GIT_REPOSITORIES,
    HELM_RELEASES,
    KUSTOMIZATIONS,
    OCI_REPOSITORIES,
    FluxCluster,
)
from tests.support.workloads import CRON_JOBS, DEPLOYMENTS

Reader = Callable[[bytes], Any]
Told = dict[Target, tuple[tuple[ImageRef, ...], Phase]]


def readers(settings: FluxObserverSettings) -> dict[str, Reader]:
    mapping = TargetMap(settings.mapping)
    return {
        KUSTOMIZATIONS: KustomizationReader("eu", mapping).describe,
        HELM_RELEASES: HelmReleaseReader("eu", mapping).describe,
        GIT_REPOSITORIES: SourceReader("GitRepository").describe,
        OCI_REPOSITORIES: SourceReader("OCIRepository").describe,
        AUTOMATIONS: AutomationReader().describe,
        DEPLOYMENTS: WorkloadReader(Kind.DEPLOYMENT, settings.containers).describe,
        CRON_JOBS: WorkloadReader(Kind.CRON_JOB, settings.containers).describe,
    }


def made(**more: Any) -> FluxObserverSettings:
    return FluxObserverSettings.model_validate({"kind": "flux", "name": "eu", **more})


class Watcher:
    """What an observer does with what its feeds tell, without a network."""

    def __init__(self, settings: FluxObserverSettings, told: Told | None = None, *, started: bool = True) -> None:
        read = frozenset(settings.workloads)
        self.book = Book(SourceRef("flux", "eu"), "eu", dict(told or {}), started=started, read=read)
        self._readers = readers(settings)
        self._known: dict[tuple[str, Any], Any] = {}
        self._applies: dict[str, Callable[[Any], Any]] = {
            KUSTOMIZATIONS: self.book.apply_objects,
            HELM_RELEASES: self.book.apply_objects,
            GIT_REPOSITORIES: self.book.noticed.apply,
            OCI_REPOSITORIES: self.book.noticed.apply,
            AUTOMATIONS: self.book.noticed.apply_pushes,
            DEPLOYMENTS: self.book.apply_workloads,
            CRON_JOBS: self.book.apply_workloads,
        }

    def see(self, entry: Entry) -> list[ObservationReported]:
        kept = self._readers[entry.resource](msgspec.json.encode(entry.obj)).kept
        key = (entry.resource, entry.key)
        change = Change(Verb(entry.verb), kept, self._known.get(key))
        self._known[key] = kept
        return list(self._applies[entry.resource]([change]))


class Reports:
    """A cluster whose every write is judged at once."""

    def __init__(self, **settings: Any) -> None:
        self.store = Store()
        self.cluster = FluxCluster(self.store)
        self.facts: list[ObservationReported] = []
        self.watcher = Watcher(made(**settings))
        self.store.listeners.append(lambda entry: self.facts.extend(self.watcher.see(entry)))

    @property
    def book(self) -> Book:
        return self.watcher.book

    @property
    def words(self) -> list[str]:
        return [say(fact) for fact in self.facts]

    @property
    def last(self) -> dict[str, Any]:
        return dict(self.facts[-1].details)


def say(fact: ObservationReported) -> str:
    """Such as ``shop shop:v1 live``."""
    images = " ".join(short(each) for each in fact.artifacts)
    return f"{fact.target.service} {images} {fact.phase}".replace("  ", " ")


def short(image: ImageRef) -> str:
    return f"{(image.repository or '').rpartition('/')[2]}:{image.tag}"
