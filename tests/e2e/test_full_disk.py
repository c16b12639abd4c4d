"""A disk without room, shown by a limit on the size of the daemon's files: it refuses, loses nothing, and goes on by itself."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

import aiohttp
import pytest

from bridge import compose
from tests.support.process import Daemon, all_events, daemon, declare, write_config

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the limits of another process can be set on Linux only"
)

ROOM = 64 * 1024  # bytes beyond what the log has


def leave_room(running: Daemon, size: int) -> None:
    """Let no file of the daemon grow beyond ``size`` bytes; the hard limit stays, so that the room can be given back."""
    _, most = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, most))


async def test_a_full_disk_is_refused_as_unavailable_loses_nothing_and_heals_by_itself(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    acknowledged: list[str] = []
    async with asyncio.timeout(60), daemon(config) as running, aiohttp.ClientSession() as http:
        written = max(file.stat().st_size for file in (tmp_path / "data").iterdir())
        leave_room(running, written + ROOM)
        number = 0
        while True:
            number += 1
            status, answer = await declare(http, running.url, f"v{number}")
            if status != 201:
                break
            acknowledged.append(answer["id"])
        assert status == 503
        assert answer["type"] == "urn:deploybridge:problem:unavailable"
        assert "disk" in answer["detail"]
        async with http.get(f"{running.url}/readyz") as ready, http.get(f"{running.url}/api/v1/state") as state:
            assert ready.status == 503
            assert state.status == 200, "what is there can still be read"
        leave_room(running, resource.RLIM_INFINITY)
        status, answer = await declare(http, running.url, f"v{number}")
        assert status == 201, "the same key again, and the log goes on"
        acknowledged.append(answer["id"])
        async with http.get(f"{running.url}/readyz") as ready:
            assert ready.status == 200
        events = await all_events(http, running.url, kind="intent.declared")
    assert [event["id"] for event in events] == acknowledged
    verified = await compose.verify_log(compose.load(config), lambda _done, _total: None)
    assert verified.ok, verified.reason


async def test_the_daemon_ends_at_once_on_a_full_disk_and_what_it_acknowledged_is_there_again(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    async with asyncio.timeout(60), daemon(config) as running, aiohttp.ClientSession() as http:
        status, answer = await declare(http, running.url, "v1")
        assert status == 201
        leave_room(running, 1)
        status, _ = await declare(http, running.url, "v2")
        assert status == 503
        running.process.terminate()
        assert await running.ended() in {0, 3}
    async with daemon(config) as running, aiohttp.ClientSession() as http:
        status, again = await declare(http, running.url, "v1")
        assert (status, again["id"]) == (200, answer["id"])
