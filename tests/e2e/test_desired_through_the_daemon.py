"""CD systems poll the real daemon: across restarts, sudden deaths and a log that can't be written."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import compose
from bridge.daemon import open_bridge
from tests.support.cd_pollers import ApplicationSet, PollError
from tests.support.process import all_events, daemon, declare, write_config


async def desired(http: aiohttp.ClientSession, url: str, **headers: str) -> tuple[int, str, list[dict[str, Any]]]:
    async with http.get(f"{url}/api/v1/desired?environment=production", headers=headers) as answer:
        targets = (await answer.json())["targets"] if answer.status == 200 else []
        return answer.status, answer.headers.get("ETag", ""), targets


async def test_a_restart_changes_neither_the_answer_nor_what_was_noticed(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    async with aiohttp.ClientSession() as http:
        async with open_bridge(compose.load(config)) as bridge:
            _, intent = await declare(http, bridge.url, "v1")
            _, etag, targets = await desired(http, bridge.url)
            assert [each["intent_id"] for each in targets] == [intent["id"]]
            await bridge.core.tail.wait_beyond(intent["position"])
        async with open_bridge(compose.load(config)) as bridge:
            position = bridge.core.tail.position
            assert (await desired(http, bridge.url, **{"If-None-Match": etag}))[:2] == (304, etag)
            _, second = await declare(http, bridge.url, "v2")
            assert second["position"] == position + 1, "the poll after the restart was no news"
            assert (await desired(http, bridge.url))[2][0]["intent_id"] == second["id"]
        # The end of the daemon does not lose the moment of a poll that it has just answered.
        async with open_bridge(compose.load(config)) as bridge:
            notices = await all_events(http, bridge.url, kind="observation.reported")
    assert [each["intent_id"] for each in notices] == [intent["id"], second["id"]]
    settings = compose.load(config)
    assert (await compose.verify_log(settings, lambda _done, _total: None)).ok
    assert (await compose.replay_check(settings, lambda _done, _total: None)).ok


async def test_a_poller_of_a_daemon_that_is_killed_again_and_again_sees_every_acknowledged_intent_at_last(
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path)
    dice = random.Random(5)
    newest = ""
    argo = ApplicationSet("127.0.0.1", 0, {"environment": "production"})
    for life in range(4):
        async with daemon(config) as running, aiohttp.ClientSession() as http:
            argo.port = int(running.url.rpartition(":")[2])
            for number in range(dice.randint(2, 6)):
                status, answer = await declare(http, running.url, f"v{life}-{number}")
                assert status == 201
                newest = answer["id"]
                if dice.random() < 0.5:
                    await argo.reconcile()
                    assert argo.applications["shop"]["intent"] == newest
            running.signal(signal.SIGKILL)
            await running.ended()
        with pytest.raises((PollError, OSError)):
            await argo.reconcile()
        assert list(argo.applications) in ([], ["shop"])
    async with daemon(config) as running:
        argo.port = int(running.url.rpartition(":")[2])
        await argo.reconcile()
        assert argo.applications["shop"]["intent"] == newest


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of another process can be set on Linux only")
async def test_a_log_that_cannot_be_written_is_polled_as_it_was(tmp_path: Path) -> None:
    async with asyncio.timeout(60), daemon(write_config(tmp_path)) as running, aiohttp.ClientSession() as http:
        _, intent = await declare(http, running.url, "v1")
        _, most = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (1, most))
        assert (await declare(http, running.url, "v2"))[0] == 503
        for _ in range(3):
            status, _, targets = await desired(http, running.url)
            assert (status, [each["intent_id"] for each in targets]) == (200, [intent["id"]])
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (most, most))
        status, second = await declare(http, running.url, "v2")
        assert status == 201
        assert (await desired(http, running.url))[2][0]["intent_id"] == second["id"]


async def test_a_changed_configuration_decides_at_once_whether_nothing_may_be_told(tmp_path: Path) -> None:
    path = write_config(tmp_path, "environments: [{name: production}]\n")
    async with open_bridge(compose.load(path)) as bridge, aiohttp.ClientSession() as http:
        assert (await desired(http, bridge.url))[0] == 503
        write_config(tmp_path, "environments: [{name: production, may_be_empty: true}]\n")
        await bridge.apply(compose.load(path))
        assert (await desired(http, bridge.url))[0] == 200
