"""A small pack as a server sends it, taken apart in memory; pure. The format is gitformat-pack's, with deltas by id only.

libgit2 takes several requests for what one landing changed, the more the longer the history; this reads the answer to a single one.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum

_LARGEST = 64 * 1024 * 1024  # bytes unpacked; what is larger is libgit2's to fetch, on disk
_HASH = 20  # bytes; repositories of SHA-256 are left to libgit2


class Kind(IntEnum):
    """What an object is, as numbered in packs and by libgit2."""

    COMMIT = 1
    TREE = 2
    BLOB = 3
    TAG = 4


_BY_ID = 7  # a delta whose base is named by its id
_Object = tuple[Kind, bytes]


class BadPack(Exception):  # noqa: N818 - never leaves the adapter: libgit2 fetches instead, and tells what is wrong
    """It is cut off, damaged, too large, or has what was not asked for."""


def read_pack(data: bytes, base: Callable[[bytes], _Object | None]) -> list[_Object]:
    """The objects of a pack, commits last; ``base`` finds an object that the pack builds on and does not hold.

    Raises:
        BadPack: see there.
    """
    if len(data) < 12 + _HASH or data[:8] != b"PACK\0\0\0\2":
        msg = "no pack of version 2"
        raise BadPack(msg)
    if hashlib.sha1(data[:-_HASH], usedforsecurity=False).digest() != data[-_HASH:]:
        msg = "its checksum is wrong"
        raise BadPack(msg)
    found: dict[bytes, _Object] = {}
    deltas: list[tuple[bytes, bytes]] = []  # the base's id, the instructions
    for kind, base_id, content in _entries(data[:-_HASH]):
        if kind == _BY_ID:
            deltas.append((base_id, content))
        else:
            _put(found, Kind(kind), content)
    while deltas:
        waiting = []
        for base_id, instructions in deltas:
            known = found.get(base_id) or base(base_id)
            if known is None:
                waiting.append((base_id, instructions))
            else:
                _put(found, known[0], _apply(known[1], instructions))
        if len(waiting) == len(deltas):
            msg = "a delta's base is missing"
            raise BadPack(msg)
        deltas = waiting
    return sorted(found.values(), key=lambda each: each[0] == Kind.COMMIT)


def _put(found: dict[bytes, _Object], kind: Kind, content: bytes) -> None:
    head = f"{kind.name.lower()} {len(content)}\0".encode()
    found[hashlib.sha1(head + content, usedforsecurity=False).digest()] = kind, content


def _entries(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Number of the kind, id of the base (else empty), and the unpacked content of each entry."""
    at, left = 12, _LARGEST
    for _ in range(int.from_bytes(data[8:12], "big")):
        try:
            kind, size, at = _head(data, at)
        except IndexError:
            msg = "it is cut off"
            raise BadPack(msg) from None
        base_id = b""
        if kind == _BY_ID:
            base_id, at = data[at : at + _HASH], at + _HASH
        elif kind not in Kind.__members__.values():
            msg = f"it holds an entry of kind {kind}"
            raise BadPack(msg)
        left -= size
        if left < 0:
            msg = "it is too large"
            raise BadPack(msg)
        unpacking = zlib.decompressobj()
        try:
            content = unpacking.decompress(data[at:], size + 1)
        except zlib.error as error:
            raise BadPack(str(error)) from None
        if len(content) != size or not (unpacking.eof or _ends(unpacking)):
            msg = "an entry has another size than it says"
            raise BadPack(msg)
        at = len(data) - len(unpacking.unused_data)
        yield kind, base_id, content


def _ends(unpacking: zlib._Decompress) -> bool:
    """Whether nothing but the end of the stream is left, which zlib may not have looked at yet."""
    return unpacking.decompress(unpacking.unconsumed_tail, 1) == b"" and unpacking.eof


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Kind, size and where the rest begins."""
    byte = data[at]
    kind, size, shift = byte >> 4 & 7, byte & 15, 4
    while byte & 128:
        at += 1
        byte = data[at]
        size |= (byte & 127) << shift
        shift += 7
    return kind, size, at + 1


def _size(delta: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    while True:
        byte = delta[at]
        at += 1
        size |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return size, at


def _apply(base: bytes, delta: bytes) -> bytes:
    """The object that a delta makes of its base: copies of pieces of it, and new bytes."""
    made, fits, expected = bytearray(), False, 0
    try:
        expected_base, at = _size(delta, 0)
        expected, at = _size(delta, at)
        fits = expected_base == len(base) and expected <= _LARGEST
        while fits and at < len(delta):
            step = delta[at]
            at += 1
            if step & 128:
                offset, length, at = _copied(delta, at, step)
                made += base[offset : offset + length]
                fits = offset + length <= len(base)
            else:
                made += delta[at : at + step]
                at += step
                fits = step > 0
            fits = fits and len(made) <= expected
    except IndexError:
        fits = False
    if not fits or len(made) != expected:
        msg = "a delta does not fit its base"
        raise BadPack(msg)
    return bytes(made)


def _copied(delta: bytes, at: int, step: int) -> tuple[int, int, int]:
    offset = length = 0
    for bit in range(4):
        if step >> bit & 1:
            offset |= delta[at] << 8 * bit
            at += 1
    for bit in range(3):
        if step >> (4 + bit) & 1:
            length |= delta[at] << 8 * bit
            at += 1
    return offset, length or 0x10000, at
