"""Whether what stands at a pointer is filled in or decrypted elsewhere, as opposed to not being there.

The formats pass over both alike, for neither declares anything. It makes a difference for a place that declared something before:
see ``adapters/sources/git/tracked.py``. Pointers into text (``line 3, column 5``) lead nowhere here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.go_templates import is_opaque
from bridge.formats.declarations.yaml_text import Value, parse_documents

_DOCUMENT = re.compile(r"\((\d{1,6})\)")
_SERVICE = re.compile(r'#[^"]*\Z')  # of `keys`: whose it is, where one place is several services'
_STEP = re.compile(r'\.?(?:"((?:[^"\\]|\\.)*)"|\[(\d{1,6})\]|(\|)|([^."\[|]+))')


def opaque_places(documents: list[Value], pointers: Iterable[str]) -> dict[str, str]:
    """Those of the pointers whose value, or anything around it, is opaque; each with the reason, which quotes no value."""
    found: dict[str, str] = {}
    inside = cache(_inside)  # many places may be in one text, which is read once
    for pointer in pointers:
        opaque = _first_opaque(documents, pointer, inside)
        if opaque is not None:
            how = "encrypted" if opaque.startswith("ENC[") else "filled in by a template"
            found[pointer] = f"at {pointer}: the value is {how}"
    return found


def _first_opaque(documents: list[Value], pointer: str, inside: Callable[[str], Value]) -> str | None:
    """The text that stands in the way of a value, or is it; None: a plain value, or nothing."""
    document = _DOCUMENT.match(pointer)
    index, at = (int(document[1]) - 1, document.end()) if document else (0, 0)
    value: Value = documents[index] if 0 <= index < len(documents) else None
    if (whole := _encrypted_whole(value)) is not None:
        return whole
    pointer = _SERVICE.sub("", pointer)
    while at < len(pointer) and (match := _STEP.match(pointer, at)):
        if isinstance(value, str):
            if is_opaque(value):
                return value
            value = inside(value) if match[3] else None
        elif match[3]:
            return None
        else:
            value = _below(value, match)
        at = match.end()
    return value if isinstance(value, str) and is_opaque(value) else None


def _below(value: Value, match: re.Match[str]) -> Value:
    quoted, index, _, bare = match.groups()
    if isinstance(value, list):
        number = index or (bare if bare and bare.isdecimal() else None)
        return value[int(number)] if number is not None and int(number) < len(value) else None
    name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
    return value.get(name or "") if isinstance(value, dict) and index is None else None


def _inside(text: str) -> Value:
    """The first document in a text that holds one."""
    try:
        documents = parse_documents(text)
    except Unreadable:
        return None
    return documents[0] if documents else None


def _encrypted_whole(document: Value) -> str | None:
    """What SOPS makes of a file that it does not take for YAML: one value, and its own data beside it."""
    if not isinstance(document, dict) or not isinstance(document.get("sops"), dict):
        return None
    data = document.get("data")
    return data if isinstance(data, str) and data.startswith("ENC[") else None
