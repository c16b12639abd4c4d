from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession
from aiohttp.test_utils import TestClient, TestServer

from bridge.api.app import build_app
from bridge.api.server import open_listener
from tests.support.fake_bridge import FakeBridge
from tests.support.http_answers import INTENT, problem

Client = TestClient[Any, Any]
STREAM = {"Accept": "text/event-stream"}


async def follow(client: Client, query: str = "", **headers: str) -> ClientResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await client.get(f"/api/v1/events{query}", headers={**STREAM, **named})
    assert response.status == 200, await response.text()
    greeting = await block(response)
    assert greeting[0].startswith("retry: ")
    return response


async def block(response: ClientResponse) -> list[str]:
    """The next block of lines, without the blank line that ends it."""
    lines: list[str] = []
    while (line := await response.content.readline()) not in {b"\n", b""}:
        lines.append(line.decode().removesuffix("\n"))
    return lines


async def declare(client: Client, version: int, service: str = "shop") -> None:
    body = {**INTENT, "service": service, "artifacts": [f"ghcr.io/acme/shop:v{version}"]}
    assert (await client.post("/api/v1/intents", json=body)).status == 201


def has_ended(bridge: FakeBridge, route: str) -> bool:
    """Whether a request to the route has come to its end, as the counters know it."""
    counted, _ = bridge.metrics.exposition("")
    return f'deploybridge_http_requests_total{{method="GET",route="{route}"'.encode() in counted


async def ids(response: ClientResponse, count: int) -> list[str]:
    return [(await block(response))[0] for _ in range(count)]


async def test_a_stream_begins_now_and_tells_each_event_as_it_comes(client: Client) -> None:
    await declare(client, 1)
    stream = await follow(client)
    assert stream.headers["X-Accel-Buffering"] == "no"
    assert stream.content_type == "text/event-stream"
    await declare(client, 2)
    number, kind, data = await block(stream)
    assert (number, kind) == ("id: 2", "event: intent.declared")
    (record,) = (await (await client.get("/api/v1/events?after=1")).json())["events"]
    assert data.startswith("data: {")
    assert record["id"] in data


async def test_a_stream_goes_on_after_a_position(client: Client) -> None:
    for version in range(4):
        await declare(client, version)
    stream = await follow(client, "?after=2")
    await declare(client, 9)
    assert await ids(stream, 3) == ["id: 3", "id: 4", "id: 5"]


async def test_the_last_event_seen_goes_before_the_first_call(client: Client) -> None:
    for version in range(4):
        await declare(client, version)
    stream = await follow(client, "?after=0", Last_Event_ID="3")
    assert await ids(stream, 1) == ["id: 4"]


async def test_after_zero_is_the_whole_log(client: Client) -> None:
    await declare(client, 1)
    assert await ids(await follow(client, "?after=0"), 1) == ["id: 1"]


async def test_filters_hold_for_a_stream(client: Client) -> None:
    stream = await follow(client, "?service=shop&kind=intent.declared")
    await declare(client, 1, "cart")
    await declare(client, 1, "shop")
    await declare(client, 2, "cart")
    await declare(client, 2, "shop")
    assert await ids(stream, 2) == ["id: 2", "id: 4"]


async def test_a_cursor_beyond_the_log_is_a_gap_that_is_told(client: Client) -> None:
    await declare(client, 1)
    stream = await follow(client, Last_Event_ID="500")
    assert await block(stream) == ["event: gap", 'data: {"asked_after":500,"last_position":1}']
    await declare(client, 2)
    assert await ids(stream, 1) == ["id: 2"]


async def test_a_silent_stream_beats(client: Client, bridge: FakeBridge) -> None:
    stream = await follow(client)
    for _ in range(2):
        await bridge.clock.somebody_sleeps()
        bridge.clock.move_to(bridge.clock.now() + timedelta(seconds=15))
        assert await block(stream) == [":"]


async def test_streams_end_when_the_bridge_does() -> None:
    bridge = FakeBridge()
    server = TestServer(build_app(bridge.wiring()))
    async with TestClient(server) as client:
        stream = await follow(client)
        async with asyncio.timeout(5):
            await server.close()
        assert await stream.read() in {b"", b":\n\n"}


async def test_a_long_poll_ends_when_the_bridge_does() -> None:
    bridge = FakeBridge()
    server = TestServer(build_app(bridge.wiring()))
    async with TestClient(server) as client, asyncio.TaskGroup() as tasks:
        answer = await (await client.post("/api/v1/intents", json=INTENT)).json()
        waiting = tasks.create_task(client.get(f"/api/v1/intents/{answer['id']}?wait=5m"))
        await bridge.clock.somebody_sleeps()
        async with asyncio.timeout(5):
            await server.close()
        assert (await waiting).status == 200


async def test_a_slow_client_misses_nothing_and_holds_nobody_up(client: Client) -> None:
    stream = await follow(client, "?after=0")
    for version in range(300):
        await declare(client, version)
    assert await ids(stream, 300) == [f"id: {number}" for number in range(1, 301)]


async def test_a_followed_stream_takes_no_limit(client: Client) -> None:
    response = await client.get("/api/v1/events?limit=5", headers=STREAM)
    assert (await problem(response, 400, "invalid-parameter"))["field"] == "limit"


async def test_a_last_event_id_that_is_no_position_is_named(client: Client) -> None:
    response = await client.get("/api/v1/events", headers={**STREAM, "Last-Event-ID": "abc"})
    assert (await problem(response, 400, "invalid-header"))["field"] == "Last-Event-ID"


async def test_a_client_that_leaves_is_forgotten(client: Client) -> None:
    stream = await follow(client)
    stream.close()
    await declare(client, 1)
    assert (await client.get("/healthz")).status == 200


async def test_a_client_that_leaves_is_no_error_in_the_log_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    bridge = FakeBridge()
    # The daemon's own listener: the test server would cancel the handler, and nothing would be written to nobody.
    listener = await open_listener(build_app(bridge.wiring()), "127.0.0.1", 0, drain_seconds=5)
    try:
        async with ClientSession(listener.url) as session, asyncio.timeout(30):
            stream = await session.get("/api/v1/events", headers=STREAM)
            await stream.content.readuntil(b"\n\n")
            stream.close()
            while not has_ended(bridge, "/api/v1/events"):
                body = {**INTENT, "artifacts": [f"ghcr.io/acme/shop:v{bridge.tail.position}"]}
                async with session.post("/api/v1/intents", json=body) as answer:
                    assert answer.status == 201
    finally:
        await listener.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
