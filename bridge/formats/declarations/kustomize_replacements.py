"""``replacements`` of a kustomization that put an image, or its tag, into a workload.

The value must stand in the same file: as ``sourceValue``, or as a literal of a ``configMapGenerator`` that the source names by
``fieldPath: data.KEY``. Sources in other objects are not followed. The service is the name of the selected object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bridge.formats.declarations.found import Found, descend, find_reference, items_of, known_text, split_tag, step
from bridge.formats.declarations.yaml_text import Value


def find_in_replacements(kustomization: Value, pointer: str) -> Iterator[Found]:
    """The pinned images that replacements put into place."""
    replacements = items_of(descend(kustomization, "replacements"))
    literals = dict(_literals(kustomization, pointer)) if replacements else {}
    for index, replacement in enumerate(replacements):
        written = _value(replacement, f"{step(pointer, 'replacements')}[{index}]", literals)
        if written is None:
            continue
        text, place = written
        targets = items_of(descend(replacement, "targets"))
        for number, target in enumerate(targets):
            if found := _read_target(target, text, f"{place}#{index}.{number}" if len(targets) > 1 else place):
                yield found


def _literals(kustomization: Value, pointer: str) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """(ConfigMap, key): (value, pointer)."""
    for index, generator in enumerate(items_of(descend(kustomization, "configMapGenerator"))):
        name = known_text(descend(generator, "name"))
        for number, literal in enumerate(items_of(descend(generator, "literals"))):
            key, equals, value = (known_text(literal) or "").partition("=")
            if name and equals:
                place = f"{step(pointer, 'configMapGenerator')}[{index}].literals[{number}]"
                yield (name, key), (value.strip("\"'"), place)


def _value(
    replacement: Value, pointer: str, literals: dict[tuple[str, str], tuple[str, str]]
) -> tuple[str, str] | None:
    if text := known_text(descend(replacement, "sourceValue")):
        return text, f"{pointer}.sourceValue"
    source = descend(replacement, "source")
    name, field = known_text(descend(source, "name")), known_text(descend(source, "fieldPath")) or ""
    if name and descend(source, "kind") == "ConfigMap" and field.startswith("data."):
        return literals.get((name, field.removeprefix("data.")))
    return None


def _read_target(target: Value, text: str, pointer: str) -> Found | None:
    paths = [known_text(path) or "" for path in items_of(descend(target, "fieldPaths"))]
    if not any(path.endswith(".image") and "ontainers." in path for path in paths):
        return None
    service = known_text(descend(target, "select", "name"))
    delimiter, index = descend(target, "options", "delimiter"), descend(target, "options", "index")
    if delimiter is None:
        found = find_reference(text, pointer)
        return replace(found, service=service) if found else None
    if delimiter == ":" and index == "1":
        tag, digest = split_tag(text)
        return Found(pointer, None, tag, digest, service) if tag or digest else None
    return None
