from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from bridge.api.calls import CALLS
from tests.support.fake_bridge import FakeBridge, token
from tests.support.http_answers import INTENT, OBSERVATION, problem

Client = TestClient[Any, Any]
SECRET = "correct-horse"


async def call(client: Client, method: str, path: str, **headers: str) -> ClientResponse:
    data = json.dumps(BODIES.get(path, INTENT)) if method == "POST" else None
    sent = {"Content-Type": "application/json", **headers} if data else headers
    query = "?environment=nowhere" if path in POLLED else ""
    return await client.request(method, path.replace("{id}", "x") + query, data=data, headers=sent)


POLLED = {"/api/v1/desired", "/api/v1/flux/inputs"}
BODIES = {
    "/api/v1/observations": OBSERVATION,
    "/api/v1/getparams.execute": {"input": {"parameters": {"environment": "nowhere"}}},
}


GUARDED = {
    ("POST", "/api/v1/intents"): "intents:write",
    ("POST", "/api/v1/observations"): "observations:write",
    ("GET", "/api/v1/intents/{id}"): "read",
    ("GET", "/api/v1/events"): "read",
    ("GET", "/api/v1/state"): "read",
    ("GET", "/api/v1/incidents"): "read",
    ("GET", "/api/v1/compare"): "read",
    ("GET", "/api/v1/noise"): "read",
    ("GET", "/api/v1/export"): "read",
    ("GET", "/api/v1/desired"): "read",
    ("POST", "/api/v1/getparams.execute"): "read",
    ("GET", "/api/v1/flux/inputs"): "read",
    ("GET", "/metrics"): "read",
}
OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/openapi.json"), ("GET", "/")}
SIGNED = {("POST", "/api/v1/hooks/{name}")}  # by secrets of its own: tests/api/test_hooks.py
SCOPES = ["intents:write", "observations:write", "read"]


def test_every_call_is_in_the_scope_matrix() -> None:
    assert {(each.method, each.path) for each in CALLS} == GUARDED.keys() | OPEN | SIGNED


@pytest.mark.parametrize("granted", SCOPES)
@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_a_scope_opens_its_calls_and_no_others(
    client: Client, bridge: FakeBridge, method: str, path: str, granted: str
) -> None:
    bridge.tokens = (token("ci", SECRET, granted),)
    response = await call(client, method, path, Authorization=f"Bearer {SECRET}")
    needed = GUARDED[method, path]
    if granted == needed:
        assert response.status in {200, 201, 404}
    else:
        said = await problem(response, 403, "missing-scope")
        assert said["field"] == needed
        assert SECRET not in said["detail"]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    "sent",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {SECRET}", SECRET, f"Bearer {SECRET}x", "Bearer caf\u00e9"],
)
async def test_without_the_right_token_nothing_is_served(
    client: Client, bridge: FakeBridge, method: str, path: str, sent: str
) -> None:
    bridge.tokens = (token("ci", SECRET, *SCOPES),)
    response = await call(client, method, path, **({"Authorization": sent} if sent else {}))
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    await problem(response, 401, "unauthenticated")
    assert await bridge.log.last_position() == 0


@pytest.mark.parametrize(("method", "path"), sorted(OPEN))
async def test_probes_and_descriptions_are_open(client: Client, bridge: FakeBridge, method: str, path: str) -> None:
    bridge.tokens = (token("ci", SECRET, "read"),)
    assert (await call(client, method, path)).status == 200


LIMITED = [
    ("intents:write production/*", "shop", "production", 201),
    ("intents:write production/*", "shop", "staging", 403),
    ("intents:write */shop", "shop", "staging", 201),
    ("intents:write */shop", "cart", "staging", 403),
    ("intents:write eu-?/sh*", "shipping", "eu-1", 201),
    ("intents:write eu-?/sh*", "shipping", "eu-10", 403),
    ("intents:write production/*", "team/shop", "production", 201),
]


