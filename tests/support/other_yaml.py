"""YAML by rapidyaml, a parser that has nothing in common with libyaml: what the tests of real histories compare with.

Scalars are text, as written; nothing is resolved. A text that holds a variable or a template says nothing and is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import ryml

_FILLED_IN = ("${", "{{", "TEMPLATE", "ENC[")
_LONE_ACTION = re.compile(rb"^[ \t]*\{\{.*\}\}[ \t]*$", re.MULTILINE)
_ACTION = re.compile(rb"\{\{.*?\}\}")


class NotYaml(Exception):  # noqa: N818 - named by what is true of the text
    """The text is none."""


def load(data: bytes, *, templated: bool = False) -> list[dict[str, Any]]:
    """The documents that are mappings."""
    if templated:
        data = _ACTION.sub(b"TEMPLATE", _LONE_ACTION.sub(b"", data))
    try:
        tree = ryml.parse_in_arena(bytearray(data))
        tree.resolve()
    except ryml.ExceptionParse:
        raise NotYaml from None
    root = tree.root_id()
    roots = ryml.children(tree, root) if tree.is_stream(root) else [root]
    return [value for value in (_value(tree, each) for each in roots) if isinstance(value, dict)]


def text(value: Any) -> str | None:
    """A scalar that says something."""
    return value if isinstance(value, str) and value and not any(mark in value for mark in _FILLED_IN) else None


def dicts(value: Any) -> Iterator[dict[str, Any]]:
    """The mappings of a list; none for anything else."""
    yield from (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def below(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _value(tree: ryml.Tree, node: int) -> Any:
    if tree.is_map(node):
        return {bytes(tree.key(each)).decode(): _value(tree, each) for each in ryml.children(tree, node)}
    if tree.is_seq(node):
        return [_value(tree, each) for each in ryml.children(tree, node)]
    if not tree.has_val(node) or tree.val(node) is None:
        return None
    written = bytes(tree.val(node)).decode()
    return None if written in {"~", "null"} and not tree.is_val_quoted(node) else written
