"""The PATCH types of an API server: JSON patch with ``test``, merge patch, and as much strategic merge as workloads need."""

from __future__ import annotations

import copy
from typing import Any


class UnprocessableError(Exception):
    """Answered with 422."""


def apply_patch(obj: dict[str, Any], patch: Any, content_type: str) -> dict[str, Any]:
    """A patched copy."""
    if content_type == "application/json-patch+json":
        return _json_patch(copy.deepcopy(obj), patch)
    strategic = content_type == "application/strategic-merge-patch+json"
    if not strategic and content_type != "application/merge-patch+json":
        raise LookupError(content_type)
    return _merge(copy.deepcopy(obj), patch, strategic=strategic)


def _merge(target: Any, patch: Any, *, strategic: bool) -> Any:
    if not isinstance(patch, dict):
        return patch
    target = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif strategic and key in {"containers", "initContainers"} and isinstance(target.get(key), list):
            target[key] = _merge_named(target[key], value)
        elif not key.startswith("$"):
            target[key] = _merge(target.get(key), value, strategic=strategic)
    return target


def _merge_named(items: list[Any], patches: list[Any]) -> list[Any]:
    by_name = {item["name"]: item for item in items}
    for patch in patches:
        by_name[patch["name"]] = _merge(by_name.get(patch["name"]), patch, strategic=True)
    return list(by_name.values())


def _json_patch(obj: Any, operations: list[dict[str, Any]]) -> Any:
    for operation in operations:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        parent = obj
        try:
            for step in steps[:-1]:
                parent = parent[int(step)] if isinstance(parent, list) else parent[step]
            last: Any = steps[-1]
            if isinstance(parent, list):
                last = len(parent) if last == "-" else int(last)
            _operate(parent, last, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise UnprocessableError(
                f"the server rejected our request due to an error in our request: {error}"
            ) from error
    return obj


def _operate(parent: Any, last: Any, operation: dict[str, Any]) -> None:
    match operation["op"]:
        case "test":
            if parent[last] != operation["value"]:
                raise UnprocessableError(f"testing value {operation['path']} failed")
        case "remove":
            del parent[last]
        case "replace":
            _ = parent[last]  # it must be there
            parent[last] = operation["value"]
        case "add":
            if isinstance(parent, list):
                parent.insert(last, operation["value"])
            else:
                parent[last] = operation["value"]
        case other:
            raise UnprocessableError(f"Unexpected kind: {other}")
