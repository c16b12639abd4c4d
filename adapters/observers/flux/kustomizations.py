"""Reads Kustomizations.

``status.history`` (at most five entries, newest first) has one entry for each pair of rendered manifests and result: going back to
earlier manifests brings their entry to the front again. A new revision with the same digest is a commit that changed nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from adapters.kubernetes_client import Described
from adapters.observers.flux.objects import NOTHING, KustomizationObject, NamedImage, Reconciliation
from adapters.observers.flux.reconciled import (
    FluxKey,
    Past,
    Reconciled,
    find_intent,
    name_references,
    namespace_of_workloads,
    read_inventory,
)
from adapters.observers.flux.standing import read_standing
from bridge.domain.names import ImageRef, bundle, make_image
from bridge.formats.mapping import Subject, TargetMap

KIND = "Kustomization"
_SUCCEEDED = "ReconciliationSucceeded"


class KustomizationReader:
    """Decodes Kustomizations by the mapping of their observer."""

    def __init__(self, cluster: str, mapping: TargetMap) -> None:
        self._cluster, self._mapping = cluster, mapping
        self._decoder = msgspec.json.Decoder(KustomizationObject)

    def describe(self, raw: bytes | msgspec.Raw) -> Described[Reconciled]:
        """Read one object.

        Raises:
            msgspec.DecodeError: it is no Kustomization.
        """
        found = self._decoder.decode(raw)
        metadata, spec, status = found.metadata, found.spec, found.status
        inventory = read_inventory(status.inventory)
        intent, intent_in = find_intent(metadata, status.last_handled_reconcile_at)
        subject = Subject(
            kind=KIND,
            name=metadata.name,
            namespace=namespace_of_workloads(metadata, spec.target_namespace, inventory),
            cluster=self._cluster,
            labels=metadata.labels or {},
            annotations=metadata.annotations or {},
        )
        kept = Reconciled(
            key=FluxKey(KIND, metadata.namespace, metadata.name),
            uid=metadata.uid,
            target=self._mapping.target_of(subject),
            standing=read_standing(
                status.conditions or (),
                generation=metadata.generation,
                observed_generation=status.observed_generation,
                suspended=spec.suspend,
            ),
            suspended=spec.suspend,
            remote=spec.kube_config != NOTHING,
            attempted=status.last_attempted_revision,
            applied=status.last_applied_revision,
            origin=status.last_applied_origin_revision,
            history=tuple(_past(each) for each in status.history or ()),
            inventory=inventory,
            named=_named_images(spec.images or ()),
            source=FluxKey(spec.source_ref.kind, spec.source_ref.namespace or metadata.namespace, spec.source_ref.name),
            depends_on=name_references(spec.depends_on, KIND, metadata.namespace),
            intent=intent,
            intent_in=intent_in,
            attempt=status.last_attempted_revision or "",
        )
        return Described((metadata.namespace, metadata.name), metadata.uid, metadata.resource_version, kept)


def _past(entry: Reconciliation) -> Past:
    return Past(
        content=entry.digest,
        revision=(entry.metadata or {}).get("revision"),
        status=entry.last_reconciled_status,
        succeeded=entry.last_reconciled_status == _SUCCEEDED,
        first=entry.first_reconciled,
        last=entry.last_reconciled,
    )


def _named_images(images: Iterable[NamedImage]) -> tuple[ImageRef, ...]:
    """Those that are given a version; an entry that only renames says nothing of what runs."""
    named = []
    for image in images:
        if image.new_tag or image.digest:
            try:
                named.append(make_image(image.new_name or image.name, image.new_tag or None, image.digest or None))
            except ValueError:
                continue  # the controller will say so: the build fails
    return bundle(named)
