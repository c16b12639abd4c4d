"""Which containers of a workload count, and the images in them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from pydantic import Field

from adapters.kubernetes_client import Image, read_image
from adapters.kubernetes_workloads.kinds import NAMES, Kind
from adapters.kubernetes_workloads.objects import PodSpec, WorkloadObject
from bridge.formats.configuration import SettingsModel


class ContainerSettings(SettingsModel):
    """Which containers of a workload count as the service."""

    init: bool = Field(
        default=False, description="also init containers, and with them sidecars that are declared as such"
    )
    only: tuple[str, ...] = Field(default=(), description="globs of container names: others are left out")
    except_: tuple[str, ...] = Field(
        default=(), alias="except", description="globs of container names that are left out, such as istio-proxy"
    )
    images: tuple[str, ...] = Field(
        default=(), description="globs of image repositories (* also matches /): others are left out"
    )


class WorkloadKey(NamedTuple):
    """Which workload of the cluster."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{NAMES[self.kind]} {self.namespace}/{self.name}"


def _pod_spec(found: WorkloadObject) -> PodSpec:
    template = found.spec.template
    if found.spec.job_template is not None:
        template = found.spec.job_template.spec.template
    return template.spec if template is not None else PodSpec()


def find_images(found: WorkloadObject, settings: ContainerSettings) -> tuple[list[str], tuple[Image, ...]]:
    """The names of the containers that count, and their images, each once."""
    pods = _pod_spec(found)
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
