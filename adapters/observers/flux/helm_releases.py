"""Reads HelmReleases.

``status.history`` (newest first, back to the last success) has one entry for each revision of the Helm release. The images are not
in it: ``configDigest`` changes where only a tag in the values does.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from adapters.kubernetes_client import Described
from adapters.observers.flux.objects import NOTHING, HelmReleaseObject, HelmReleaseSpec, HelmReleaseStatus, Snapshot
from adapters.observers.flux.reconciled import (
    FluxKey,
    Past,
    Reconciled,
    find_intent,
    name_references,
    namespace_of_workloads,
    read_inventory,
)
from adapters.observers.flux.standing import describe, find_condition, read_standing
from bridge.domain.names import ImageRef, bundle, make_image
from bridge.formats.declarations import helm_values
from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.mapping import Subject, TargetMap

KIND = "HelmRelease"
_DEPLOYED = frozenset({"deployed", "superseded"})  # superseded: it was deployed until the next was


class HelmReleaseReader:
    """Decodes HelmReleases by the mapping of their observer."""

    def __init__(self, cluster: str, mapping: TargetMap) -> None:
        self._cluster, self._mapping = cluster, mapping
        self._decoder = msgspec.json.Decoder(HelmReleaseObject)

    def describe(self, raw: bytes | msgspec.Raw) -> Described[Reconciled]:
        """Read one object.

        Raises:
            msgspec.DecodeError: it is no HelmRelease.
        """
        found = self._decoder.decode(raw)
        metadata, spec, status = found.metadata, found.spec, found.status
        inventory = read_inventory(status.inventory)
        intent, intent_in = find_intent(metadata, status.last_handled_reconcile_at)
        history = tuple(_past(each) for each in status.history or ())
        drifted = find_condition(status.conditions or (), "Drifted")
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
            applied=_applied_chart(status),
            origin=None,
            history=history,
            inventory=inventory,
            named=_named_images(bytes(spec.values)),
            source=_source(spec, status, metadata.namespace),
            depends_on=name_references(spec.depends_on, KIND, metadata.namespace),
            intent=intent,
            intent_in=intent_in,
            drifted=describe(drifted) if drifted is not None and drifted.status == "True" else None,
            new_content=_attempts_new_values(status),
            attempt=f"{status.last_attempted_revision} {status.last_attempted_config_digest}",
        )
        return Described((metadata.namespace, metadata.name), metadata.uid, metadata.resource_version, kept)


def _past(snapshot: Snapshot) -> Past:
    return Past(
        content=f"{snapshot.chart_name}@{snapshot.chart_version} {snapshot.config_digest}",
        revision=snapshot.chart_version or None,
        status=snapshot.status,
        succeeded=snapshot.status in _DEPLOYED,
        first=snapshot.first_deployed,
        last=snapshot.last_deployed,
        version=snapshot.version,
    )


def _last_good(status: HelmReleaseStatus) -> Snapshot | None:
    return next((each for each in status.history or () if each.status in _DEPLOYED), None)


def _applied_chart(status: HelmReleaseStatus) -> str | None:
    good = _last_good(status)
    return good.chart_version if good is not None else status.last_applied_revision


def _attempts_new_values(status: HelmReleaseStatus) -> bool:
    good = _last_good(status)
    attempted = status.last_attempted_config_digest
    return good is not None and bool(attempted) and attempted != good.config_digest


def _source(spec: HelmReleaseSpec, status: HelmReleaseStatus, namespace: str) -> FluxKey | None:
    """What its chart comes from: the OCIRepository or HelmChart that it names, or the HelmChart that was made for it."""
    if spec.chart_ref is not None:
        return FluxKey(spec.chart_ref.kind, spec.chart_ref.namespace or namespace, spec.chart_ref.name)
    made_in, slash, name = (status.helm_chart or "").partition("/")
    return FluxKey("HelmChart", made_in, name) if slash else None


@lru_cache(maxsize=2048)  # a status changes often, the values seldom
def _named_images(values: bytes) -> tuple[ImageRef, ...]:
    """The images in inline values that have a repository and a version; a chart may have others by default."""
    named = []
    try:
        found = helm_values.search(msgspec.json.decode(values), "")
    except (Unreadable, RecursionError):
        return ()
    for each in found:
        if each.repository is not None:
            try:
                named.append(make_image(each.repository, each.tag, each.digest))
            except ValueError:
                continue  # a word that only looks like an image
    return bundle(named)
