"""One workload as the observer keeps it: its images, how far it is, who wrote it; everything else is dropped while decoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from adapters.kubernetes_client import Described, Image
from adapters.kubernetes_workloads.containers import WorkloadKey, find_images
from adapters.kubernetes_workloads.kinds import NAMES, Kind
from adapters.kubernetes_workloads.objects import WorkloadObject
from adapters.kubernetes_workloads.ownership import ImageOwner, find_image_owner
from adapters.kubernetes_workloads.rollout import Progress, read_progress
from adapters.observers.kubernetes.settings import KubernetesObserverSettings
from bridge.domain.linking import INTENT_ANNOTATION, read_link
from bridge.domain.names import Target
from bridge.formats.mapping import Subject, TargetMap

_REVISION_ANNOTATION = "deployment.kubernetes.io/revision"


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
        names, images = find_images(found, self._containers)
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
