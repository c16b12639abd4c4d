"""What only a process can show: orderly ends, sudden ends, a second daemon, a changed configuration."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from pathlib import Path

import aiohttp

from bridge import compose
from tests.support.process import all_events, daemon, declare, write_config


async def test_sigterm_ends_the_daemon_in_order_and_the_next_one_goes_on_from_its_log(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    async with daemon(config) as first, aiohttp.ClientSession() as http:
        status, intent = await declare(http, first.url, "v1")
        assert status == 201
        first.signal(signal.SIGTERM)
        assert await first.ended() == 0
    async with daemon(config) as second, aiohttp.ClientSession() as http:
        status, again = await declare(http, second.url, "v1")
        assert (status, again["id"]) == (200, intent["id"])


async def test_sigterm_answers_long_polls_and_streams_instead_of_waiting_for_them(tmp_path: Path) -> None:
    async with daemon(write_config(tmp_path)) as running, aiohttp.ClientSession() as http:
        _, intent = await declare(http, running.url, "v1")
        headers = {"Accept": "text/event-stream"}
        async with http.get(f"{running.url}/api/v1/events?after=0", headers=headers) as stream:
            await stream.content.readuntil(b"\n\n")
            async with asyncio.timeout(30):
                polling = asyncio.ensure_future(http.get(f"{running.url}/api/v1/intents/{intent['id']}?wait=5m"))
                async with http.get(f"{running.url}/healthz") as alive:
                    assert alive.status == 200
                running.signal(signal.SIGTERM)
                assert await running.ended() == 0
                await stream.content.read()
                await asyncio.wait({polling})
                polling.cancel()
                await asyncio.wait({polling})


async def test_a_second_daemon_on_the_same_data_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    async with daemon(config) as first, daemon(config) as second:
        assert second.url == ""
        assert await second.ended() == 2
        assert f"pid {first.process.pid}" in "".join(second.lines)


async def test_kill_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    acknowledged: dict[str, str] = {}
    dice = random.Random(7)
    for life in range(4):
        async with daemon(config) as running, aiohttp.ClientSession() as http:

            async def declare_until_dead(
                client: int, life: int = life, http: aiohttp.ClientSession = http, url: str = running.url
            ) -> None:
                number = 0
                while True:
                    tag = f"v{life}-{client}-{number}"
                    try:
                        status, answer = await declare(http, url, tag)
                    except aiohttp.ClientError:
                        return
                    assert status == 201
                    acknowledged[tag] = answer["id"]
                    number += 1
                    if len(acknowledged) >= (life + 1) * 40 + dice.randrange(20):
                        running.process.kill()

            async with asyncio.TaskGroup() as group:
                for client in range(8):
                    group.create_task(declare_until_dead(client))
    async with daemon(config) as running, aiohttp.ClientSession() as http:
        events = await all_events(http, running.url, kind="intent.declared")
        status, again = await declare(http, running.url, "v0-0-0")
        assert (status, again["id"]) == (200, acknowledged["v0-0-0"])
    recorded = [event["id"] for event in events]
    assert len(recorded) == len(set(recorded))
    assert set(acknowledged.values()) <= set(recorded)
    verified = await compose.verify_log(compose.load(config), lambda _done, _total: None)
    assert verified.ok, verified.reason
    replayed = await compose.replay_check(compose.load(config), lambda _done, _total: None)
    assert replayed.ok, replayed.first_difference


async def test_a_valid_change_of_the_configuration_is_applied_and_recorded_an_invalid_one_is_refused(
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path)
    async with daemon(config) as running, aiohttp.ClientSession() as http:
        headers = {"Accept": "text/event-stream"}
        async with http.get(f"{running.url}/api/v1/events?kind=config.changed&after=1", headers=headers) as stream:
            config.write_text(config.read_text() + "late_after: 7m\n")
            async with asyncio.timeout(60):
                block = (await stream.content.readuntil(b"\n\n")).decode()
                while "data:" not in block:
                    block = (await stream.content.readuntil(b"\n\n")).decode()
            record = json.loads(next(line for line in block.splitlines() if line.startswith("data:"))[5:])
            assert record["details"]["changed"] == ["late_after"]
            assert record["details"]["policies"]["default"]["late_after"] == 420
            config.write_text(config.read_text() + "no_such_key: 1\n")
            async with asyncio.timeout(60):
                await running.said("config_refused")
            problem = await config_problem(http, running.url)
            assert problem is not None
            assert "no_such_key" in problem
            status, _ = await declare(http, running.url, "v1")
            assert status == 201


async def config_problem(http: aiohttp.ClientSession, url: str) -> str | None:
    async with http.get(f"{url}/readyz") as answer:
        report = await answer.json()
    return report.get("details", report)["config"]["problem"]


async def test_a_port_that_is_taken_is_a_clear_refusal(tmp_path: Path) -> None:
    async with daemon(write_config(tmp_path)) as first:
        other = tmp_path / "other"
        other.mkdir()
        config = write_config(other)
        config.write_text(config.read_text().replace("127.0.0.1:0", first.url.removeprefix("http://")))
        async with daemon(config) as second:
            assert await second.ended() == 2
            assert "can't listen on 127.0.0.1" in "".join(second.lines)
