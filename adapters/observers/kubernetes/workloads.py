"""One workload as the observer keeps it: its images, how far it is, who wrote it; everything else is dropped while decoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec

from adapters.kubernetes_client import Described, Image, read_image
from adapters.observers.kubernetes.objects import PodSpec, WorkloadObject
from adapters.observers.kubernetes.ownership import ImageOwner, find_image_owner
from adapters.observers.kubernetes.rollout import Progress, read_progress
from adapters.observers.kubernetes.settings import ContainerSettings, Kind, KubernetesObserverSettings
from bridge.domain.linking import INTENT_ANNOTATION, read_link
from bridge.domain.names import Target
from bridge.formats.mapping import Subject, TargetMap

_REVISION_ANNOTATION = "deployment.kubernetes.io/revision"
NAMES = {
    Kind.DEPLOYMENT: "Deployment",
    Kind.STATEFUL_SET: "StatefulSet",
    Kind.DAEMON_SET: "DaemonSet",
    Kind.CRON_JOB: "CronJob",
    Kind.JOB: "Job",
}


class WorkloadKey(NamedTuple):
    """Which workload of the cluster."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{NAMES[self.kind]} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Workload:
    """What is kept of one workload. ``target`` None: no mapping covers it, or it belongs to another workload."""

    key: WorkloadKey
    target: Target | None
    owned: bool  # a Job of a CronJob, say: its owner is what is observed
    images: tuple[Image, ...]
    progress: Progress
    owner: ImageOwner | None
    created: str  # as the server wrote it
    revision: str | None
    intent: str | None


class WorkloadReader:
    """Decodes the workloads of one kind by the settings of its observer."""

    def __init__(self, kind: Kind, settings: KubernetesObserverSettings, mapping: TargetMap) -> None:
        self._kind = kind
        self._containers = settings.containers
        self._cluster = settings.cluster_name
        self._mapping = mapping
        self._decoder = msgspec.json.Decoder(WorkloadObject)

    def describe(self, raw: bytes | msgspec.Raw) -> Described[Workload]:
        """Read one object.

        Raises:
            msgspec.DecodeError: it is none of this kind.
        """
        found = self._decoder.decode(raw)
        metadata = found.metadata
        annotations = metadata.annotations or {}
        names, images = _images(_pod_spec(found), self._containers)
        owned = any(each.controller for each in metadata.owner_references or ())
        workload = Workload(
            key=WorkloadKey(self._kind, metadata.namespace, metadata.name),
            target=None if owned or not images else self._target(found, annotations),
            owned=owned,
            images=images,
            progress=read_progress(self._kind, found),
            owner=find_image_owner(metadata.managed_fields or (), names),
            created=metadata.creation_timestamp or "",
            revision=annotations.get(_REVISION_ANNOTATION),
            intent=read_link(annotations.get(INTENT_ANNOTATION)),
        )
        key = (metadata.namespace, metadata.name)
        return Described(key, metadata.uid, metadata.resource_version, workload)

    def _target(self, found: WorkloadObject, annotations: Mapping[str, str]) -> Target | None:
        metadata = found.metadata
        subject = Subject(
            kind=NAMES[self._kind],
            name=metadata.name,
            namespace=metadata.namespace,
            cluster=self._cluster,
            labels=metadata.labels or {},
            annotations=annotations,
        )
        return self._mapping.target_of(subject)


def _pod_spec(found: WorkloadObject) -> PodSpec:
    template = found.spec.template
    if found.spec.job_template is not None:
        template = found.spec.job_template.spec.template
    return template.spec if template is not None else PodSpec()


def _images(pods: PodSpec, settings: ContainerSettings) -> tuple[list[str], tuple[Image, ...]]:
    names, images = [], {}
    for container in (*pods.containers, *((pods.init_containers or ()) if settings.init else ())):
        image = Image(container.image, read_image(container.image))
        if _counts(container.name, image, settings):
            names.append(container.name)
            images[image.text] = image
    return names, tuple(images.values())


def _counts(name: str, image: Image, settings: ContainerSettings) -> bool:
    if settings.only and not any(fnmatchcase(name, glob) for glob in settings.only):
        return False
    if any(fnmatchcase(name, glob) for glob in settings.except_):
        return False
    repository = image.reference.repository if image.reference is not None else None
    return not settings.images or any(fnmatchcase(repository or "", glob) for glob in settings.images)
