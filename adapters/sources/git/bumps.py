"""Two versions of one file, and whether they differ in the versions of images only. Pure.

A bump nearly always changes one word of one line. Where that word is the version that the file declares, what the new
version declares follows without reading the file again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from bridge.domain.names import ImageRef
from bridge.formats.declarations.declaration import Declaration

# A word that stands for nothing but itself in any format, before the change and after it: it has a digit.
_VERSION = re.compile(rb"(?=[A-Za-z._-]*[0-9])[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")
_WORD = re.compile(rb"[A-Za-z0-9._-]")
_MOST_VERSIONS = 512  # that one change of a file may have; each line is searched for all of them


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
    if b"\\" in data:  # an escape may be a part of the tag, and what looks like it a mere mention
        return None
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


class Bump(NamedTuple):
    """What two versions of a file differ in. ``lines``: how many, where declared versions are all that differs; else None."""

    has_versions: bool
    lines: int | None


NO_BUMP = Bump(has_versions=False, lines=None)


def compare_versions(old: bytes, new: bytes, before: Sequence[Version], after: Sequence[Version]) -> Bump:
    """Whether declared versions differ between two versions of a file, and whether anything else does.

    Where a version is mentioned elsewhere in the file (a label, a comment), the mention may follow it.
    """
    versions = _changed_versions(before, after)
    if not versions:
        return NO_BUMP
    old_lines, new_lines = old.split(b"\n"), new.split(b"\n")
    if len(old_lines) != len(new_lines) or len(versions) > _MOST_VERSIONS or not _same_places(before, after):
        return Bump(has_versions=True, lines=None)
    differing = [(was, now) for was, now in zip(old_lines, new_lines, strict=True) if was != now]
    mask_old, mask_new = (_mask_of([pair[side] for pair in versions]) for side in (0, 1))
    if any(mask_old(b"\0", was) != mask_new(b"\0", now) for was, now in differing):
        return Bump(has_versions=True, lines=None)
    return Bump(has_versions=True, lines=len(differing))


def _same_places(before: Sequence[Version], after: Sequence[Version]) -> bool:
    return [one.place for one in before] == [one.place for one in after]


def _changed_versions(before: Sequence[Version], after: Sequence[Version]) -> list[tuple[bytes, bytes]]:
    """The tags and digests that places of equal name had and have."""
    had = {one.place: one for one in before}
    versions: set[tuple[bytes, bytes]] = set()
    for now in after:
        was = had.get(now.place)
        if was is not None:
            versions |= {
                (old.encode(), new.encode())
                for old, new in ((was.tag, now.tag), (_bare(was.digest), _bare(now.digest)))
                if old and new and old != new
            }
    return sorted(versions)


def _bare(digest: str | None) -> str | None:
    """A digest as it stands in every file: some leave its algorithm to the chart."""
    return digest and digest.removeprefix("sha256:")


def _mask_of(versions: Sequence[bytes]) -> Callable[[bytes, bytes], bytes]:
    """Replaces these versions, as whole words, in a line. Else a tag ``1`` would be found in ``port: 8180``."""
    words = b"|".join(re.escape(version) for version in sorted(set(versions), key=len, reverse=True))
    return re.compile(rb"(?<![A-Za-z0-9])(?:" + words + rb")(?![A-Za-z0-9])").sub
