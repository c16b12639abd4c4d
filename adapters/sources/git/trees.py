"""Raw Git directories compared by their bytes.

One bump changes one id in each directory on its path and nothing else, so two versions of a directory nearly always have
the same names at the same offsets: the changed id is found by comparing bytes, and the names are parsed once for all.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0[\s\S]{20}")
_ID = 20  # bytes of an id

TREE = b"40000"


class Entry(NamedTuple):
    """A name in a directory. ``mode`` is octal text, ``oid`` 20 raw bytes."""

    mode: bytes
    oid: bytes


class _Layout:
    """Where the ids of a directory stand, and whose they are."""

    __slots__ = ("modes", "names", "slots", "starts")

    def __init__(self, raw: bytes) -> None:
        self.starts: list[int] = []
        self.names: list[bytes] = []
        self.modes: list[bytes] = []
        for match in _ENTRY.finditer(raw):
            self.starts.append(match.end() - _ID)
            self.modes.append(match[1])
            self.names.append(match[2])
        self.slots = {name: slot for slot, name in enumerate(self.names)}


class Directory:
    """One version of a directory."""

    __slots__ = ("_apart", "_layout", "_number", "raw")

    def __init__(self, raw: bytes, layout: _Layout | None = None, apart: tuple[bytes, int] | None = None) -> None:
        self.raw = raw
        self._number = int.from_bytes(raw, "big")  # compared as a whole, which is far quicker than byte by byte
        self._layout = layout or _Layout(raw)
        self._apart = apart  # the version that it was compared with, and the slot in which they differ

    def __len__(self) -> int:
        return len(self._layout.names)

    def entry(self, name: bytes) -> Entry | None:
        """What stands under a name."""
        slot = self._layout.slots.get(name)
        return None if slot is None else self._at(slot)

    def successor(self, raw: bytes) -> Directory:
        """Another version of this directory; cheap if it only differs in one id."""
        if len(raw) != len(self.raw):
            return Directory(raw)
        other = Directory(raw, self._layout)
        slot = self._one_id_apart(other)
        if slot is None:
            return Directory(raw)
        other._apart = (self.raw, slot)
        return other

    def differences(self, other: Directory) -> Iterator[tuple[bytes, Entry | None, Entry | None]]:
        """Each name that stands for something else in ``other``, with what it stands for here and there."""
        if other._layout is self._layout:  # a sibling
            known = other._apart
            slot = known[1] if known and known[0] is self.raw else self._one_id_apart(other)
            if slot is not None:
                yield self._layout.names[slot], self._at(slot), other._at(slot)
                return
        here, there = self._entries(), other._entries()
        for name in here.keys() | there.keys():
            if here.get(name) != there.get(name):
                yield name, here.get(name), there.get(name)

    def sole_difference(self, other: Directory) -> tuple[bytes, bytes, bytes, bytes] | None:
        """Name, mode and the ids here and in ``other`` of the one entry whose id differs; None: it is not just that."""
        if other._layout is not self._layout:
            return None
        known = other._apart
        slot = known[1] if known and known[0] is self.raw else self._one_id_apart(other)
        if slot is None:
            return None
        layout, start = self._layout, self._layout.starts[slot]
        end = start + _ID
        return layout.names[slot], layout.modes[slot], self.raw[start:end], other.raw[start:end]

    def _at(self, slot: int) -> Entry:
        start = self._layout.starts[slot]
        return Entry(self._layout.modes[slot], self.raw[start : start + _ID])

    def _entries(self) -> dict[bytes, Entry]:
        return {name: self._at(slot) for slot, name in enumerate(self._layout.names)}

    def _one_id_apart(self, other: Directory) -> int | None:
        """The slot whose id is all that differs from a directory of the same size; None: more differs, or nothing."""
        difference = self._number ^ other._number
        if not difference:
            return None
        size = len(self.raw)
        first = size - (difference.bit_length() + 7) // 8
        last = size - 1 - ((difference & -difference).bit_length() - 1) // 8
        starts = self._layout.starts
        slot = bisect_right(starts, first) - 1
        return slot if slot >= 0 and last < starts[slot] + _ID else None


EMPTY = Directory(b"")
