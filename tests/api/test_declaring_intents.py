from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from bridge.domain.events import EventKind
from bridge.errors import Stalled
from bridge.ports import EventQuery
from tests.support.fake_bridge import FakeBridge, full, token
from tests.support.http_answers import INTENT, OBSERVATION, problem

Client = TestClient[Any, Any]


async def declare(client: Client, body: object = INTENT, **headers: str) -> ClientResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/api/v1/intents", json=body, headers=named)


async def declared_intents(bridge: FakeBridge) -> list[str]:
    query = EventQuery(kinds=frozenset({EventKind.INTENT_DECLARED}))
    return [row.event.id async for chunk in bridge.log.events(query) for row in chunk]


async def test_an_intent_is_answered_with_its_place_in_the_log(client: Client, bridge: FakeBridge) -> None:
    response = await declare(client, {**INTENT, "requested_by": "ada"})
    answer = await response.json()
    assert response.status == 201
    assert response.headers["Location"] == f"/api/v1/intents/{answer['id']}"
    stored = await bridge.log.event(answer["id"])
    assert stored is not None
    assert answer == {
        "id": stored.event.id,
        "state": "declared",
        "final": False,
        "service": "shop",
        "environment": "production",
        "model": "api",
        "artifacts": [{"repository": "ghcr.io/acme/shop", "tag": "v1", "digest": None}],
        "declared_at": "2026-03-02T12:00:00.000000Z",
        "received_at": "2026-03-02T12:00:00.000000Z",
        "position": stored.position,
        "actor": "ada",
    }


async def test_what_the_pipeline_said_is_in_the_record_and_nothing_else(client: Client, bridge: FakeBridge) -> None:
    commit = {
        "repository": "https://git.example.org/shop",
        "sha": "ABCDEF1234",
        "committed_at": "2026-03-02T13:00:00+02:00",
    }
    said = {"commits": [commit], "reason": "hotfix", "pipeline": {"run_id": "7"}, "labels": {"team": "checkout"}}
    answer = await (await declare(client, {**INTENT, **said})).json()
    stored = await bridge.log.event(answer["id"])
    assert stored is not None
    details = dict(stored.event.details)
    assert len(str(details.pop("request_digest"))) == 64
    written = {**commit, "sha": "abcdef1234", "committed_at": "2026-03-02T11:00:00.000000Z"}
    assert details == {**said, "commits": [written]}
    assert stored.event.actor == "anonymous"
    assert stored.event.source is not None
    assert (stored.event.source.kind, stored.event.source.name) == ("api", "anonymous")


async def test_a_repeated_key_gives_the_stored_intent_and_appends_nothing(client: Client, bridge: FakeBridge) -> None:
    first = await declare(client, Idempotency_Key="run-8817")
    again = await declare(client, Idempotency_Key="run-8817")
    assert (first.status, again.status) == (201, 200)
    one, two = await first.json(), await again.json()
    assert one.keys() == two.keys()
    assert {**one, "state": two["state"]} == two
    assert again.headers["Location"] == first.headers["Location"]
    assert len(await declared_intents(bridge)) == 1


async def test_a_quoted_and_a_bare_key_are_the_same_key(client: Client) -> None:
    first = await declare(client, Idempotency_Key='"run-8817"')
    again = await declare(client, Idempotency_Key="run-8817")
    assert (first.status, again.status) == (201, 200)


async def test_bodies_that_say_the_same_in_other_words_are_the_same(client: Client) -> None:
    spelt_out = {**INTENT, "artifacts": [{"tag": "v1", "repository": "ghcr.io/acme/shop", "digest": None}]}
    assert (await declare(client, INTENT, Idempotency_Key="k")).status == 201
    assert (await declare(client, spelt_out, Idempotency_Key="k")).status == 200


async def test_a_key_with_another_body_is_refused_and_appends_nothing(client: Client, bridge: FakeBridge) -> None:
    await declare(client, Idempotency_Key="k")
    other = await declare(client, {**INTENT, "labels": {"a": "b"}}, Idempotency_Key="k")
    said = await problem(other, 422, "idempotency-key-reused")
    assert said["field"] == "Idempotency-Key"
    assert len(await declared_intents(bridge)) == 1


async def test_a_key_belongs_to_its_client(client: Client, bridge: FakeBridge) -> None:
    bridge.tokens = (token("ci", "one", "intents:write"), token("cd", "two", "intents:write"))
    mine = await declare(client, Idempotency_Key="k", Authorization="Bearer one")
    other = {**INTENT, "artifacts": ["ghcr.io/acme/shop:v2"]}
    yours = await declare(client, other, Idempotency_Key="k", Authorization="Bearer two")
    assert (mine.status, yours.status) == (201, 201)


