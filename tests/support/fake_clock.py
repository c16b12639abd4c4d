"""A clock that moves when the test says so."""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime, timedelta


class FakeClock:
    """Implements ``bridge.clock.Clock``; who sleeps wakes when ``move_to`` passes the moment."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep_until(self, when: datetime) -> None:
        if when <= self._now:
            await asyncio.sleep(0)
            return
        self._count += 1
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, self._count, waiter))
        await waiter

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self._now + timedelta(seconds=seconds))

    def move_to(self, when: datetime) -> None:
        """Let time pass; whoever slept until then or earlier is woken."""
        assert when >= self._now, "time does not run backwards"
        self._now = when
        while self._sleepers and self._sleepers[0][0] <= when:
            _, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                waiter.set_result(None)
