"""Waiting for the log to grow, but not past the daemon's end nor longer than was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from bridge.api.wiring import ApiWiring


async def wait_for_growth(wiring: ApiWiring, position: int, stopping: asyncio.Event, seconds: float) -> int | None:
    """The newest position as soon as it is beyond ``position``; None after ``seconds`` or when the daemon ends."""
    if stopping.is_set():
        return None
    if wiring.tail.position > position:
        return wiring.tail.position
    await first_of(wiring.tail.wait_beyond(position), stopping.wait(), wiring.clock.sleep(seconds))
    grown = wiring.tail.position
    return grown if grown > position else None


async def first_of(*waits: Coroutine[object, object, object]) -> None:
    """Return when one is over; the others are cancelled and gone by then."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(wait, name="api:wait") for wait in waits]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
