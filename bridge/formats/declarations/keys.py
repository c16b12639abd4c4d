"""The format ``keys``: image tags at configured places of any YAML or JSON mapping.

A place that is not there, is null, empty, templated or encrypted declares nothing; one that holds a mapping or a list is an
error, for the rule points at it by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.found import (
    LONGEST_TEXT,
    Format,
    Found,
    Options,
    document_pointer,
    known_text,
    split_reference,
    split_tag,
)
from bridge.formats.declarations.yaml_text import Value

_STEP = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|([^."]+))(?:\.(?!\Z)|\Z)')


@lru_cache(maxsize=1024)
def parse_dotted(text: str) -> tuple[str, ...]:
    """The steps of a dotted path such as ``a.0.b`` or ``a."b.c"`` (a quoted step may hold dots).

    Raises:
        ValueError: it is no such path.
    """
    steps: list[str] = []
    position = 0
    while match := _STEP.match(text, position):
        steps.append(match[2] if match[1] is None else re.sub(r"\\(.)", r"\1", match[1]))
        position = match.end()
        if position == len(text):
            return tuple(steps)
    msg = (
        f'{text!r} is not a dotted path: expected steps such as image.tag, images.0.newTag or annotations."acme.io/tag"'
    )
    raise ValueError(msg)


def find(documents: list[Value], options: Options) -> Iterator[Found]:
    """The images at the places that ``options`` names, in the file's documents.

    Raises:
        Unreadable: a document is no mapping, or a place holds no scalar.
    """
    for index, document in enumerate(documents):
        if document is None:
            continue
        if isinstance(document, str):
            msg = "expected a mapping at the top of the file, found a single text"
            raise Unreadable(msg)
        yield from _find_in(document, options, document_pointer(index))


def _find_in(document: Value, options: Options, prefix: str) -> Iterator[Found]:
    for service, place in options.tags.items():
        tag, digest = split_tag(_scalar_at(document, place))
        if tag or digest:
            repository = _scalar_at(document, options.repositories.get(service))
            is_shared = sum(place == other for other in options.tags.values()) > 1
            pointer = f"{prefix}{place}#{service}" if is_shared else prefix + place
            yield Found(pointer, repository, tag, digest, service)
    if options.image is not None:
        if text := _scalar_at(document, options.image):
            yield Found(prefix + options.image, *split_reference(text))
    elif options.tag is not None or options.digest is not None:
        tag, digest = split_tag(_scalar_at(document, options.tag))
        digest = _scalar_at(document, options.digest) or digest
        if tag or digest:
            written_at = (options.tag if tag else None) or options.digest or options.tag
            yield Found(f"{prefix}{written_at}", None, tag, digest)


def _scalar_at(document: Value, place: str | None) -> str | None:
    """What stands there, if it is a version; None where nothing does."""
    if place is None:
        return None
    value: Value = document
    for name in parse_dotted(place):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal():
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        msg = f"at {place}: a text of more than {LONGEST_TEXT} characters"
        raise Unreadable(msg)
    if value is None or isinstance(value, str):
        return known_text(value)
    msg = f"at {place}: expected a text, found a {'list' if isinstance(value, list) else 'mapping'}"
    raise Unreadable(msg)


FORMAT = Format(
    find,
    strict=True,
    options=frozenset({"tag", "image", "digest", "tags", "repositories"}),
    names_services=False,
)
