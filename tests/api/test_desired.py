"""``GET /desired``: what should run by the API model, told at once, told when it changes, and noticed when it is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from bridge.api.app import build_app
from bridge.api.server import open_listener
from bridge.domain.facts import IntentWithdrawn
from bridge.domain.names import Model, SourceRef, Target
from bridge.domain.policies import Policies, Policy
from bridge.errors import Unavailable
from tests.support.fake_bridge import NOON, FakeBridge
from tests.support.http_answers import problem

Client = TestClient[Any, Any]


async def declare(client: Client, service: str, tag: str, environment: str = "production") -> str:
    body = {"service": service, "environment": environment, "artifacts": [f"ghcr.io/acme/{service}:{tag}"]}
    answer = await client.post("/api/v1/intents", json=body)
    assert answer.status == 201
    return str((await answer.json())["id"])


async def withdraw(bridge: FakeBridge, service: str, number: int = 0) -> None:
    fact = IntentWithdrawn(
        id=f"withdrawn-{service}-{number}",
        model=Model.API,
        target=Target(service, "production"),
        declared_at=NOON,
        source=SourceRef("api", "anonymous"),
    )
    await bridge.submit([fact])


async def get(client: Client, query: str = "", etag: str | None = None) -> ClientResponse:
    headers = {} if etag is None else {"If-None-Match": etag}
    return await client.get(f"/api/v1/desired{query}", headers=headers)


async def services(response: ClientResponse) -> list[str]:
    assert response.status == 200, await response.text()
    return [f"{each['environment']}/{each['service']}" for each in (await response.json())["targets"]]


async def observe(bridge: FakeBridge, client: Client, intent_id: str) -> dict[str, Any]:
    await bridge.noticing.finish()
    return dict(await (await client.get(f"/api/v1/intents/{intent_id}")).json())


async def test_each_target_is_told_with_its_intent(client: Client) -> None:
    await declare(client, "shop", "v1")
    newest = await declare(client, "shop", "v2")
    answer = await (await get(client)).json()
    assert answer == {
        "schema": "desired/1",
        "targets": [
            {
                "service": "shop",
                "environment": "production",
                "intent_id": newest,
                "artifacts": [{"repository": "ghcr.io/acme/shop", "tag": "v2", "digest": None}],
                "declared_at": "2026-03-02T12:00:00.000000Z",
                "actor": "anonymous",
            }
        ],
    }


async def test_the_order_is_by_environment_and_service_whatever_came_first(client: Client) -> None:
    for service, environment in (("shop", "staging"), ("web", "production"), ("cart", "production"), ("a", "staging")):
        await declare(client, service, "v1", environment)
    assert await services(await get(client)) == ["production/cart", "production/web", "staging/a", "staging/shop"]
    assert await services(await get(client, "?environment=staging")) == ["staging/a", "staging/shop"]
    assert await services(await get(client, "?service=web,a")) == ["production/web", "staging/a"]


async def test_what_the_poller_has_already_is_not_sent_again(client: Client) -> None:
    await declare(client, "shop", "v1")
    etag = (await get(client)).headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        same = await get(client, etag=known)
        assert (same.status, await same.read(), same.headers["ETag"]) == (304, b"", etag)
    for other in ('"other"', etag.strip('"'), ""):
        assert (await get(client, etag=other)).status == 200


async def test_another_environment_changes_nothing_for_the_poller_of_one(client: Client) -> None:
    await declare(client, "shop", "v1")
    etag = (await get(client, "?environment=production")).headers["ETag"]
    everywhere = (await get(client)).headers["ETag"]
    await declare(client, "shop", "v2", "staging")
    assert (await get(client, "?environment=production", etag)).status == 304
    assert (await get(client, etag=everywhere)).status == 200


async def test_what_failed_is_still_desired_and_what_was_withdrawn_is_not(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "shop", "v1")
    await declare(client, "cart", "v1")
    report = {"service": "shop", "environment": "production", "artifacts": ["ghcr.io/acme/shop:v1"], "phase": "failed"}
    await client.post("/api/v1/observations", json=report)
    assert await services(await get(client)) == ["production/cart", "production/shop"]
    await withdraw(bridge, "shop")
    assert await services(await get(client)) == ["production/cart"]


async def test_an_environment_that_is_only_configured_is_known_but_not_answered_with_nothing(
    client: Client, bridge: FakeBridge
) -> None:
    await problem(await get(client, "?environment=qa"), 404, "not-found")
    bridge.policies = Policies(environments={"qa": Policy()})
    await problem(await get(client, "?environment=qa"), 503, "nothing-declared")
    await problem(await get(client), 503, "nothing-declared")
    bridge.may_be_empty.add("qa")
    assert await services(await get(client, "?environment=qa")) == []
    assert await services(await get(client)) == []
    await declare(client, "shop", "v1", "production")
    await problem(await get(client, "?service=none"), 503, "nothing-declared")


async def test_an_empty_answer_that_was_allowed_is_refused_once_it_is_not(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "shop", "v1")
    await withdraw(bridge, "shop")
    bridge.may_be_empty.add("production")
    assert await services(await get(client, "?environment=production")) == []
    bridge.may_be_empty.clear()
    await problem(await get(client, "?environment=production"), 503, "nothing-declared")


async def test_in_mode_gitops_nothing_is_desired_by_api(client: Client, bridge: FakeBridge) -> None:
    bridge.intents_allowed = False
    await problem(await get(client), 403, "model-not-in-use")


@pytest.mark.parametrize(
    "query", ["?environment=a b", "?service=", "?wait=soon", "?at=now", "?environment=a&environment=b"]
)
async def test_odd_questions_are_refused(client: Client, query: str) -> None:
    await problem(await get(client, query.replace(" ", "%20")), 400, "invalid-parameter")


# --- long polls ------------------------------------------------------------------------------------------------------


async def poll(client: Client, bridge: FakeBridge, query: str, etag: str) -> asyncio.Task[ClientResponse]:
    """Ask for news and return once the bridge waits."""
    polling = asyncio.create_task(get(client, query, etag))
    await bridge.clock.somebody_sleeps()
    return polling


async def test_a_poll_without_a_tag_is_answered_at_once(client: Client) -> None:
    await declare(client, "shop", "v1")
    assert (await get(client, "?wait=5m")).status == 200


async def test_a_poll_is_answered_as_soon_as_something_else_is_desired(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "shop", "v1")
    etag = (await get(client)).headers["ETag"]
    polling = await poll(client, bridge, "?wait=30s", etag)
    await declare(client, "cart", "v1")
    assert await services(await polling) == ["production/cart", "production/shop"]


async def test_a_poll_of_one_service_sleeps_through_the_others(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "shop", "v1")
    query = "?environment=production&service=shop"
    etag = (await get(client, query)).headers["ETag"]
    polling = await poll(client, bridge, f"{query}&wait=30s", etag)
    await declare(client, "cart", "v1")
    await bridge.clock.somebody_sleeps()
    newest = await declare(client, "shop", "v2")
    answer = await (await polling).json()
    assert [each["intent_id"] for each in answer["targets"]] == [newest]


async def test_a_poll_ends_with_304_when_the_time_is_up(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "shop", "v1")
    etag = (await get(client)).headers["ETag"]
    polling = await poll(client, bridge, "?wait=30s", etag)
    bridge.clock.move_to(bridge.clock.now() + timedelta(seconds=30))
    assert (await polling).status == 304


async def test_a_poll_ends_when_the_daemon_does(bridge: FakeBridge) -> None:
    async with TestServer(build_app(bridge.wiring())) as server, TestClient(server) as client:
        await declare(client, "shop", "v1")
        etag = (await get(client)).headers["ETag"]
        polling = await poll(client, bridge, "?wait=5m", etag)
        await server.close()
        assert (await polling).status == 304


async def test_a_poll_that_would_become_empty_is_told_so_and_not_emptied(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "shop", "v1")
    etag = (await get(client)).headers["ETag"]
    polling = await poll(client, bridge, "?wait=30s", etag)
    await withdraw(bridge, "shop")
    await problem(await polling, 503, "nothing-declared")


# --- notice ----------------------------------------------------------------------------------------------------------


async def test_an_intent_is_noticed_by_the_first_poll_that_carries_it(client: Client, bridge: FakeBridge) -> None:
    intent = await declare(client, "shop", "v1")
    report = {"service": "shop", "environment": "production", "artifacts": ["ghcr.io/acme/shop:v0"], "phase": "live"}
    await client.post("/api/v1/observations", json=report)
    assert (await observe(bridge, client, intent))["state"] == "declared"
    await get(client, "?service=shop")
    bridge.clock.move_to(bridge.clock.now() + timedelta(seconds=7))
    story = await observe(bridge, client, intent)
    assert story["state"] == "noticed"
    assert story["explanation"] == "production/shop is to run ghcr.io/acme/shop:v1, and its CD system has read that."
    notice = story["events"][-1]
    assert notice["source"]["kind"] == "desired"
    assert notice["details"]["legs"]["noticed"]["at"] == "2026-03-02T12:00:00.000000Z"
    assert notice["received_at"] == "2026-03-02T12:00:07.000000Z"


async def test_more_polls_add_nothing_and_another_intent_is_noticed_anew(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "shop", "v1")
    for _ in range(3):
        await get(client)
    await bridge.noticing.finish()
    await get(client)
    await bridge.noticing.finish()
    assert await bridge.log.last_position() == 2
    second = await declare(client, "shop", "v2")
    await get(client)
    assert (await observe(bridge, client, second))["events"][-1]["intent_id"] == second
    assert await bridge.log.last_position() == 4


async def test_a_poller_that_is_not_answered_with_an_intent_has_not_noticed_it(
    client: Client, bridge: FakeBridge
) -> None:
    await declare(client, "shop", "v1")
    await declare(client, "cart", "v1", "staging")
    await client.head("/api/v1/desired")
    await get(client, "?environment=staging")
    await problem(await get(client, "?environment=production&service=cart"), 503, "nothing-declared")
    await bridge.noticing.finish()
    assert await bridge.log.last_position() == 3


async def test_a_notice_that_an_answer_without_body_confirms_counts(client: Client, bridge: FakeBridge) -> None:
    intent = await declare(client, "shop", "v1")
    etag = (await client.head("/api/v1/desired")).headers["ETag"]
    assert (await get(client, etag=etag)).status == 304
    assert [each["kind"] for each in (await observe(bridge, client, intent))["events"]][-1] == "observation.reported"


async def test_a_poller_that_gave_up_while_it_waited_has_noticed_nothing(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "shop", "v1")
    etag = (await get(client)).headers["ETag"]
    await bridge.noticing.finish()
    # The daemon's own server: unlike the one of the other tests it lets a request run on when its client is gone.
    listener = await open_listener(build_app(bridge.wiring()), "127.0.0.1", 0, drain_seconds=0.1)
    _, writer = await asyncio.open_connection("127.0.0.1", int(listener.url.rpartition(":")[2]))
    head = f"GET /api/v1/desired?wait=30s HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {etag}\r\n\r\n"
    writer.write(head.encode())
    await bridge.clock.somebody_sleeps()
    writer.close()
    await writer.wait_closed()
    await client.get("/healthz")  # the server has seen the end of the connection by now
    intent = await declare(client, "shop", "v2")
    await client.get("/healthz")
    assert (await observe(bridge, client, intent))["events"][-1]["kind"] == "intent.declared"
    await listener.close()


async def test_a_log_that_cannot_be_written_delays_the_notice_and_not_the_answer(
    client: Client, bridge: FakeBridge
) -> None:
    intent = await declare(client, "shop", "v1")
    bridge.refusal = Unavailable("the disk is full")
    running = asyncio.create_task(bridge.noticing.run())
    assert (await get(client)).status == 200
    await bridge.clock.somebody_sleeps()
    bridge.refusal = None
    bridge.clock.move_to(bridge.clock.now() + timedelta(seconds=1))
    await bridge.tail.wait_beyond(1)
    running.cancel()
    notice = (await (await client.get(f"/api/v1/intents/{intent}")).json())["events"][-1]
    assert notice["source_time"] == "2026-03-02T12:00:00.000000Z"


async def test_what_polls_elsewhere_may_report_its_notice(client: Client, bridge: FakeBridge) -> None:
    intent = await declare(client, "shop", "v1")
    body = {"service": "shop", "environment": "production", "artifacts": ["ghcr.io/acme/shop:v1"], "phase": "noticed"}
    assert (await client.post("/api/v1/observations", json=body)).status == 201
    assert (await client.post("/api/v1/observations", json=body)).status == 200
    await get(client)
    story = await observe(bridge, client, intent)
    assert (story["state"], len(story["events"])) == ("unobserved", 2), "nobody says what runs"
    assert story["legs"]["seconds"]["declared_to_noticed"] == 0
    assert (await client.post("/api/v1/observations", json={**body, "service": "none"})).status == 200
