"""The format ``helm-release``: Flux ``HelmRelease`` objects.

Read are the images in ``spec.values``, as the format ``helm-values`` reads them, and those that the ``kustomize`` post-renderers
pin. All of a release is one service, called after the release (``metadata.name``); its namespace is the one it installs into.
With ``charts: true`` the pinned version of its chart is declared too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bridge.formats.declarations import helm_values, kustomize
from bridge.formats.declarations.found import (
    Around,
    Format,
    Found,
    Options,
    descend,
    document_pointer,
    items_of,
    known_text,
    step,
    texts_of,
)
from bridge.formats.declarations.nested_text import NestedText
from bridge.formats.declarations.yaml_text import Value


def find(documents: list[Value], options: Options) -> Iterator[Found]:
    """The pinned images of every release in the file."""
    nested = NestedText()
    for index, document in enumerate(documents):
        if is_release(document):
            yield from _find_in_release(document, document_pointer(index), options, nested)


def is_release(document: Value) -> bool:
    """Whether a document is a HelmRelease."""
    return descend(document, "kind") == "HelmRelease"


def _find_in_release(release: Value, pointer: str, options: Options, nested: NestedText) -> Iterator[Found]:
    metadata, spec = descend(release, "metadata"), descend(release, "spec")
    place = step(pointer, "spec")
    around = Around(
        known_text(descend(spec, "targetNamespace")) or known_text(descend(metadata, "namespace")),
        texts_of(descend(metadata, "labels")),
        texts_of(descend(metadata, "annotations")),
    )
    for found in _find_in_spec(spec, place, options, nested):
        yield replace(
            found,
            service=known_text(descend(spec, "releaseName")) or known_text(descend(metadata, "name")),
            around=around,
        )


def _find_in_spec(spec: Value, pointer: str, options: Options, nested: NestedText) -> Iterator[Found]:
    yield from helm_values.search(descend(spec, "values"), step(pointer, "values"))
    for index, renderer in enumerate(items_of(descend(spec, "postRenderers"))):
        yield from kustomize.find_in_spec(
            descend(renderer, "kustomize"), f"{pointer}.postRenderers[{index}].kustomize", nested
        )
    if options.charts:
        chart = descend(spec, "chart", "spec")
        name, version = known_text(descend(chart, "chart")), known_text(descend(chart, "version"))
        if name and version and not name.startswith((".", "/")):
            yield Found(f"{pointer}.chart.spec.version", name, version, None)


FORMAT = Format(find, has_objects=True, has_keys=True, options=frozenset({"charts"}))
