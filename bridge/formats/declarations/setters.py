"""The format ``setters``: scalars that carry a marker of Flux's image automation, in any YAML.

``# {"$imagepolicy": "namespace:policy"}`` behind a value marks a whole reference, ``…:tag``, ``…:name`` and ``…:digest`` its parts;
the parts of one policy in one mapping are one image (a ``name`` elsewhere in the document counts where the mapping has none).
The service is the policy's name, the namespace the policy's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from bridge.formats.declarations.found import (
    Around,
    Format,
    Found,
    Options,
    check_number,
    document_pointer,
    find_reference,
    known_text,
    split_tag,
)
from bridge.formats.declarations.yaml_places import Scalar, read_scalars

_MARKER = re.compile(
    r'#[ \t]*\{[ \t]*"\$imagepolicy"[ \t]*:[ \t]*"([^":\s]{1,253}):([^":\s]{1,253})(?::(tag|name|digest))?"'
)
_LINE_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")  # as YAML 1.1 counts lines
_MOST_PARTS = 3  # marked scalars of one image
_LONGEST_LINE = 4096  # characters; markers stand on short lines


_Policy: TypeAlias = tuple[int, str, str]  # document, namespace, name
_Group: TypeAlias = tuple[int, str, str, str]  # and the pointer of the mapping around


@dataclass(frozen=True, slots=True)
class _Marked:
    document: int
    pointer: str
    mapping: str  # the pointer of the mapping around it
    namespace: str
    policy: str
    part: str  # of the reference: tag, name, digest; empty for the whole
    text: str


def find(text: str, _options: Options) -> Iterator[Found]:
    """The marked images of the text, in its order.

    Raises:
        Unreadable: markers stand in what is no YAML.
    """
    if not has_markers(text):
        return
    groups: dict[_Group, dict[str, _Marked]] = {}
    names: dict[_Policy, str] = {}  # where the mapping around a tag has none
    order: list[_Group | _Marked] = []
    for number, one in enumerate(_find_marked(text)):
        check_number(number // _MOST_PARTS)
        if not one.part:
            order.append(one)
            continue
        group = (one.document, one.namespace, one.policy, one.mapping)
        if group not in groups:
            order.append(group)
        groups.setdefault(group, {}).setdefault(one.part, one)
        if one.part == "name":
            names.setdefault(group[:3], one.text)
    for entry in order:
        found = _read_whole(entry) if isinstance(entry, _Marked) else _read_parts(groups[entry], names.get(entry[:3]))
        if found is not None:
            yield found


def has_markers(text: str) -> bool:
    """Whether the text may hold any marker."""
    return '"$imagepolicy"' in text


def _read_whole(one: _Marked) -> Found | None:
    found = find_reference(one.text, one.pointer)
    return replace(found, service=one.policy, around=Around(one.namespace)) if found else None


def _read_parts(parts: dict[str, _Marked], name_elsewhere: str | None) -> Found | None:
    first = parts.get("tag") or parts.get("digest")
    if first is None:
        return None
    name = parts["name"].text if "name" in parts else name_elsewhere
    tag, digest = split_tag(parts["tag"].text) if "tag" in parts else (None, None)
    digest = parts["digest"].text if "digest" in parts else digest
    return Found(first.pointer, name, tag, digest, first.policy, Around(first.namespace))


def _find_marked(text: str) -> Iterator[_Marked]:
    markers = {}
    for number, line in enumerate(_LINE_BREAK.split(text)):
        if "$imagepolicy" in line and len(line) <= _LONGEST_LINE and (match := _MARKER.search(line)):
            markers[number] = match
    last: Scalar | None = None
    for scalar in read_scalars(text):
        if last is not None and last.end_line != scalar.end_line:
            yield from _take(last, markers.get(last.end_line))
        last = scalar
    if last is not None:
        yield from _take(last, markers.get(last.end_line))


def _take(scalar: Scalar, marker: re.Match[str] | None) -> Iterator[_Marked]:
    """The last scalar on a marker's line is the marked one, where the marker is a comment and not part of a text."""
    value = known_text(scalar.text)
    if marker is not None and value and marker.start() >= scalar.end_column:
        namespace, policy, part = marker.groups()
        pointer = document_pointer(scalar.document) + scalar.pointer
        yield _Marked(scalar.document, pointer, scalar.mapping, namespace, policy, part or "", value)


FORMAT = Format(find_in_text=find, has_objects=True)
