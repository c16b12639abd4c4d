"""Tells readers that the log has grown."""

from __future__ import annotations

import asyncio


class Tail:
    """Implements ``ports.LogTail``; the recorder advances it after each append."""

    def __init__(self) -> None:
        """Start at the empty log."""
        self._position = 0
        self._grown = asyncio.Event()

    @property
    def position(self) -> int:
        """The newest position known to be durable."""
        return self._position

    def advance(self, position: int) -> None:
        """Everything up to ``position`` is durable: wake everybody who waits."""
        if position > self._position:
            self._position = position
            grown, self._grown = self._grown, asyncio.Event()
            grown.set()

    async def wait_beyond(self, position: int) -> int:
        """Return the newest position once it is greater than ``position``."""
        while self._position <= position:
            await self._grown.wait()
        return self._position
