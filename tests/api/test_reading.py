from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientPayloadError
from aiohttp.test_utils import TestClient
from yarl import URL

from bridge.api import questions
from bridge.api.wiring import HealthReport
from bridge.errors import Unavailable
from tests.support.fake_bridge import FakeBridge
from tests.support.http_answers import INTENT, OBSERVATION

Client = TestClient[Any, Any]


async def fill(client: Client, count: int = 5) -> None:
    for number in range(count):
        body = {**INTENT, "service": f"s{number % 2}", "artifacts": [f"ghcr.io/acme/shop:v{number}"]}
        assert (await client.post("/api/v1/intents", json=body)).status == 201


async def events(client: Client, query: str = "") -> dict[str, Any]:
    response = await client.get(f"/api/v1/events{query}")
    assert response.status == 200, await response.text()
    answer: dict[str, Any] = await response.json()
    return answer


async def test_an_empty_log_is_an_empty_page(client: Client) -> None:
    assert await events(client) == {"events": [], "next": None, "last_position": 0}


async def test_pages_follow_one_another_by_link_until_the_end(client: Client, bridge: FakeBridge) -> None:
    await fill(client)
    positions: list[int] = []
    url: str | None = "/api/v1/events?limit=2&kind=intent.declared"
    while url is not None:
        response = await client.get(url)
        page = await response.json()
        positions += [event["position"] for event in page["events"]]
        url = str(URL(response.links["next"]["url"]).relative()) if "next" in response.links else None
        assert (url is None) == (page["next"] is None)
        assert page["last_position"] == bridge.tail.position
    assert positions == [1, 2, 3, 4, 5]


async def test_records_are_the_logs_own(client: Client, bridge: FakeBridge) -> None:
    await fill(client, 1)
    (record,) = (await events(client))["events"]
    stored = await bridge.log.event(record["id"])
    assert stored is not None
    assert record["schema"] == "event/1"
    assert record["hash"] == stored.hash
    assert record["source_time"] is None


FILTERS = [
    ("?service=s1", [2, 4]),
    ("?after=3", [4, 5]),
    ("?environment=staging", []),
    ("?model=gitops", []),
    ("?model=api&kind=intent.declared,drift.opened&service=s0", [1, 3, 5]),
    ("?kind=drift.opened&kind=drift.closed", []),
    ("?from=2026-03-02T12:00:00Z", [1, 2, 3, 4, 5]),
    ("?from=2026-03-02T14:00:00.000001%2B02:00", []),
    ("?from=2026-03-02T14:00:00+02:00", [1, 2, 3, 4, 5]),
    ("?to=2026-03-02T12:00:00Z", []),
]


@pytest.mark.parametrize(("query", "positions"), FILTERS)
async def test_filters_narrow_the_page(client: Client, query: str, positions: list[int]) -> None:
    await fill(client)
    assert [event["position"] for event in (await events(client, query))["events"]] == positions


async def test_one_intents_events_are_found_by_its_id(client: Client) -> None:
    await client.post("/api/v1/observations", json={**OBSERVATION, "artifacts": ["ghcr.io/acme/shop:v0"]})
    answer = await (await client.post("/api/v1/intents", json=INTENT)).json()
    await client.post("/api/v1/observations", json=OBSERVATION)
    found = (await events(client, f"?intent_id={answer['id']}"))["events"]
    assert [event["kind"] for event in found] == ["intent.declared", "deployment.succeeded"]


async def test_state_is_told_for_a_time_and_by_what_was_known(client: Client, bridge: FakeBridge) -> None:
    await client.post("/api/v1/observations", json=OBSERVATION)
    bridge.clock.move_to(bridge.clock.now() + timedelta(hours=1))
    await client.post("/api/v1/observations", json={**OBSERVATION, "artifacts": ["ghcr.io/acme/shop:v2"]})
    told: dict[str, Any] = {}
    for name, query in {
        "now": "",
        "then": "?at=2026-03-02T12:30:00Z",
        "before": "?known_at=2026-03-02T11:00:00Z",
    }.items():
        told[name] = await (await client.get(f"/api/v1/state{query}")).json()
    tags = {
        name: [target["running"]["artifacts"][0]["tag"] for target in each["targets"]] for name, each in told.items()
    }
    assert tags == {"now": ["v2"], "then": ["v1"], "before": []}
    assert told["now"]["at"] == told["now"]["known_at"] == "2026-03-02T13:00:00.000000Z"
    assert (await (await client.get("/api/v1/state?service=other")).json())["targets"] == []


async def test_the_comparison_is_told(client: Client) -> None:
    await fill(client)
    response = await client.get("/api/v1/compare?since=2026-03-01T00:00:00Z&until=2026-03-03T00:00:00Z")
    assert response.status == 200
    assert (await response.json()).keys()


async def test_an_export_is_every_record_in_order(client: Client) -> None:
    await fill(client)
    response = await client.get("/api/v1/export")
    assert response.content_type == "application/x-ndjson"
    assert 'filename="deploybridge-events.jsonl"' in response.headers["Content-Disposition"]
    lines = (await response.text()).splitlines()
    assert [json.loads(line)["position"] for line in lines] == [1, 2, 3, 4, 5]


async def test_an_export_as_csv_has_a_header_and_obeys_filters(client: Client) -> None:
    await fill(client)
    response = await client.get("/api/v1/export?format=csv&service=s1")
    assert response.content_type == "text/csv"
    rows = list(csv.DictReader(io.StringIO(await response.text())))
    assert [(row["position"], row["service"]) for row in rows] == [("2", "s1"), ("4", "s1")]


async def test_an_export_that_fails_half_way_never_looks_complete(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> Any:
        yield b'{"position":1}\n'
        raise Unavailable("the disk went away")

    monkeypatch.setattr(questions, "export_lines", failing)
    response = await client.get("/api/v1/export")
    with pytest.raises(ClientPayloadError):
        await response.read()
    assert (await client.get("/healthz")).status == 200


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/state", "/api/v1/export", "/metrics", "/healthz", "/"])
async def test_head_is_answered_without_a_body(client: Client, path: str) -> None:
    response = await client.head(path)
    assert (response.status, await response.read()) == (200, b"")


async def test_readiness_follows_the_health_report(client: Client, bridge: FakeBridge) -> None:
    assert (await client.get("/readyz")).status == 200
    bridge.health = HealthReport(ready=False, details={"log": "the disk is full"})
    response = await client.get("/readyz")
    assert response.status == 503
    assert await response.json() == {"ready": False, "log": "the disk is full"}
    assert (await client.get("/healthz")).status == 200


async def test_metrics_are_text_or_openmetrics_as_asked(client: Client) -> None:
    await fill(client, 2)
    await client.get("/no/such/path")
    plain = await client.get("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = await plain.text()
    assert 'deploybridge_intents_total{model="api",outcome="declared"} 2.0' in text
    assert 'deploybridge_http_requests_total{method="POST",route="/api/v1/intents",status="201"} 2.0' in text
    assert 'deploybridge_http_requests_total{method="GET",route="unknown",status="404"} 1.0' in text
    opened = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert opened.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert (await opened.text()).endswith("# EOF\n")


async def test_a_strange_method_makes_no_new_metric(client: Client) -> None:
    await client.request("BREW", "/api/v1/intents")
    assert "BREW" not in await (await client.get("/metrics")).text()


async def test_the_index_links_to_what_there_is(client: Client) -> None:
    page = await (await client.get("/")).text()
    links = [part.split('"')[0] for part in page.split('href="')[1:]]
    assert len(links) == 8
    for link in links:
        assert (await client.get(link)).status == 200
