"""The workloads that Flux applied, by the labels that it puts on each; all others are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from adapters.kubernetes_client import Described, Image
from adapters.kubernetes_workloads.containers import ContainerSettings, WorkloadKey, find_images
from adapters.kubernetes_workloads.kinds import Kind
from adapters.kubernetes_workloads.objects import WorkloadObject
from adapters.kubernetes_workloads.ownership import ImageOwner, find_image_owner
from adapters.kubernetes_workloads.rollout import Progress, read_progress
from adapters.observers.flux import helm_releases, kustomizations
from adapters.observers.flux.reconciled import FluxKey
from bridge.domain.linking import INTENT_ANNOTATION, read_link

_OWNERS = {
    helm_releases.KIND: "helm.toolkit.fluxcd.io",
    kustomizations.KIND: "kustomize.toolkit.fluxcd.io",
}

_UNKNOWN = Progress(done=False, seems_done=False, noticed=False)


@dataclass(frozen=True, slots=True)
class Workload:
    """What is kept of one workload. ``flux`` None: Flux did not apply it, and nothing else is kept."""

    key: WorkloadKey
    flux: FluxKey | None
    images: tuple[Image, ...] = ()
    progress: Progress = _UNKNOWN
    owner: ImageOwner | None = None
    created: str = ""
    intent: str | None = None


class WorkloadReader:
    """Decodes the workloads of one kind."""

    def __init__(self, kind: Kind, containers: ContainerSettings) -> None:
        self._kind, self._containers = kind, containers
        self._decoder = msgspec.json.Decoder(WorkloadObject)

    def describe(self, raw: bytes | msgspec.Raw) -> Described[Workload]:
        """Read one object.

        Raises:
            msgspec.DecodeError: it is none of this kind.
        """
        found = self._decoder.decode(raw)
        metadata = found.metadata
        key, flux = WorkloadKey(self._kind, metadata.namespace, metadata.name), _applied_by(metadata.labels or {})
        if flux is None:
            kept = Workload(key, None)
        else:
            names, images = find_images(found, self._containers)
            kept = Workload(
                key=key,
                flux=flux,
                images=images,
                progress=read_progress(self._kind, found),
                owner=find_image_owner(metadata.managed_fields or (), names),
                created=metadata.creation_timestamp or "",
                intent=read_link((metadata.annotations or {}).get(INTENT_ANNOTATION)),
            )
        return Described((metadata.namespace, metadata.name), metadata.uid, metadata.resource_version, kept)


def _applied_by(labels: Mapping[str, str]) -> FluxKey | None:
    for kind, group in _OWNERS.items():
        name, namespace = labels.get(f"{group}/name"), labels.get(f"{group}/namespace")
        if name and namespace:
            return FluxKey(kind, namespace, name)
    return None
