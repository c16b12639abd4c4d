"""One Application as the observer keeps it: its last operation, health and history; the rest is dropped while decoding. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec

from adapters.kubernetes_client import Described, Image, read_image
from adapters.observers.argocd.objects import (
    ApplicationObject,
    History,
    OperationState,
    ResourceResult,
    Source,
    Status,
)
from adapters.observers.argocd.overrides import Override, find_override, images_of
from adapters.observers.argocd.settings import ArgocdObserverSettings
from bridge.domain.names import ImageRef, Target, bundle
from bridge.domain.times import parse_time
from bridge.formats.argocd_clusters import ClusterNames
from bridge.formats.mapping import Subject, TargetMap

INTENT_KEYS = frozenset({"deploybridge/intent", "deploybridge.dev/intent"})  # names of a sync's `infos`
INTENT_ANNOTATION = "deploybridge.dev/intent"
_CASCADE = "resources-finalizer.argocd.argoproj.io"
_PARTIAL_SYNC = "ApplyOutOfSyncOnly=true"
_LONGEST_SHOWN = 300  # characters of somebody else's words
_LONGEST_ID = 200


class ApplicationKey(NamedTuple):
    """Which Application; they may live in any namespace."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One sync. Times as the server wrote them (whole seconds, in UTC)."""

    started: str
    finished: str | None
    phase: str  # Running, Terminating, Succeeded, Failed, Error
    message: str
    revisions: tuple[str, ...]
    images: tuple[ImageRef, ...]  # of the workloads that it applied, so far
    actor: str | None
    automated: bool
    partial: bool  # of selected resources only
    complete: bool  # it lists whatever the Application has
    heals: bool  # Argo CD put back what somebody had changed
    dry_run: bool
    retries: int
    intent: str | None
    rollback_to: int | None  # the history's id


@dataclass(frozen=True, slots=True)
class Past:
    """A deployment of the history: a full sync that succeeded. Its images are known as far as the source sets them."""

    id: int
    started: str | None
    deployed: str
    revisions: tuple[str, ...]
    images: tuple[ImageRef, ...]
    actor: str | None


@dataclass(frozen=True, slots=True)
class Application:
    """What is kept of one Application. ``target`` None: no mapping covers it, or it is of another project."""

    key: ApplicationKey
    uid: str
    version: str
    target: Target | None
    project: str
    destination: str  # the cluster's name, and the namespace
    sync: str  # Synced, OutOfSync, Unknown
    compared: tuple[str, ...]  # the revisions that the CD system has noticed
    reconciled: str | None
    health: str
    health_since: str | None
    health_message: str
    operation: Operation | None
    history: tuple[Past, ...]  # oldest first
    running: tuple[ImageRef, ...]  # of all its pods that there are
    unreadable: tuple[str, ...]
    override: Override | None
    intent: str | None
    cascades: bool  # its deletion takes the workloads along
    tells_images: bool | None  # of a sync, that is: Argo CD 3.1 and newer; None: nothing was synced that has any

    @property
    def moment(self) -> str:
        """The newest time in it that says that something happened."""
        times = [self.health_since or ""]
        if self.operation is not None:
            times += [self.operation.started, self.operation.finished or ""]
        times += [past.deployed for past in self.history[-1:]]
        return max(times)


class ApplicationReader:
    """Decodes Applications by the settings of their observer."""

    def __init__(self, settings: ArgocdObserverSettings, mapping: TargetMap) -> None:
        self._settings = settings
        self._clusters = ClusterNames(settings.clusters, settings.cluster_name)
        self._mapping = mapping
        self._decoder = msgspec.json.Decoder(ApplicationObject)

    def describe(self, raw: bytes | msgspec.Raw) -> Described[Application]:
        """Read one object.

        Raises:
            msgspec.DecodeError: it is no Application.
        """
        found = self._decoder.decode(raw)
        metadata, spec, status = found.metadata, found.spec, found.status
        cluster = self._clusters.name_of(spec.destination.name, spec.destination.server)
        target = self._target(found, cluster)
        running = self._images(status.summary.images or ())
        results = _workloads(status)
        synced = self._images(image for result in results for image in result.images or ())
        history = tuple(_past(each) for each in status.history or ())
        application = Application(
            key=ApplicationKey(metadata.namespace, metadata.name),
            uid=metadata.uid,
            version=metadata.resource_version,
            target=target,
            project=spec.project,
            destination=f"{cluster}/{spec.destination.namespace}",
            sync=status.sync.status or "Unknown",
            compared=_revisions(status.sync.revision, status.sync.revisions),
            reconciled=status.reconciled_at,
            health=status.health.status or "Unknown",
            health_since=status.health.last_transition_time,
            health_message=status.health.message[:_LONGEST_SHOWN],
            operation=_operation(status.operation_state, synced, history),
            history=history,
            running=_readable(running),
            unreadable=tuple(image.text[:100] for image in (*synced, *running) if image.reference is None),
            override=find_override(found),
            intent=_short((metadata.annotations or {}).get(INTENT_ANNOTATION)),
            cascades=any(each.startswith(_CASCADE) for each in metadata.finalizers or ()),
            tells_images=_tells_images(status),
        )
        return Described((metadata.namespace, metadata.name), metadata.uid, metadata.resource_version, application)

    def _target(self, found: ApplicationObject, cluster: str) -> Target | None:
        metadata, spec = found.metadata, found.spec
        if self._settings.projects and spec.project not in self._settings.projects:
            return None
        subject = Subject(
            kind="Application",
            name=metadata.name,
            namespace=spec.destination.namespace,
            cluster=cluster,
            labels=metadata.labels or {},
            annotations=metadata.annotations or {},
        )
        return self._mapping.target_of(subject)

    def _images(self, texts: Iterable[str]) -> list[Image]:
        globs = self._settings.images
        images = [Image(text, read_image(text)) for text in dict.fromkeys(texts)]
        if not globs:
            return images
        named = [(image, (image.reference.repository if image.reference else None) or "") for image in images]
        return [image for image, name in named if any(fnmatchcase(name, glob) for glob in globs)]


