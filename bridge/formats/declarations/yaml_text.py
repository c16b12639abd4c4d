"""YAML and JSON as text: every scalar is what was written, so that the tag ``1.10`` stays ``1.10``.

``read_documents`` gives mappings as dicts, sequences as lists, scalars as str, and None for an unquoted null. It reads the
parser's events instead of constructing objects: no tag can make it build anything (``!vault x`` is ``x``), and hostile
input is met by budgets: file size, nesting, key length, and nodes after alias expansion. Duplicate keys: the last one wins.
A ``.env`` file is one mapping, see ``dotenv``.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable
from typing import TypeAlias, cast

from yaml import YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs forget it
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.dotenv import read_dotenv
from bridge.formats.declarations.go_templates import TEMPLATED, blank_templates

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"

LARGEST_FILE = 5_000_000  # bytes; an image declaration is no data file
DEEPEST = 64  # levels; Kubernetes objects stay below 20
MOST_NODES = 250_000  # after alias expansion; about 4 MB of real manifests
_LONGEST_KEY = 1024  # characters; YAML's own limit for a plain key
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
# Lines of `word: word` need no parser: most image tags live in such files, and a long history holds very many of them.
# A plain word that could be a null goes the long way, like everything else.
_LONGEST_FLAT = 4096  # characters
_FLAT_KEY = r"[A-Za-z_][A-Za-z0-9_-]{0,99}"
_FLAT_WORD = r"(?!null\b|Null\b|NULL\b)[A-Za-z0-9_][A-Za-z0-9_./-]*"
_FLAT_LINE = re.compile(rf'^({_FLAT_KEY}): +(?:({_FLAT_WORD})|["\']([A-Za-z0-9_./-]+)["\'])$', re.MULTILINE)
_FLAT = re.compile(rf"""(?:{_FLAT_KEY}: +(?:{_FLAT_WORD}|"[A-Za-z0-9_./-]+"|'[A-Za-z0-9_./-]+')(?:\n|\Z))+\Z""")
# A text that begins with NAME=value is no mapping in YAML; whether it is a .env file the whole of it tells.
_FIRST_LINE = re.compile(r"^[ \t]*+[^#\s].{0,300}", re.MULTILINE)
_ASSIGNED = re.compile(r"\s*(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_.-]*[ \t]*=")
_LONGEST_DOTENV = 250_000  # characters
_GIT_CRYPT = b"\0GITCRYPT\0"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_documents(data: bytes, *, templated: bool = False) -> list[Value]:
    """Read every document of a YAML or JSON file; an empty file has none.

    ``templated``: Go template actions are blanked out first, see ``go_templates``.

    Raises:
        Unreadable: it is no such file, or it exceeds a budget; the text names the line where one is known.
    """
    return parse_documents(read_text(data, templated=templated))


def read_text(data: bytes, *, templated: bool = False) -> str:
    """The text of a file; ``templated`` and errors as for ``read_documents``."""
    text = _decode(data)
    return blank_templates(text) if templated else text


def parse_documents(text: str) -> list[Value]:
    """What ``read_documents`` gives, from the text of a file."""
    if len(text) <= _LONGEST_FLAT and _FLAT.match(text):
        return [{key: plain or quoted for key, plain, quoted in _FLAT_LINE.findall(text)}]
    if len(text) <= _LONGEST_DOTENV and (first := _FIRST_LINE.search(text)) and _ASSIGNED.match(first[0]):
        assigned = read_dotenv(text)
        if assigned is not None:
            return [dict(assigned)]
    try:
        return _TreeReader(text).documents()
    except YAMLError as error:
        raise Unreadable(reason_of(error)) from None


def _decode(data: bytes) -> str:
    if len(data) > LARGEST_FILE:
        msg = f"the file has {len(data)} bytes: at most {LARGEST_FILE} are read"
        raise Unreadable(msg)
    if data.startswith(_UTF16):
        msg = "line 1: the file is UTF-16: save it as UTF-8"
        raise Unreadable(msg)
    if data.startswith(_GIT_CRYPT):
        msg = "the file is encrypted by git-crypt"
        raise Unreadable(msg)
    if (nul := data.find(b"\0")) >= 0:
        msg = f"line {data.count(10, 0, nul) + 1}: a NUL byte: this is no text file"
        raise Unreadable(msg)
    try:
        return data.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        msg = f"line {data.count(10, 0, error.start) + 1}: not UTF-8 text"
        raise Unreadable(msg) from None


def reason_of(error: YAMLError) -> str:
    """What a parser error says, with its line where one is known."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark is not None else str(problem)


