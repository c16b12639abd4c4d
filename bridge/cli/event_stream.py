"""Takes Server-Sent Events apart: bytes in, whole events out, wherever the chunks are cut."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: its id, if it named one, and its data."""

    id: str | None
    data: bytes


class EventStream:
    """Collects lines until a blank one ends an event. Comments (heartbeats) and unknown fields are passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._id: str | None = None
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The events that ``chunk`` completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [event for line in lines if (event := self._take(line.removesuffix(b"\r"))) is not None]

    def _take(self, line: bytes) -> StreamEvent | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"id":
            self._id = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
        return None

    def _complete(self) -> StreamEvent | None:
        event = StreamEvent(self._id, b"\n".join(self._data)) if self._data else None
        self._id, self._data = None, []
        return event
