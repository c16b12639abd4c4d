"""Following the log outlives lost connections and misses nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bridge import compose
from bridge.cli.http_asking import HttpAsking
from bridge.cli.local_asking import open_local
from bridge.daemon import open_bridge
from bridge.domain.events import EventKind
from bridge.ports import EventQuery
from tests.cli.test_intent import QuickClock

OBSERVED = EventQuery(kinds=frozenset({EventKind.OBSERVATION_REPORTED}))


async def test_a_lost_stream_goes_on_after_the_last_record_seen(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[str, str]] = []

    async def stream(request: web.Request) -> web.Response:
        asked.append((request.headers["Last-Event-ID"], request.query["after"]))
        if len(asked) == 2:
            return web.json_response({"detail": "starting"}, status=503)
        begin = int(request.headers["Last-Event-ID"])
        text = "".join(f'id: {n}\ndata: {{"position": {n}}}\n\n' for n in range(begin + 1, begin + 3))
        return web.Response(text=f"{text}id: 99\ndata: cut o", content_type="text/event-stream")

    app = web.Application()
    app.router.add_get("/api/v1/events", stream)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            asking = HttpAsking(session, f"http://127.0.0.1:{runner.addresses[0][1]}", QuickClock())
            seen = []
            async with aclosing(asking.follow(EventQuery(after=4))) as records:
                async for record in records:
                    seen.append(json.loads(record)["position"])
                    if len(seen) == 6:
                        break
    finally:
        await runner.cleanup()
    assert seen == [5, 6, 7, 8, 9, 10]
    assert asked == [("4", "4"), ("6", "6"), ("6", "6"), ("8", "8")]
    assert capsys.readouterr().err.splitlines()[-1] == "the bridge is back"


async def test_both_places_show_what_is_appended_while_they_follow(config: Path) -> None:
    async with (
        open_bridge(compose.load(config)) as bridge,
        open_local(config) as local,
        HttpAsking.open(bridge.url, None) as remote,
        aiohttp.ClientSession() as session,
    ):
        for number, asking in enumerate((remote, local)):
            async with aclosing(asking.follow(OBSERVED)) as records:
                body = {"service": "shop", "environment": "production", "artifacts": [f"ghcr.io/acme/shop:v{number}"]}
                answer = await session.post(f"{bridge.url}/api/v1/observations", json=body)
                assert answer.status == 201
                tags = {json.loads(record)["artifacts"][0]["tag"] async for record in until_tag(records, f"v{number}")}
                assert f"v{number}" in tags


async def until_tag(records: AsyncIterator[bytes], tag: str) -> AsyncIterator[bytes]:
    async for record in records:
        yield record
        if json.loads(record)["artifacts"][0]["tag"] == tag:
            return
