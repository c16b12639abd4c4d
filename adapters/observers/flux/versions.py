"""Which Flux it is: the API versions that the cluster serves, the versions of the controllers, and what these can't tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from adapters.kubernetes_client import Cluster, Metadata, Rejected
from adapters.kubernetes_workloads.objects import Template
from bridge.errors import Unavailable

_PART_OF_FLUX = "app.kubernetes.io/part-of=flux"
_VERSION_LABEL = "app.kubernetes.io/version"
_NUMBERS = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")

# Newest first. An older one is read where it is the newest served that has the resource.
_VERSIONS = {
    "kustomize.toolkit.fluxcd.io": ("v1", "v1beta2"),
    "helm.toolkit.fluxcd.io": ("v2", "v2beta2", "v2beta1"),
    "source.toolkit.fluxcd.io": ("v1", "v1beta2"),
    "image.toolkit.fluxcd.io": ("v1", "v1beta2", "v1beta1"),
}
_OLD_APIS = {
    "v2beta1": "helm.toolkit.fluxcd.io/v2beta1: HelmReleases keep no history; only the last applied chart is known",
}
# Controller, version from which on it can be told, what can't be told before.
_SINCE = (
    ("helm-controller", (1, 5), "HelmReleases have no inventory: a workload not seen yet can't be waited for"),
    ("helm-controller", (1, 6), "HelmReleases have no Drifted condition: drift other than of images is not known"),
    ("notification-controller", (1, 8, 4), "alerts of 1.8.0 to 1.8.3 leave out the success of Kustomizations"),
)


Answer = TypeVar("Answer")


class _Resource(msgspec.Struct):
    name: str


class _Resources(msgspec.Struct):
    resources: list[_Resource] | None = None


class _ControllerSpec(msgspec.Struct):
    template: Template = msgspec.field(default_factory=Template)


class _Controller(msgspec.Struct):
    metadata: Metadata
    spec: _ControllerSpec = msgspec.field(default_factory=_ControllerSpec)


class _Controllers(msgspec.Struct):
    items: list[_Controller] | None = None


@dataclass(slots=True)
class FluxVersions:
    """What was found out; asked again by each feed that starts anew."""

    apis: dict[str, str | None] = field(default_factory=dict)  # resource: version; None: not served
    distribution: str | None = None
    controllers: dict[str, str] = field(default_factory=dict)
    not_told: str | None = None  # why the controllers' versions are not known

    async def find_api(self, cluster: Cluster, group: str, resource: str) -> str | None:
        """The path of the newest version that is served and understood; None where the cluster has no such resource.

        Raises:
            Unavailable, Stalled: it can't be found out now.
        """
        for version in _VERSIONS[group]:
            try:
                body = await cluster.get(f"/apis/{group}/{version}", {})
            except Rejected as error:
                if error.status == 404:  # noqa: PLR2004 - Not Found
                    continue
                raise
            served = _decode(body, _Resources, f"GET /apis/{group}/{version}").resources or ()
            if any(each.name == resource for each in served):
                self.apis[resource] = version
                return f"/apis/{group}/{version}"
        self.apis[resource] = None
        return None

    async def learn_controllers(self, cluster: Cluster, namespace: str) -> None:
        """Read the controllers' Deployments; not every role may."""
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        try:
            body = await cluster.get(path, {"labelSelector": _PART_OF_FLUX})
        except Rejected as error:
            self.not_told = str(error)
            return
        self.not_told = None
        for each in _decode(body, _Controllers, f"GET {path}").items or ():
            self.distribution = (each.metadata.labels or {}).get(_VERSION_LABEL, self.distribution)
            for container in each.spec.template.spec.containers:
                repository, _, tag = container.image.partition("@")[0].rpartition(":")
                if repository.endswith(f"/{each.metadata.name}"):
                    self.controllers[each.metadata.name] = tag

    def limits(self) -> list[str]:
        """What this Flux can't tell, in sentences."""
        said = [_OLD_APIS[version] for version in self.apis.values() if version in _OLD_APIS]
        for controller, since, what in _SINCE:
            version = _numbers(self.controllers.get(controller, ""))
            if version is not None and version < since:
                said.append(f"{controller} {self.controllers[controller]}: {what}")
        return said

    def to_details(self) -> Mapping[str, object]:
        """JSON-ready."""
        return {
            "distribution": self.distribution,
            "controllers": dict(self.controllers),
            "controllers_not_told": self.not_told,
            "apis": dict(self.apis),
            "limits": self.limits(),
        }


def _decode(body: bytes, kind: type[Answer], what: str) -> Answer:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise Unavailable(f"{what}: the answer can't be read: {error}") from error


def _numbers(text: str) -> tuple[int, ...] | None:
    found = _NUMBERS.match(text)
    return None if found is None else tuple(int(each or 0) for each in found.groups())
