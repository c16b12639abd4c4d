"""A Kustomization or a HelmRelease as the observer keeps it, whatever version of Flux wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from adapters.kubernetes_client import Metadata
from adapters.kubernetes_workloads.containers import WorkloadKey
from adapters.kubernetes_workloads.kinds import NAMES, Kind
from adapters.observers.flux.objects import Inventory, Reference
from adapters.observers.flux.standing import Standing
from bridge.domain.linking import INTENT_ANNOTATION, INTENT_LABEL, read_link
from bridge.domain.names import ImageRef, Target

EVENT_ANNOTATION = f"event.toolkit.fluxcd.io/{INTENT_LABEL}"  # Flux repeats it in every event of the object
REQUEST_ANNOTATION = "reconcile.fluxcd.io/requestedAt"  # any new token makes Flux reconcile at once

_INTENT_TOKEN = re.compile(r"(?:deploybridge[:/])?([0-9a-f]{32})\Z")  # others send a time in its place
_WORKLOADS = {
    ("apps", "Deployment"): Kind.DEPLOYMENT,
    ("apps", "StatefulSet"): Kind.STATEFUL_SET,
    ("apps", "DaemonSet"): Kind.DAEMON_SET,
    ("batch", "CronJob"): Kind.CRON_JOB,
    ("batch", "Job"): Kind.JOB,
}
_INVENTORY_PARTS = 4


class FluxKey(NamedTuple):
    """One object of Flux."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Past:
    """An entry of an object's history. ``content`` is equal exactly where the same was deployed."""

    content: str
    revision: str | None
    status: str
    succeeded: bool
    first: str | None  # as the API wrote it
    last: str | None
    version: int | None = None  # of the Helm release

    def to_details(self) -> dict[str, object]:
        """JSON-ready, for the report of a target that was never seen before."""
        said = {
            "content": self.content,
            "flux_revision": self.revision,
            "status": self.status,
            "first": self.first,
            "last": self.last,
            "release": self.version,
        }
        return {key: value for key, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What is kept of one object. ``target`` None: no mapping covers it."""

    key: FluxKey
    uid: str
    target: Target | None
    standing: Standing
    suspended: bool
    remote: bool  # it applies to another cluster, whose workloads are not seen here
    attempted: str | None
    applied: str | None
    origin: str | None  # what the pipeline that made an OCI artifact says of its source
    history: tuple[Past, ...]  # newest first; empty where the controller keeps none
    inventory: frozenset[WorkloadKey] | None  # the workloads that it applied; None: not told
    named: tuple[ImageRef, ...]  # the images that it names itself
    source: FluxKey | None
    depends_on: tuple[str, ...]
    intent: str | None = None
    intent_in: str | None = None  # what carried it
    drifted: str | None = None  # what the controller says of drift that it found
    new_content: bool = False  # what it attempts is known to be other than what it applied
    attempt: str = ""  # names what it attempts: two attempts at the same are one

    @property
    def deployed(self) -> Past | None:
        """What was deployed last with success."""
        return next((past for past in self.history if past.succeeded), None)

    @property
    def is_new_attempt(self) -> bool:
        """It tries something other than what it applied last."""
        return self.new_content or (self.attempted is not None and self.attempted != self.applied)

    @property
    def names_images_in(self) -> str:
        """Where in the object its own images stand."""
        return "spec.images" if self.key.kind == "Kustomization" else "spec.values"


def find_intent(metadata: Metadata, handled: str | None) -> tuple[str | None, str | None]:
    """The id of the intent behind the object, and what carries it; a token counts when the controller acted on it."""
    annotations: Mapping[str, str] = metadata.annotations or {}
    for name in (EVENT_ANNOTATION, INTENT_ANNOTATION):
        if (link := read_link(annotations.get(name))) is not None:
            return link, name
    token = annotations.get(REQUEST_ANNOTATION, "")
    found = _INTENT_TOKEN.match(token)
    return (found[1], REQUEST_ANNOTATION) if found is not None and token == handled else (None, None)


def read_inventory(inventory: Inventory | None) -> frozenset[WorkloadKey] | None:
    """The workloads among what was applied: ``<namespace>_<name>_<group>_<kind>``, no part of which holds an underscore."""
    if inventory is None:
        return None
    keys = set()
    for entry in inventory.entries or ():
        parts = entry.id.split("_")
        if len(parts) == _INVENTORY_PARTS and (kind := _WORKLOADS.get((parts[2], parts[3]))) is not None:
            keys.add(WorkloadKey(kind, parts[0], parts[1]))
    return frozenset(keys)


def namespace_of_workloads(
    metadata: Metadata, target_namespace: str | None, inventory: frozenset[WorkloadKey] | None
) -> str:
    """Where the object's workloads run, for the mapping: as it says, or as they all do, or its own namespace."""
    if target_namespace:
        return target_namespace
    namespaces = {key.namespace for key in inventory or ()}
    return namespaces.pop() if len(namespaces) == 1 else metadata.namespace


def name_references(references: Sequence[Reference] | None, kind: str, namespace: str) -> tuple[str, ...]:
    """Objects of the same kind, for people."""
    return tuple(f"{kind} {each.namespace or namespace}/{each.name}" for each in references or ())


def name_workload(key: WorkloadKey) -> str:
    """As people write it."""
    return f"{NAMES[key.kind]} {key.namespace}/{key.name}"
