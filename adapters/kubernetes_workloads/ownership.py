"""Who wrote a workload's images: the owner of ``f:image`` in ``metadata.managedFields``.

Manager names: kubectl's and the CD systems' sources; whoever passes ``--field-manager`` can call himself anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from adapters.kubernetes_client import ManagedFields

CD_MANAGERS = frozenset({"argocd-controller", "kustomize-controller", "helm-controller", "flux-operator"})
SYSTEM_MANAGERS = frozenset({"kube-controller-manager", "kube-scheduler", "kubelet"})

_IMAGE = b'"f:image"'


class Hand(StrEnum):
    """Whose hand it was."""

    CD = "cd"  # a CD system
    SYSTEM = "system"  # a controller of Kubernetes itself
    KUBECTL = "kubectl"  # a person or a pipeline with kubectl
    OTHER = "other"  # any other client: a script, a dashboard, helm


@dataclass(frozen=True, slots=True)
class ImageOwner:
    """The manager that wrote an image last; ``time`` as the server wrote it (whole seconds)."""

    manager: str
    operation: str
    time: str | None

    @property
    def hand(self) -> Hand:
        """Whose hand the manager's name stands for."""
        if self.manager in CD_MANAGERS:
            return Hand.CD
        if self.manager in SYSTEM_MANAGERS:
            return Hand.SYSTEM
        return Hand.KUBECTL if self.manager == "kubectl" or self.manager.startswith("kubectl-") else Hand.OTHER


_Containers = dict[str, dict[str, msgspec.Raw]]


class _PodSpec(msgspec.Struct):
    containers: _Containers = msgspec.field(name="f:containers", default_factory=dict)
    init_containers: _Containers = msgspec.field(name="f:initContainers", default_factory=dict)


class _Template(msgspec.Struct):
    spec: _PodSpec = msgspec.field(name="f:spec", default_factory=_PodSpec)


class _JobSpec(msgspec.Struct):
    template: _Template = msgspec.field(name="f:template", default_factory=_Template)


class _JobTemplate(msgspec.Struct):
    spec: _JobSpec = msgspec.field(name="f:spec", default_factory=_JobSpec)


class _Spec(msgspec.Struct):
    template: _Template = msgspec.field(name="f:template", default_factory=_Template)
    job_template: _JobTemplate = msgspec.field(name="f:jobTemplate", default_factory=_JobTemplate)


class _Fields(msgspec.Struct):
    spec: _Spec = msgspec.field(name="f:spec", default_factory=_Spec)


_fields = msgspec.json.Decoder(_Fields)


def find_image_owner(entries: Sequence[ManagedFields], containers: Sequence[str]) -> ImageOwner | None:
    """The newest owner of the image of one of the containers; None where the server does not say."""
    wanted = {f'k:{{"name":"{name}"}}' for name in containers}
    newest: ManagedFields | None = None
    for entry in entries:
        if entry.subresource or _IMAGE not in bytes(entry.fields_v1):
            continue
        if _owns_image(entry.fields_v1, wanted) and (newest is None or (entry.time or "") >= (newest.time or "")):
            newest = entry
    return None if newest is None else ImageOwner(newest.manager, newest.operation, newest.time)


def _owns_image(raw: msgspec.Raw, wanted: set[str]) -> bool:
    try:
        spec = _fields.decode(raw).spec
    except msgspec.ValidationError:
        return False  # fields that are no containers of a template under these names
    for pods in (spec.template.spec, spec.job_template.spec.template.spec):
        for owned in (pods.containers, pods.init_containers):
            if any("f:image" in fields for name, fields in owned.items() if name in wanted):
                return True
    return False
