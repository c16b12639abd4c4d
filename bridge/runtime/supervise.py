"""The one place where tasks are made: named, owned by a group, and ended in the order in which data flows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import structlog

from bridge.errors import InvariantBroken

log = structlog.get_logger()


async def race(*contestants: Coroutine[Any, Any, object]) -> None:
    """Return when the first of them has returned (or raise what it raised); the others are cancelled and awaited."""
    tasks = [asyncio.ensure_future(each) for each in contestants]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A group whose fault leaves it as itself: callers handle errors by what happens next, not bundles of them."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as bundle:
        first: BaseException = bundle
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from bundle


async def forever(name: str, eternal: Coroutine[Any, Any, object]) -> NoReturn:
    """Run what must not end; its return is a fault like any other."""
    await eternal
    msg = f"the task {name} returned although it should never"
    raise InvariantBroken(msg)


class Crew:
    """The tasks of one kind that come and go while the daemon runs (sources after a reload, say), in one group."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        """Make the tasks in ``group``: a fault of one ends the group."""
        self._group = group
        self._tasks: dict[str, asyncio.Task[object]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        """Start a task under a name that no running one has."""
        assert name not in self._tasks or self._tasks[name].done(), name
        self._tasks[name] = self._group.create_task(work, name=name)

    async def stop(self, *names: str) -> None:
        """Cancel the named tasks (all, where none is named) and wait until they have ended."""
        stopping = {name: self._tasks.pop(name) for name in names or tuple(self._tasks) if name in self._tasks}
        for task in stopping.values():
            task.cancel()
        if stopping:
            await asyncio.wait(stopping.values())
