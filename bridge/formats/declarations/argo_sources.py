"""The source of an Argo CD Application, as it stands in Applications, ApplicationSets and ``.argocd-source`` files.

Read are ``helm.parameters`` (also written by Argo CD Image Updater), ``helm.values`` (a text), ``helm.valuesObject``,
``kustomize.images``, ``kustomize.patches``, and with ``charts: true`` the ``targetRevision`` of a chart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from bridge.formats.declarations import helm_values, kustomize
from bridge.formats.declarations.found import Found, Options, descend, items_of, known_text, split_reference, step
from bridge.formats.declarations.nested_text import NestedText
from bridge.formats.declarations.yaml_text import DEEPEST, Value

_LONGEST_NAME = 1024  # characters of a parameter's name
_PARAMETER_STEP = re.compile(r"((?:[^.\\]|\\.)+)(?:\.|\Z)", re.DOTALL)


def find_in_source(source: Value, pointer: str, options: Options, nested: NestedText) -> Iterator[Found]:
    """The images of one source; services are not named."""
    helm, place = descend(source, "helm"), step(pointer, "helm")
    yield from _find_in_parameters(items_of(descend(helm, "parameters")), f"{place}.parameters")
    documents, inside = nested.read(descend(helm, "values"), f"{place}.values")
    for document in documents[:1]:
        yield from helm_values.search(document, inside)
    yield from helm_values.search(descend(helm, "valuesObject"), f"{place}.valuesObject")
    yield from _find_in_kustomize(descend(source, "kustomize"), step(pointer, "kustomize"), nested)
    if options.charts:
        yield from _find_chart(source, pointer)


def _find_in_parameters(parameters: list[Value], pointer: str) -> Iterator[Found]:
    """Parameters are values by their dotted names; the version's pointer leads back to the parameter that sets it."""
    values: dict[str, Value] = {}
    set_by: dict[str, int] = {}
    for index, parameter in enumerate(parameters):
        name, value = known_text(descend(parameter, "name")), known_text(descend(parameter, "value"))
        steps = _split_name(name) if name and len(name) <= _LONGEST_NAME else []
        if value and 0 < len(steps) <= DEEPEST:
            place = _set(values, steps, value)
            if place is not None:
                set_by[place] = index
    for found in helm_values.search(values, ""):
        yield replace(found, pointer=f"{pointer}[{set_by[found.pointer]}].value", part=f"parameter {found.pointer}")


def _split_name(name: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", part) for part in _PARAMETER_STEP.findall(name)]


def _set(values: dict[str, Value], steps: list[str], value: str) -> str | None:
    """Put a value where the steps lead; its pointer, or None where another parameter is in the way."""
    place = ""
    for name in steps[:-1]:
        place = step(place, name)
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            return None
        values = inner
    if isinstance(values.get(steps[-1]), dict):
        return None
    values[steps[-1]] = value
    return step(place, steps[-1])


def _find_in_kustomize(kustomization: Value, pointer: str, nested: NestedText) -> Iterator[Found]:
    for index, image in enumerate(items_of(descend(kustomization, "images"))):
        text = known_text(image)
        if text is None:
            continue
        name, renames, replacement = text.partition("=")
        repository, tag, digest = split_reference(replacement if renames else text)
        if tag or digest:
            named = split_reference(name)[0]
            yield Found(f"{pointer}.images[{index}]", repository, tag, digest, part=f"image {named}")
    for found in kustomize.find_in_patches(descend(kustomization, "patches"), f"{pointer}.patches", nested):
        yield replace(found, service=None)


def _find_chart(source: Value, pointer: str) -> Iterator[Found]:
    chart, version = known_text(descend(source, "chart")), known_text(descend(source, "targetRevision"))
    if chart and version:
        host = (known_text(descend(source, "repoURL")) or "").partition("://")
        registry = (host[2] or host[0]).strip("/")
        yield Found(step(pointer, "targetRevision"), f"{registry}/{chart}" if registry else chart, version, None)
