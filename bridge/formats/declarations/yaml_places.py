"""The scalars of a YAML text with the places where they stand, for what plain values can't tell: comments behind them.

Lines and columns count from 0, and lines end as in ``str.splitlines`` for what YAML calls a line break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from yaml import Mark, YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs forget it
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.found import step
from bridge.formats.declarations.yaml_text import DEEPEST, MOST_NODES, reason_of


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar that is a value, not a key. ``mapping``: the pointer of the mapping or list around it."""

    document: int
    pointer: str
    mapping: str
    text: str
    end_line: int
    end_column: int


@dataclass(slots=True)
class _Open:
    pointer: str
    is_mapping: bool
    key: str | None = None
    has_key: bool = False
    index: int = 0

    def next_pointer(self) -> str:
        """Of the value that comes next; call it once for each."""
        if not self.is_mapping:
            self.index += 1
            return f"{self.pointer}[{self.index - 1}]"
        self.has_key = False
        return step(self.pointer, self.key or "")


def read_scalars(text: str) -> Iterator[Scalar]:
    """Every scalar that is a value, in the order of the text; aliases are passed over.

    Raises:
        Unreadable: it is no YAML, or deeper or larger than the budgets of ``yaml_text``.
    """
    try:
        yield from _read(cast("Callable[[], Event]", CParser(text).get_event))
    except YAMLError as error:
        raise Unreadable(reason_of(error)) from None


def _read(take: Callable[[], Event]) -> Iterator[Scalar]:
    stack: list[_Open] = []
    document = -1
    nodes = 0
    while not isinstance(event := take(), StreamEndEvent):
        nodes += 1
        if nodes > MOST_NODES or len(stack) > DEEPEST:
            msg = f"more than {MOST_NODES} values, or nested deeper than {DEEPEST} levels"
            raise Unreadable(msg)
        if isinstance(event, DocumentStartEvent):
            document += 1
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            stack.pop()
        elif isinstance(event, ScalarEvent | AliasEvent | MappingStartEvent | SequenceStartEvent):
            top = stack[-1] if stack else None
            if top is not None and top.is_mapping and not top.has_key:
                top.key, top.has_key = event.value if isinstance(event, ScalarEvent) else "", True
                if not isinstance(event, MappingStartEvent | SequenceStartEvent):
                    continue
                pointer = top.pointer  # inside a key: nothing that anybody points at
            else:
                pointer = top.next_pointer() if top is not None else ""
            if isinstance(event, ScalarEvent):
                mark = cast("Mark", event.end_mark)  # the parser always sets it
                around = top.pointer if top is not None else ""
                yield Scalar(document, pointer, around, event.value, mark.line, mark.column)
            elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                stack.append(_Open(pointer, isinstance(event, MappingStartEvent)))