@pytest.mark.parametrize("case", LIMITED)
async def test_a_limited_scope_holds_for_its_targets(
    client: Client, bridge: FakeBridge, case: tuple[str, str, str, int]
) -> None:
    scope, service, environment, status = case
    bridge.tokens = (token("ci", SECRET, scope),)
    body = {**INTENT, "service": service, "environment": environment}
    response = await client.post("/api/v1/intents", json=body, headers={"Authorization": f"Bearer {SECRET}"})
    assert response.status == status
    if status == 403:
        said = await problem(response, 403, "missing-scope")
        assert said["field"] == f"intents:write {environment}/{service}"
        assert await bridge.log.last_position() == 0


async def test_the_client_is_recorded_under_the_tokens_name(client: Client, bridge: FakeBridge) -> None:
    bridge.tokens = (token("release-train", SECRET, "intents:write"),)
    response = await call(client, "POST", "/api/v1/intents", Authorization=f"bearer {SECRET}")
    stored = await bridge.log.event((await response.json())["id"])
    assert stored is not None
    assert stored.event.actor == "release-train"
    assert SECRET not in str(stored)


async def test_a_removed_token_is_refused_at_once(client: Client, bridge: FakeBridge) -> None:
    bridge.tokens = (token("ci", SECRET, "read"), token("other", "other", "read"))
    authorized = {"Authorization": f"Bearer {SECRET}"}
    assert (await call(client, "GET", "/api/v1/state", **authorized)).status == 200
    bridge.tokens = (token("other", "other", "read"),)
    assert (await call(client, "GET", "/api/v1/state", **authorized)).status == 401


async def test_a_scope_taken_away_is_missing_at_once(client: Client, bridge: FakeBridge) -> None:
    bridge.tokens = (token("ci", SECRET, "read", "intents:write"),)
    authorized = {"Authorization": f"Bearer {SECRET}"}
    assert (await call(client, "POST", "/api/v1/intents", **authorized)).status == 201
    bridge.tokens = (token("ci", SECRET, "read"),)
    assert (await call(client, "POST", "/api/v1/intents", **authorized)).status == 403


@pytest.mark.parametrize(
    "host", ["evil.example.org", "evil.example.org:8484", "10.0.0.7:8484", "localhost.evil.org", "[::2]"]
)
@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_without_tokens_a_rebound_name_is_refused(
    client: Client, bridge: FakeBridge, method: str, path: str, host: str
) -> None:
    response = await call(client, method, path, Host=host)
    assert (await problem(response, 403, "foreign-origin"))["field"] == "Host"
    assert await bridge.log.last_position() == 0


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8484", "127.0.0.1:1", "127.8.8.8", "[::1]:8484", "bridge.localhost"]
)
async def test_without_tokens_this_machine_is_served(client: Client, host: str) -> None:
    assert (await call(client, "POST", "/api/v1/intents", Host=host)).status == 201


@pytest.mark.parametrize("origin", ["https://evil.example.org", "null", "http://localhost:3000", ""])
async def test_without_tokens_a_page_of_another_origin_may_not_write(client: Client, origin: str) -> None:
    response = await call(client, "POST", "/api/v1/intents", Host="localhost:8484", Origin=origin)
    assert (await problem(response, 403, "foreign-origin"))["field"] == "Origin"


async def test_without_tokens_the_bridges_own_page_may_call(client: Client) -> None:
    response = await call(client, "POST", "/api/v1/intents", Host="localhost:8484", Origin="http://localhost:8484")
    assert response.status == 201


async def test_with_tokens_any_host_name_is_served(client: Client, bridge: FakeBridge) -> None:
    bridge.tokens = (token("ci", SECRET, "read"),)
    sent = {"Host": "bridge.example.org", "Origin": "https://grafana.example.org", "Authorization": f"Bearer {SECRET}"}
    assert (await call(client, "GET", "/api/v1/state", **sent)).status == 200
