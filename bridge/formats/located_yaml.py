"""One YAML document as plain values that know their lines, for configuration that people write.

Every scalar stays the text that was written (``1.10``, ``on``, ``12:30``, ``1e3``), so that the model that reads it
decides what it is; only a plain ``null``, ``~`` or nothing is None. Duplicate keys are errors, aliases and depth are
bounded, and nothing here recurses, so no document can exhaust the stack or the memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"

_DEEPEST = 64  # levels; real configurations have about 8
_MOST_NODES = 100_000  # after aliases are followed; a thousand rules have about 10,000
_PLAIN_TAGS = re.compile(r"tag:yaml\.org,2002:(?:str|int|float|bool|null|seq|map|timestamp)\Z")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a line (from 1) of the text."""

    line: int
    message: str


class Unparsable(ValueError):  # noqa: N818 - says what the text is, as Refused and Stalled do
    """The text holds no usable document; ``faults`` says everything that was found, in order."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"line {fault.line}: {fault.message}" for fault in faults))
        self.faults = faults


@dataclass(slots=True)
class LocatedDocument:
    """The values of a document, and where each is written."""

    value: Value
    lines: dict[tuple[int, str | int], int]  # (id of the list or mapping, key or index) -> line

    def locate(self, path: tuple[str | int, ...]) -> tuple[tuple[str | int, ...], int]:
        """The part of ``path`` that is written in the document, and the line of its last step; 1 for none of it.

        Steps that the document doesn't have are passed over: a validator's own labels may stand among them.
        """
        found: list[str | int] = []
        line, here = 1, self.value
        for step in path:
            if (id(here), step) not in self.lines:
                continue
            found.append(step)
            line = self.lines[id(here), step]
            here = here[step]  # type: ignore[index] # `lines` holds only steps that lists and mappings have
        return tuple(found), line


def read_document(text: str) -> LocatedDocument:
    """Read the one document of ``text``; an empty text is the value None.

    Raises:
        Unparsable: not YAML, duplicate keys, keys that are no text, several documents, or too deep or too large.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.problem or error.context or "not YAML"
        raise Unparsable([*builder.faults, Fault(mark.line + 1 if mark else 1, f"not YAML: {said}")]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unparsable([Fault(line, f"not YAML: {error.reason}")]) from None
    if builder.faults:
        raise Unparsable(builder.faults)
    return LocatedDocument(builder.value, builder.lines)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been read."""

    value: list[Value] | dict[str, Value]
    line: int
    anchor: str | None
    size: int = 1
    key: str | None = None
    key_line: int = 0
    merges: list[tuple[Value, int]] = field(default_factory=list)


class _Builder:
    """Turns parser events into values, with its own stack."""

    def __init__(self) -> None:
        self.value: Value = None
        self.lines: dict[tuple[int, str | int], int] = {}
        self.faults: list[Fault] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise Unparsable([*self.faults, Fault(line, "a second document: expected one")])
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case yaml.ScalarEvent():
                self._check_tag(event.tag, line)
                text: Value = (
                    None if event.implicit[0] and event.style is None and event.value in _NULLS else event.value
                )
                self._keep(event.anchor, text, 1)
                self._place(text, 1, line)
            case yaml.AliasEvent():
                if event.anchor not in self._anchors:
                    raise Unparsable(
                        [*self.faults, Fault(line, f"*{event.anchor} refers to no finished &anchor above it")]
                    )
                value, size = self._anchors[event.anchor]
                self._place(value, size, line)
            case _:
                pass

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        self._check_tag(event.tag, line)
        if self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None:
            raise Unparsable([*self.faults, Fault(line, "a key must be text, not a list or mapping")])
        if len(self._open) >= _DEEPEST:
            raise Unparsable([*self.faults, Fault(line, f"nested deeper than {_DEEPEST} levels")])
        self._open.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], line, event.anchor))

    def _end(self) -> None:
        done = self._open.pop()
        if isinstance(done.value, dict):
            for merged, line in done.merges:
                self._merge(done.value, merged, line)
        self._keep(done.anchor, done.value, done.size)
        self._place(done.value, done.size, done.line)

    def _place(self, value: Value, size: int, line: int) -> None:
        if not self._open:
            self.value = value
            return
        top = self._open[-1]
        top.size += size
        if top.size > _MOST_NODES:
            raise Unparsable([*self.faults, Fault(line, f"more than {_MOST_NODES} values once aliases are followed")])
        if isinstance(top.value, list):
            self.lines[id(top.value), len(top.value)] = line
            top.value.append(value)
        elif top.key is None:
            if isinstance(value, list | dict):
                raise Unparsable([*self.faults, Fault(line, "a key must be text, not a list or mapping")])
            top.key, top.key_line = "null" if value is None else value, line
        else:
            self._set(top, top.key, value)
            top.key = None

    def _set(self, top: _Open, key: str, value: Value) -> None:
        assert isinstance(top.value, dict)
        if key == "<<":
            top.merges.append((value, top.key_line))
        elif key in top.value:
            first = self.lines[id(top.value), key]
            self.faults.append(Fault(top.key_line, f"the key `{key}` stands twice: first on line {first}"))
        else:
            top.value[key] = value
            self.lines[id(top.value), key] = top.key_line

    def _merge(self, into: dict[str, Value], merged: Value, line: int) -> None:
        for part in merged if isinstance(merged, list) else [merged]:
            if not isinstance(part, dict):
                self.faults.append(Fault(line, "`<<` merges mappings: expected an alias of one, or a list of aliases"))
                return
            for key, value in part.items():
                if key not in into:
                    into[key] = value
                    self.lines[id(into), key] = line

    def _keep(self, anchor: str | None, value: Value, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag != "!" and not _PLAIN_TAGS.match(tag):
            self.faults.append(Fault(line, f"the tag {tag} means nothing here: leave it out"))
