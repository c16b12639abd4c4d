"""Drift episodes added up: how many, how long together, the longest, and how many are still open."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.events import Event
from bridge.domain.names import Target
from bridge.domain.times import parse_time

_DECIMALS = 6  # microseconds: what the log's times can tell


class DriftEpisodes:
    """Feed it ``drift.opened`` of the range and every ``drift.closed``; a closing without its opening is outside the range."""

    def __init__(self, now: datetime | None) -> None:
        self._now = now
        self._count = 0
        self._lengths: list[float] = []  # seconds, of the closed ones
        self._open: dict[Target, datetime] = {}

    def open(self, event: Event) -> None:
        """An episode of the range begins."""
        assert event.target is not None
        self._count += 1
        self._open[event.target] = _moment(event, "since") or event.source_time or event.received_at

    def close(self, event: Event) -> None:
        """The target's open episode ends, if it is one of the range."""
        assert event.target is not None
        since = self._open.pop(event.target, None)
        if since is not None:
            until = _moment(event, "until") or event.source_time or event.received_at
            self._lengths.append(_seconds(since, until))

    def report(self) -> dict[str, object]:
        """JSON-ready; open episodes are measured to ``now``."""
        unfinished = (_seconds(since, self._now) for since in self._open.values() if self._now is not None)
        lengths = [*self._lengths, *unfinished]
        return {
            "n": self._count,
            "open": len(self._open),
            "unit": "seconds",
            "total": round(sum(lengths), _DECIMALS),
            "longest": round(max(lengths), _DECIMALS) if lengths else None,
            "reason": None if self._count else "no drift episode was opened in the range",
        }


def _seconds(since: datetime, until: datetime) -> float:
    return max((until - since).total_seconds(), 0.0)


def _moment(event: Event, key: str) -> datetime | None:
    """A time from the details, where the core wrote one."""
    text = event.details.get(key)
    return parse_time(text) if isinstance(text, str) else None
