"""Two versions of one file, and whether they differ in the versions of images only. Pure.

A bump nearly always changes one word of one line. Where that word is the version that the file declares, what the new
version declares follows without reading the file again.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from bridge.domain.names import ImageRef
from bridge.formats.declarations.declaration import Declaration

# A word that stands for nothing but itself in any format, before the change and after it: it has a digit.
_VERSION = re.compile(rb"(?=[A-Za-z._-]*[0-9])[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")
_WORD = re.compile(rb"[A-Za-z0-9._-]")


class Frame(NamedTuple):
    """A file that declares one image, around the version: as long as it stands, the word inside is what is declared."""

    start: bytes
    end: bytes
    declaration: Declaration

    def declared_in(self, data: bytes) -> Declaration | None:
        """What another version of the file declares; None where more than the word changed."""
        start, end = self.start, self.end
        if not (data.startswith(start) and data.endswith(end)):
            return None
        word = data[len(start) : len(data) - len(end)]
        if not _VERSION.match(word):
            return None
        one = self.declaration
        image = ImageRef(one.image.repository, word.decode(), None)
        return Declaration(one.target, image, one.pointer, one.level, one.part)


def frame_of(data: bytes, declared: Sequence[Declaration]) -> Frame | None:
    """The frame of a file, if it has one: a single image by tag, and its tag in a single place."""
    if len(declared) != 1 or declared[0].image.tag is None or declared[0].image.digest is not None:
        return None
    word = declared[0].image.tag.encode()
    if not _VERSION.match(word) or data.count(word) != 1:
        return None
    start, _, end = data.partition(word)
    if _WORD.match(start[-1:]) or _WORD.match(end[:1]):
        return None
    return Frame(start, end, declared[0])


class Version(NamedTuple):
    """What stands at a place that declares an image; ``place`` is all that tells it from others."""

    place: Hashable
    tag: str | None
    digest: str | None


def bumped_lines(old: bytes, new: bytes, before: Sequence[Version], after: Sequence[Version]) -> int | None:
    """How many lines differ, if all that differs in them are declared versions; None: something else differs too."""
    versions = _changed_versions(before, after)
    if not versions:
        return None
    old_lines, new_lines = old.split(b"\n"), new.split(b"\n")
    if len(old_lines) != len(new_lines):
        return None
    differing = [(was, now) for was, now in zip(old_lines, new_lines, strict=True) if was != now]
    if any(_mask(was, versions, 0) != _mask(now, versions, 1) for was, now in differing):
        return None
    return len(differing)


def _changed_versions(before: Sequence[Version], after: Sequence[Version]) -> list[tuple[bytes, bytes]]:
    """The tags and digests that places of equal name had and have, longest first; none where places came or went."""
    if len(before) != len(after):
        return []
    versions: set[tuple[bytes, bytes]] = set()
    for one, other in zip(before, after, strict=True):
        if one.place != other.place:
            return []
        for was, now in ((one.tag, other.tag), (one.digest, other.digest)):
            if was and now and was != now:
                versions.add((was.encode(), now.encode()))
    return sorted(versions, key=lambda pair: -len(pair[0]))


def _mask(line: bytes, versions: Sequence[tuple[bytes, bytes]], side: int) -> bytes:
    for pair in versions:
        line = line.replace(pair[side], b"\0")
    return line
