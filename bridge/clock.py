"""The one module that reads clocks."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What every shell is given instead of the system's clock."""

    def now(self) -> datetime:
        """UTC, aware; for records."""

    def monotonic(self) -> float:
        """Seconds; for durations and backoff only."""

    async def sleep_until(self, when: datetime) -> None:
        """Return at ``when`` or a little later, never before; at once if it has passed."""

    async def sleep(self, seconds: float) -> None:
        """Return ``seconds`` later."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """UTC, aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""
        return time.monotonic()

    async def sleep_until(self, when: datetime) -> None:
        """Sleep in slices of at most a minute, so that a suspended machine or a stepped clock wakes on time."""
        while (left := (when - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - time is what it waits for
            await asyncio.sleep(min(left, 60.0))

    async def sleep(self, seconds: float) -> None:
        """Sleep on the loop's own clock."""
        await asyncio.sleep(seconds)
