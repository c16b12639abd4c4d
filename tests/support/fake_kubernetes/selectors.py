"""Label and field selectors as an API server understands them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SET = re.compile(r"(?P<key>[^\s!=(),]+)\s+(?P<verb>in|notin)\s*\((?P<values>[^)]*)\)\Z")


class BadSelectorError(Exception):
    """Answered with 400."""


def matches(obj: Mapping[str, Any], label_selector: str, field_selector: str) -> bool:
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    return all(_label(labels, part) for part in _split(label_selector)) and all(
        _field(metadata, part) for part in _split(field_selector)
    )


def _split(selector: str) -> list[str]:
    parts = re.split(r",(?![^(]*\))", selector) if selector.strip() else []
    return [part.strip() for part in parts]


def _label(labels: Mapping[str, str], part: str) -> bool:
    if match := _SET.match(part):
        values = {value.strip() for value in match["values"].split(",")}
        inside = labels.get(match["key"]) in values
        return inside if match["verb"] == "in" else not inside
    if "!=" in part:
        key, _, value = part.partition("!=")
        return labels.get(key.strip()) != value.strip()
    if "=" in part:
        key, _, value = part.replace("==", "=").partition("=")
        return labels.get(key.strip()) == value.strip()
    if part.startswith("!"):
        return part[1:].strip() not in labels
    if not part or " " in part:
        raise BadSelectorError(part)
    return part in labels


def _field(metadata: Mapping[str, Any], part: str) -> bool:
    negated = "!=" in part
    key, _, value = part.replace("!=", "=").replace("==", "=").partition("=")
    if key not in {"metadata.name", "metadata.namespace"}:
        raise BadSelectorError(f'field label not supported: "{key}"')
    return bool(metadata.get(key.removeprefix("metadata."), "") == value) != negated