class _TreeReader:
    """One pass over the parser's events. ``_nodes`` counts what a walk over the result would meet."""

    def __init__(self, text: str) -> None:
        # The stubs allow for None, which comes only after the stream's end, where nobody asks.
        self._next = cast("Callable[[], Event]", CParser(text).get_event)
        self._anchors: dict[str, tuple[Value, int]] = {}  # the value and how many nodes it stands for
        self._nodes = 0

    def documents(self) -> list[Value]:
        found: list[Value] = []
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                self._anchors.clear()
                found.append(self._read_node(self._next(), 0))
        return found

    def _read_node(self, event: Event, depth: int) -> Value:
        if type(event) is AliasEvent:
            return self._expand(event)
        before = self._nodes
        self._spend(1, event)
        anchor: str | None = event.anchor  # type: ignore[attr-defined]  # the three kinds left are node events
        value: Value
        if type(event) is ScalarEvent:
            value = _scalar(event)
        else:
            if depth >= DEEPEST:
                raise _refusal(event, f"nested deeper than {DEEPEST} levels")
            if anchor is not None:
                self._anchors.pop(anchor, None)  # an alias inside means this very node: a cycle, not an older one
            value = self._read_mapping(depth) if type(event) is MappingStartEvent else self._read_sequence(depth)
        if anchor is not None:
            self._anchors[anchor] = (value, self._nodes - before)
        return value

    def _read_sequence(self, depth: int) -> Value:
        items: list[Value] = []
        while type(event := self._next()) is not SequenceEndEvent:
            items.append(self._read_node(event, depth + 1))
        return items

    def _read_mapping(self, depth: int) -> Value:
        pairs: dict[str, Value] = {}
        merged: list[Value] = []
        is_template = False
        while type(event := self._next()) is not MappingEndEvent:
            is_template |= type(event) is MappingStartEvent  # a mapping as a key: `tag: {{ .Values.tag }}` parses so
            is_merge = type(event) is ScalarEvent and event.value == "<<" and event.implicit[0]
            key = self._read_key(event, depth)
            value = self._read_node(self._next(), depth + 1)
            if is_merge:
                merged.extend(value if isinstance(value, list) else [value])
            elif key is not None:
                pairs[key] = value
        if is_template:
            return TEMPLATED
        return _merge(merged, pairs) if merged else pairs

    def _read_key(self, event: Event, depth: int) -> str | None:
        """The key as text; None for a sequence, which names nothing that is looked for."""
        key = event.value if type(event) is ScalarEvent else self._read_node(event, depth + 1)
        if type(event) is ScalarEvent:
            self._spend(1, event)
            if event.anchor is not None:
                self._anchors[event.anchor] = (key, 1)
        if not isinstance(key, str):
            return None
        if len(key) > _LONGEST_KEY:
            raise _refusal(event, f"a key of more than {_LONGEST_KEY} characters")
        return key

    def _expand(self, event: AliasEvent) -> Value:
        if (known := self._anchors.get(event.anchor or "")) is None:
            raise _refusal(event, "an alias to an anchor that is not defined before it, or contains it")
        value, nodes = known
        self._spend(nodes, event)
        return value

    def _spend(self, nodes: int, event: Event) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            raise _refusal(event, f"more than {MOST_NODES} values, aliases counted as what they stand for")


def _scalar(event: ScalarEvent) -> str | None:
    value: str = event.value
    if value in _NULLS and event.implicit[0]:
        return None
    return None if event.tag == "tag:yaml.org,2002:null" else value


def _merge(merged: list[Value], pairs: dict[str, Value]) -> dict[str, Value]:
    """The merge key: what is written in the mapping itself wins, then the earlier of several merged ones."""
    result: dict[str, Value] = {}
    for source in reversed(merged):
        if isinstance(source, dict):
            result.update(source)
    return {**result, **pairs}


def _refusal(event: Event, reason: str) -> Unreadable:
    mark = event.start_mark
    return Unreadable(f"line {mark.line + 1}: {reason}" if mark is not None else reason)
