"""The format ``argocd``: Argo CD Applications and ApplicationSets.

Read are ``spec.source`` and every one of ``spec.sources``, see ``argo_sources``; for an ApplicationSet those of its template, and
the elements of its list generators (also inside ``matrix`` and ``merge``) where they carry an image or a tag. All of an
Application is one service, called after it (a templated name: after the ApplicationSet; an element by its ``service``, ``app`` or
``name``). The namespace is the destination's; an element's own entries are its labels, so that ``from: label`` can name its
environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bridge.formats.declarations import helm_values
from bridge.formats.declarations.argo_sources import find_in_source
from bridge.formats.declarations.found import (
    Around,
    Format,
    Found,
    Options,
    descend,
    document_pointer,
    items_of,
    known_text,
    split_tag,
    step,
    texts_of,
)
from bridge.formats.declarations.nested_text import NestedText
from bridge.formats.declarations.yaml_text import Value

_SERVICE_KEYS = ("service", "app", "name")
_TAG_KEYS = ("tag", "imageTag", "image_tag", "image.tag")
_NESTING_GENERATORS = ("matrix", "merge")


def find(documents: list[Value], options: Options) -> Iterator[Found]:
    """The pinned images of every Application and ApplicationSet in the file, Lists included."""
    nested = NestedText()
    for index, document in enumerate(documents):
        yield from _find_in_object(document, document_pointer(index), options, nested)


def is_application(document: Value) -> bool:
    """Whether a document is an Application or an ApplicationSet of Argo CD."""
    version = known_text(descend(document, "apiVersion")) or "argoproj.io/"
    return known_text(descend(document, "kind")) in {"Application", "ApplicationSet"} and version.startswith(
        "argoproj.io/"
    )


def _find_in_object(value: Value, pointer: str, options: Options, nested: NestedText) -> Iterator[Found]:
    if known_text(descend(value, "kind")) in {"List", "ApplicationList", "ApplicationSetList"}:
        for index, item in enumerate(items_of(descend(value, "items"))):
            if is_application(item):
                yield from _find_in_object(item, f"{step(pointer, 'items')}[{index}]", options, nested)
    elif is_application(value):
        spec, place = descend(value, "spec"), step(pointer, "spec")
        name = known_text(descend(value, "metadata", "name"))
        if descend(value, "kind") == "ApplicationSet":
            for found in _find_in_generators(descend(spec, "generators"), f"{place}.generators"):
                yield replace(found, service=found.service or name)
            value, place = descend(spec, "template"), f"{place}.template.spec"
        yield from _find_in_application(value, place, name, options, nested)


def _find_in_application(
    application: Value, pointer: str, default: str | None, options: Options, nested: NestedText
) -> Iterator[Found]:
    metadata, spec = descend(application, "metadata"), descend(application, "spec")
    sources = [(descend(spec, "source"), f"{pointer}.source")]
    sources += [(one, f"{pointer}.sources[{index}]") for index, one in enumerate(items_of(descend(spec, "sources")))]
    around = Around(
        known_text(descend(spec, "destination", "namespace")),
        texts_of(descend(metadata, "labels")),
        texts_of(descend(metadata, "annotations")),
    )
    for source, place in sources:
        for found in find_in_source(source, place, options, nested):
            yield replace(
                found,
                service=known_text(descend(metadata, "name")) or default,
                around=around,
            )


def _find_in_generators(generators: Value, pointer: str) -> Iterator[Found]:
    for index, generator in enumerate(items_of(generators)):
        place = f"{pointer}[{index}]"
        for number, element in enumerate(items_of(descend(generator, "list", "elements"))):
            if isinstance(element, dict):
                yield from _find_in_element(element, f"{place}.list.elements[{number}]")
        for name in _NESTING_GENERATORS:
            yield from _find_in_generators(descend(generator, name, "generators"), f"{place}.{name}.generators")


def _find_in_element(element: dict[str, Value], pointer: str) -> Iterator[Found]:
    labels = texts_of(element)
    service = next((labels[key] for key in _SERVICE_KEYS if key in labels), None)
    images = helm_values.search(element, pointer)
    key = next((key for key in _TAG_KEYS if key in labels), None)
    if not images and key is not None:
        tag, digest = split_tag(labels[key])
        images = [Found(step(pointer, key), None, tag, digest)]
    for found in images:
        yield replace(found, service=service, around=Around(labels.get("namespace"), labels))


FORMAT = Format(find, has_objects=True, has_keys=True, options=frozenset({"charts"}))
