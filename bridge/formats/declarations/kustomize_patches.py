"""Inline patches of a kustomization: strategic merge patches, and JSON patches that set a container's image.

An entry is a text, or a mapping with ``patch`` (a text) and perhaps ``target``. Patches in files of their own are read by a rule
of the format ``manifests``. The service is the patched object's name, or the target's where that is no pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from bridge.formats.declarations import manifests
from bridge.formats.declarations.found import Found, descend, find_reference, items_of, known_text
from bridge.formats.declarations.nested_text import NestedText
from bridge.formats.declarations.yaml_text import Value

_OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")
_SETTING = frozenset({"add", "replace"})
_IMAGE_PATH = re.compile(
    r"(?:/spec/template|/spec/jobTemplate/spec/template)?/spec/(?:initContainers|containers)/\d+/image\Z"
)


def find_in_patches(patches: Value, pointer: str, nested: NestedText) -> Iterator[Found]:
    """The pinned images that the inline patches set.

    Raises:
        Unreadable: a patch is no YAML.
    """
    for index, entry in enumerate(items_of(patches)):
        place = f"{pointer}[{index}]"
        target: str | None = None
        text = entry
        if isinstance(entry, dict):
            text, place = entry.get("patch"), f"{place}.patch"
            name = known_text(descend(entry, "target", "name"))
            target = name if name and _OBJECT_NAME.match(name) else None
        documents, inside = nested.read(text, place, must_hold="image")  # the path of a patch's file is a text, too
        for number, document in enumerate(documents):
            begin = f"{inside}({number + 1})" if number else inside
            if isinstance(document, list):
                yield from _find_in_operations(document, begin, target)
            else:
                for found in manifests.find_in_object(document, begin):
                    yield replace(found, service=target or found.service)


def _find_in_operations(operations: list[Value], pointer: str, target: str | None) -> Iterator[Found]:
    for index, operation in enumerate(operations):
        path = known_text(descend(operation, "path"))
        if path and _IMAGE_PATH.match(path) and known_text(descend(operation, "op")) in _SETTING:
            found = find_reference(known_text(descend(operation, "value")), f"{pointer}[{index}].value")
            if found is not None:
                yield replace(found, service=target)
