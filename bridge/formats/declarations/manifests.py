"""The format ``manifests``: the containers of Kubernetes workloads, of one or many documents, Lists included.

A workload is recognised by its shape, not by its kind, so that Deployments, StatefulSets, DaemonSets, ReplicaSets, Pods, Jobs,
CronJobs, Argo Rollouts, other resources with a pod template, and partial documents (kustomize patches) are read alike. Its name
is the service; all its containers and init containers are one bundle. An image without tag and digest declares nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bridge.formats.declarations.found import (
    Around,
    Format,
    Found,
    Options,
    descend,
    document_pointer,
    find_reference,
    items_of,
    known_text,
    step,
    texts_of,
)
from bridge.formats.declarations.yaml_text import Value

_POD_SPECS = (
    ("spec", "template", "spec"),
    ("spec", "jobTemplate", "spec", "template", "spec"),
    ("spec",),  # a Pod
)
_CONTAINERS = ("initContainers", "containers")


def find(documents: list[Value], _options: Options) -> Iterator[Found]:
    """The pinned images of every workload in the file."""
    for index, document in enumerate(documents):
        yield from find_in_object(document, document_pointer(index))


def find_in_object(value: Value, pointer: str) -> Iterator[Found]:
    """The pinned images of one object, or of the objects in a List, or in a list of objects."""
    if isinstance(value, dict) and str(value.get("kind", "List")).endswith("List"):
        items, pointer_of_items = value.get("items"), step(pointer, "items")
    else:
        items, pointer_of_items = value, pointer
    if isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield from find_in_object(item, f"{pointer_of_items}[{index}]")
        return
    for path in _POD_SPECS:
        spec = descend(value, *path)
        if isinstance(spec, dict):
            place = pointer
            for name in path:
                place = step(place, name)
            yield from _read_pod(value, spec, place)


def _read_pod(workload: Value, spec: dict[str, Value], pointer: str) -> Iterator[Found]:
    metadata = descend(workload, "metadata")
    # The labels and annotations of its pods count where the workload has none of that name.
    of_pods = descend(workload, "spec", "template", "metadata")
    around = Around(
        known_text(descend(metadata, "namespace")),
        texts_of(descend(of_pods, "labels")) | texts_of(descend(metadata, "labels")),
        texts_of(descend(of_pods, "annotations")) | texts_of(descend(metadata, "annotations")),
    )
    for group in _CONTAINERS:
        for index, container in enumerate(items_of(spec.get(group))):
            found = find_reference(known_text(descend(container, "image")), f"{pointer}.{group}[{index}].image")
            if found is not None:
                container_name = known_text(descend(container, "name"))
                yield replace(
                    found,
                    service=known_text(descend(metadata, "name")),
                    around=around,
                    part=f"container {container_name}" if container_name else None,
                )


FORMAT = Format(find, has_objects=True)
