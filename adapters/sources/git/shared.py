"""What all Git sources of one bridge share: threads, connections and the watch over local branches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.sources.git.asking import Connections, open_connections
from adapters.sources.git.watching import Watcher, open_watcher
from adapters.sources.git.workers import Workers


@dataclass(frozen=True, slots=True)
class Shared:
    """Open for as long as any source is."""

    workers: Workers
    connections: Connections
    watcher: Watcher


@asynccontextmanager
async def open_shared() -> AsyncIterator[Shared]:
    """Open what the sources share; nothing is connected and no thread started before it is needed."""
    workers = Workers()
    try:
        async with open_connections() as connections, open_watcher() as watcher:
            yield Shared(workers, connections, watcher)
    finally:
        workers.close()