def read_moment(text: str | None) -> datetime | None:
    """A time as the server wrote it; None where it is none."""
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        return None


def _operation(state: OperationState | None, synced: Sequence[Image], history: Sequence[Past]) -> Operation | None:
    if state is None or state.operation.sync is None:
        return None
    asked, result, by = state.operation.sync, state.sync_result, state.operation.initiated_by
    revisions = _revisions(result.revision, result.revisions) if result is not None else ()
    revisions = revisions or _revisions(asked.revision, asked.revisions)
    partial = bool(asked.resources)
    said = (each.value for each in state.operation.info or () if each.name in INTENT_KEYS)
    chosen = asked.source is not None or bool(asked.sources)
    return Operation(
        started=state.started_at,
        finished=state.finished_at,
        phase=state.phase,
        message=state.message[:_LONGEST_SHOWN],
        revisions=revisions,
        images=_readable(synced),
        actor=_short(by.username) or ("argocd" if by.automated else None),
        automated=by.automated,
        partial=partial,
        complete=not partial and _PARTIAL_SYNC not in (asked.sync_options or ()),
        heals=asked.auto_heal_attempts_count > 0 or (partial and by.automated),
        dry_run=asked.dry_run,
        retries=state.retry_count,
        intent=_short(next(said, None)),
        rollback_to=_rollback_to(state.started_at, revisions, history) if chosen and not by.automated else None,
    )


def _rollback_to(started: str, revisions: tuple[str, ...], history: Sequence[Past]) -> int | None:
    """The entry of the history that a sync of a chosen source goes back to: not the newest, and of the same revision."""
    before = [past for past in history if past.started != started]
    if not before or before[-1].revisions == revisions:
        return None
    return next((past.id for past in reversed(before) if past.revisions == revisions), None)


def _workloads(status: Status) -> list[ResourceResult]:
    """The resources that a sync applied and that last: a hook, or a Job beside other workloads, is a step of the rollout."""
    state = status.operation_state
    results = (state.sync_result.resources if state is not None and state.sync_result is not None else None) or ()
    kept = [each for each in results if each.images and not each.hook_type and not each.status.startswith("Prune")]
    lasting = [each for each in kept if each.kind != "Job"]
    return lasting or kept


_WITH_IMAGES = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "Pod"})


def _tells_images(status: Status) -> bool | None:
    state = status.operation_state
    results = (state.sync_result.resources if state is not None and state.sync_result is not None else None) or ()
    told = [bool(each.images) for each in results if each.kind in _WITH_IMAGES and each.status == "Synced"]
    return any(told) if told else None


def _past(entry: History) -> Past:
    sources: list[Source] = [*([entry.source] if entry.source is not None else ()), *(entry.sources or ())]
    return Past(
        id=entry.id,
        started=entry.deploy_started_at,
        deployed=entry.deployed_at,
        revisions=_revisions(entry.revision, entry.revisions),
        images=images_of(sources),
        actor=_short(entry.initiated_by.username) or ("argocd" if entry.initiated_by.automated else None),
    )


def _revisions(one: str, several: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(several) if several else (one,) if one else ()


def _readable(images: Iterable[Image]) -> tuple[ImageRef, ...]:
    return bundle(image.reference for image in images if image.reference is not None)


def _short(text: str | None) -> str | None:
    return text[:_LONGEST_ID] if text else None
