from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from bridge.api.app import build_app
from bridge.domain.names import Phase
from bridge.errors import InvariantBroken
from tests.support.fake_bridge import FakeBridge
from tests.support.http_answers import OBSERVATION, problem

Client = TestClient[Any, Any]


async def report(client: Client, key: str | None = None, **changes: Any) -> ClientResponse:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/api/v1/observations", json={**OBSERVATION, **changes}, headers=headers)


async def test_news_is_appended_and_repetition_is_not(client: Client, bridge: FakeBridge) -> None:
    first, again = await report(client), await report(client)
    assert (first.status, again.status) == (201, 200)
    news, old = await first.json(), await again.json()
    assert (news["appended"], news["position"]) == (True, 1)
    assert old == {"id": news["id"], "position": None, "appended": False}
    stored = await bridge.log.event(news["id"])
    assert stored is not None
    assert stored.event.source is not None
    assert (stored.event.source.kind, stored.event.source.name) == ("http", "cd")


async def test_going_back_to_an_older_version_is_news(client: Client) -> None:
    tags = ["v1", "v2", "v1"]
    statuses = [(await report(client, artifacts=[f"ghcr.io/acme/shop:{tag}"])).status for tag in tags]
    assert statuses == [201, 201, 201]


async def test_an_offset_is_converted_and_the_phase_is_live_unless_said(client: Client, bridge: FakeBridge) -> None:
    answer = await (await report(client, source_time="2026-03-02T12:59:00+01:00", actor="ada")).json()
    stored = await bridge.log.event(answer["id"])
    assert stored is not None
    assert stored.event.source_time is not None
    assert stored.event.source_time.isoformat() == "2026-03-02T11:59:00+00:00"
    assert stored.event.details["phase"] == Phase.LIVE
    assert stored.event.actor == "ada"


async def test_what_is_gone_needs_no_artifacts(client: Client) -> None:
    assert (await report(client)).status == 201
    assert (await report(client, artifacts=[], phase="gone")).status == 201


async def test_a_client_without_observer_name_reports_under_its_own(client: Client, bridge: FakeBridge) -> None:
    answer = await (await report(client, observer=None)).json()
    stored = await bridge.log.event(answer["id"])
    assert stored is not None
    assert stored.event.source is not None
    assert stored.event.source.name == "anonymous"


async def test_a_key_makes_a_retry_harmless_even_after_other_reports(client: Client) -> None:
    assert (await report(client, "k")).status == 201
    assert (await report(client, artifacts=["ghcr.io/acme/shop:v2"])).status == 201
    retried = await report(client, "k")
    assert retried.status == 200
    assert (await retried.json())["appended"] is False


async def test_a_key_with_another_report_is_refused(client: Client) -> None:
    assert (await report(client, "k")).status == 201
    await problem(await report(client, "k", phase="failed"), 422, "idempotency-key-reused")


async def test_a_broken_promise_of_ours_is_a_500_without_its_inside(client: Client, bridge: FakeBridge) -> None:
    bridge.refusal = InvariantBroken("row 7 has another hash")
    said = await problem(await report(client), 500, "internal")
    assert "row 7" not in said["detail"]


async def test_a_body_with_broken_framing_is_answered_and_harms_nobody(bridge: FakeBridge) -> None:
    server = TestServer(build_app(bridge.wiring()))
    async with TestClient(server) as client:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        head = b"POST /api/v1/observations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
        assert (await client.get("/healthz")).status == 200
    assert await bridge.log.last_position() == 0
