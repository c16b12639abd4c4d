"""The implementations that every event-log contract runs over. A new one is one more branch here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from adapters.eventlogs import sqlite
from bridge.ports import EventLog, EventReader
from tests.support.memory_log import MemoryLog


class OpenLog(Protocol):
    @property
    def log(self) -> EventLog: ...

    @property
    def reader(self) -> EventReader: ...


class LogPlace:
    """Where one log lives: opened again, it is the same log."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind = kind
        self._path = folder / "log.db"
        self._memory = MemoryLog()

    def open(self) -> AbstractAsyncContextManager[OpenLog]:
        if self._kind == "sqlite":
            return sqlite.open_adapter(self._path)
        return self._open_memory()

    @asynccontextmanager
    async def _open_memory(self) -> AsyncIterator[OpenLog]:
        yield self._memory


@pytest.fixture(params=["memory", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LogPlace:
    return LogPlace(request.param, tmp_path)


@pytest.fixture
async def opened(place: LogPlace) -> AsyncIterator[OpenLog]:
    async with place.open() as both:
        yield both
