"""Cuts a stream into lines, whatever its chunks are: a line of many chunks, many lines in one, a chunk that ends in a rune."""

from __future__ import annotations

from bridge.errors import Unavailable

_LONGEST_LINE = 64 * 1024 * 1024  # bytes; etcd's own limit for an object is 1.5 MiB unless somebody raised it


class LineSplitter:
    """Feed it chunks; it returns the lines that are complete. ``readline`` of aiohttp gives up on lines that occur here."""

    def __init__(self, longest: int = _LONGEST_LINE) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._longest = longest

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines completed by ``chunk``, without their newlines and without empty ones.

        Raises:
            Unavailable: a line is longer than any object of a cluster.
        """
        head, newline, rest = chunk.partition(b"\n")
        if not newline:
            self._keep(chunk)
            return []
        first = b"".join([*self._parts, head])
        *more, last = rest.split(b"\n")
        self._parts, self._held = [], 0
        self._keep(last)
        return [line for line in (first, *more) if line.strip()]

    @property
    def is_clean(self) -> bool:
        """Nothing but whole lines was fed."""
        return not self._held

    def _keep(self, part: bytes) -> None:
        if part:
            self._parts.append(part)
            self._held += len(part)
        if self._held > self._longest:
            msg = f"a line of a watch is longer than {self._longest} bytes: this is no object of a cluster"
            raise Unavailable(msg)