async def test_the_same_key_in_flight_is_told_to_come_back(client: Client, bridge: FakeBridge) -> None:
    bridge.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(declare(client, Idempotency_Key="k"))
        await bridge.arrived.wait()
        busy = await declare(client, Idempotency_Key="k")
        assert busy.headers["Retry-After"] == "1"
        await problem(busy, 409, "idempotency-key-in-flight")
        bridge.gate.set()
    assert first.result().status == 201
    assert (await declare(client, Idempotency_Key="k")).status == 200


async def test_a_key_is_free_again_after_a_failure(client: Client, bridge: FakeBridge) -> None:
    bridge.refusal = full()
    assert (await declare(client, Idempotency_Key="k")).status == 503
    bridge.refusal = None
    assert (await declare(client, Idempotency_Key="k")).status == 201


async def test_a_pipeline_run_without_a_key_is_recognised_by_its_run(client: Client, bridge: FakeBridge) -> None:
    body = {**INTENT, "pipeline": {"run_id": "7"}}
    statuses = [(await declare(client, body)).status for _ in range(2)]
    other_run = await declare(client, {**INTENT, "pipeline": {"run_id": "8"}})
    assert (statuses, other_run.status) == ([201, 200], 201)
    assert len(await declared_intents(bridge)) == 2


async def test_without_key_and_run_what_stands_is_a_replay_and_going_back_is_news(client: Client) -> None:
    versions = ["v1", "v1", "v2", "v1"]
    bodies = [{**INTENT, "artifacts": [f"ghcr.io/acme/shop:{version}"]} for version in versions]
    assert [(await declare(client, body)).status for body in bodies] == [201, 200, 201, 201]


async def test_a_replay_tells_the_state_that_was_reached_since(client: Client) -> None:
    await client.post("/api/v1/observations", json={**OBSERVATION, "artifacts": ["ghcr.io/acme/shop:v0"]})
    await declare(client, Idempotency_Key="k")
    await client.post("/api/v1/observations", json=OBSERVATION)
    answer = await (await declare(client, Idempotency_Key="k")).json()
    assert (answer["state"], answer["final"]) == ("succeeded", True)


async def test_a_full_inbox_is_a_503_with_a_time_to_retry(client: Client, bridge: FakeBridge) -> None:
    bridge.refusal = full()
    response = await declare(client)
    assert response.headers["Retry-After"] == "1"
    await problem(response, 503, "unavailable")


async def test_a_log_that_needs_a_human_is_a_503(client: Client, bridge: FakeBridge) -> None:
    bridge.refusal = Stalled("the disk is full: free some space")
    said = await problem(await declare(client), 503, "unavailable")
    assert said["detail"] == "the disk is full: free some space"


async def test_a_failure_of_ours_tells_nothing_of_the_inside(client: Client, bridge: FakeBridge) -> None:
    bridge.refusal = RuntimeError("/secret/path")
    said = await problem(await declare(client), 500, "internal")
    assert "secret" not in str(said)


async def test_a_bridge_in_gitops_mode_takes_no_intents(client: Client, bridge: FakeBridge) -> None:
    bridge.intents_allowed = False
    await problem(await declare(client), 403, "model-not-in-use")
    assert await declared_intents(bridge) == []


async def test_an_intents_story_is_told(client: Client) -> None:
    answer = await (await declare(client)).json()
    story = await (await client.get(f"/api/v1/intents/{answer['id']}")).json()
    assert story["id"] == answer["id"]
    assert story["final"] is False
    assert [event["kind"] for event in story["events"]] == ["intent.declared"]


async def test_an_unknown_intent_is_a_404(client: Client) -> None:
    await problem(await client.get("/api/v1/intents/nothing"), 404, "not-found")


async def test_an_event_that_is_no_intent_is_a_404_as_intent(client: Client) -> None:
    seen = await (await client.post("/api/v1/observations", json=OBSERVATION)).json()
    await problem(await client.get(f"/api/v1/intents/{seen['id']}"), 404, "not-found")


async def test_a_waiter_is_answered_when_the_intent_is_final(client: Client) -> None:
    await client.post("/api/v1/observations", json={**OBSERVATION, "artifacts": ["ghcr.io/acme/shop:v0"]})
    answer = await (await declare(client)).json()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(client.get(f"/api/v1/intents/{answer['id']}?wait=2m"))
        other = {**OBSERVATION, "service": "unrelated"}
        assert (await client.post("/api/v1/observations", json=other)).status == 201
        assert not waiting.done()
        assert (await client.post("/api/v1/observations", json=OBSERVATION)).status == 201
    assert (await waiting.result().json())["state"] == "succeeded"


async def test_a_waiter_is_answered_when_its_time_is_up(client: Client, bridge: FakeBridge) -> None:
    answer = await (await declare(client)).json()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(client.get(f"/api/v1/intents/{answer['id']}?wait=30s"))
        await bridge.clock.somebody_sleeps()
        bridge.clock.move_to(bridge.clock.now() + timedelta(seconds=30))
    assert waiting.result().status == 200
    assert (await waiting.result().json())["final"] is False
