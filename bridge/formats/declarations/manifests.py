"""The format ``manifests``: the containers of Kubernetes workloads, of one or many documents, Lists included.

A workload is recognised by its shape, not by its kind, so that Deployments, StatefulSets, DaemonSets, ReplicaSets, Pods, Jobs,
CronJobs, Argo Rollouts, other resources with a pod template, and partial documents (kustomize patches) are read alike. Its name
is the service; all its containers and init containers are one bundle. An image without tag and digest declares nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.formats.declarations.found import (
    Format,
    Found,
    Options,
    document_pointer,
    known_text,
    split_reference,
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
        yield from _read_object(document, document_pointer(index))


def _read_object(value: Value, pointer: str) -> Iterator[Found]:
    if not isinstance(value, dict):
        return
    if isinstance(items := value.get("items"), list) and str(value.get("kind", "List")).endswith("List"):
        for index, item in enumerate(items):
            yield from _read_object(item, f"{_join(pointer, 'items')}[{index}]")
        return
    for path in _POD_SPECS:
        spec = _descend(value, path)
        if spec is not None:
            yield from _read_pod(value, spec, _join(pointer, ".".join(path)))


def _read_pod(workload: dict[str, Value], spec: dict[str, Value], pointer: str) -> Iterator[Found]:
    metadata = _descend(workload, ("metadata",)) or {}
    labels = _labels(workload, metadata)
    for group in _CONTAINERS:
        containers = spec.get(group)
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            text = known_text(container.get("image")) if isinstance(container, dict) else None
            repository, tag, digest = split_reference(text) if text else (None, None, None)
            if tag or digest:
                place = f"{pointer}.{group}[{index}].image"
                name, namespace = known_text(metadata.get("name")), known_text(metadata.get("namespace"))
                yield Found(place, repository, tag, digest, name, namespace, labels)


def _labels(workload: dict[str, Value], metadata: dict[str, Value]) -> dict[str, str]:
    """The workload's labels, and those of its pods where it has none of that name."""
    of_pods = _descend(workload, ("spec", "template", "metadata", "labels")) or {}
    own = _descend(metadata, ("labels",)) or {}
    return {name: text for name, value in {**of_pods, **own}.items() if (text := known_text(value))}


def _descend(value: Value, path: tuple[str, ...]) -> dict[str, Value] | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def _join(pointer: str, path: str) -> str:
    return f"{pointer}.{path}" if pointer and not pointer.endswith(")") else pointer + path


FORMAT = Format(find, has_objects=True)
