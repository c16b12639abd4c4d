"""CD systems post to a running daemon: deliveries in any order, repeated, forged, and across restarts."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge import compose
from bridge.daemon import Bridge, open_bridge
from tests.support import report_deliveries as others

SECRET = "planted-secret-of-the-hooks"
CONFIG = """\
mode: api
data_dir: data
listen: 127.0.0.1:0
hooks:
  - {kind: argocd, name: argocd, secrets: [{file: hook}], mapping: [{name: "{service}-{environment}"}]}
  - {kind: flux, name: flux, secrets: [{file: hook}]}
  - {kind: cdevents, name: cdevents, secrets: [{file: hook}]}
  - {kind: harbor, name: harbor, secrets: [{file: hook}]}
"""
BEARER = {"Authorization": f"Bearer {SECRET}", **others.JSON}


def configured(tmp_path: Path) -> compose.Settings:
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIG)
    (tmp_path / "hook").write_text(SECRET + "\n")
    return compose.load(path)


async def post(bridge: Bridge, name: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"{bridge.url}/api/v1/hooks/{name}"
    async with aiohttp.ClientSession() as http, http.post(url, data=data, headers=headers or BEARER) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def get(bridge: Bridge, path: str) -> Any:
    async with aiohttp.ClientSession() as http, http.get(f"{bridge.url}/api/v1/{path}") as answer:
        assert answer.status == 200
        return await answer.json()


async def declare(bridge: Bridge, image: str) -> str:
    body = {"service": "shop", "environment": "production", "artifacts": [image]}
    async with aiohttp.ClientSession() as http, http.post(f"{bridge.url}/api/v1/intents", json=body) as answer:
        assert answer.status == 201
        return str((await answer.json())["id"])


def before() -> bytes:
    app = others.application(operationState=None, summary={"images": ["ghcr.io/acme/shop:v1"]})
    app["status"]["health"]["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    return others.notify(app)


async def test_a_deployment_told_by_hooks_has_its_link_its_legs_and_its_publication(tmp_path: Path) -> None:
    settings_ = configured(tmp_path)
    async with open_bridge(settings_) as bridge:
        assert (await post(bridge, "argocd", before()))[0] == 202
        harbor = others.harbor()
        assert (await post(bridge, "harbor", harbor))[0] == 202
        image = harbor["event_data"]["resources"][0]["resource_url"]
        intent = await declare(bridge, image)
        told = await get(bridge, f"intents/{intent}")
        synced = others.application(
            health={"status": "Healthy", "lastTransitionTime": told["declared_at"]},
            operationState={
                "startedAt": told["declared_at"],
                "finishedAt": told["declared_at"],
                "operation": {"info": [{"name": "deploybridge/intent", "value": intent}]},
                "syncResult": {"resources": [{"kind": "Deployment", "syncPhase": "Sync", "images": [image]}]},
            },
        )
        assert await post(bridge, "argocd", others.notify(synced)) == (
            202,
            {"event": "operation Succeeded", "woken": [], "recorded": 1, "noted": 0},
        )
    async with open_bridge(settings_) as bridge:
        assert (await post(bridge, "argocd", others.notify(synced)))[1]["recorded"] == 0, "also after a restart"
        told = await get(bridge, f"intents/{intent}")
        compared = (await get(bridge, "compare"))["models"]["api"]
    assert (told["state"], told["linked_by"], told["published_at"]) == (
        "succeeded",
        "intent_id",
        "2026-03-02T11:59:00.000000Z",
    )
    assert told["legs"]["applied"]["source"] == {"kind": "argocd", "name": "hook:argocd"}
    assert told["legs"]["seconds"]["sync_started_to_applied"] == 0.0
    assert told["legs"]["reasons"] == dict.fromkeys(("declared_to_noticed", "noticed_to_sync_started"), "not_told")
    assert compared["legs"]["legs"]["applied_to_live"]["n"] == 1
    assert compared["publication_to_live"]["n"] == 1


async def test_a_forged_delivery_leaves_no_trace_and_no_secret_is_shown(tmp_path: Path) -> None:
    async with open_bridge(configured(tmp_path)) as bridge:
        position = (await get(bridge, "events"))["last_position"]
        body = json.dumps(others.flux()).encode()
        wrong = hmac.new(b"a guess", body, hashlib.sha256).hexdigest()
        for headers in ({"X-Signature": f"sha256={wrong}"}, {"Authorization": "Bearer guess"}, {}):
            status, said = await post(bridge, "flux", body, {**others.JSON, **headers} if headers else others.JSON)
            assert (status, SECRET in json.dumps(said)) == (401, False)
        right = hmac.new(f"{SECRET}\n".encode(), body, hashlib.sha512).hexdigest()
        status, _ = await post(bridge, "flux", body, {"X-Signature": f"sha512={right}"})
        assert status == 202
        assert (await get(bridge, "events"))["last_position"] == position, "it names no intent that is known"


def deliveries() -> list[tuple[str, Any, dict[str, str]]]:
    """A life of a target as three senders tell it, each with the times of its own clock."""
    told: list[tuple[str, Any, dict[str, str]]] = [("argocd", before(), BEARER)]
    for minute, tag in ((10, "v2"), (20, "v3"), (30, "v2")):
        when = f"2026-03-02T10:{minute}:00Z"
        state = {
            "startedAt": when,
            "finishedAt": when,
            "syncResult": {"resources": [{"syncPhase": "Sync", "images": [f"ghcr.io/acme/shop:{tag}"]}]},
        }
        health = {"lastTransitionTime": f"2026-03-02T10:{minute}:30Z"}
        apps = (
            others.application(health=health, operationState=state | {"phase": phase})
            for phase in ("Running", "Succeeded")
        )
        told += [("argocd", others.notify(app), BEARER) for app in apps]
        event = others.cdevent(artifactId=f"pkg:oci/shop@{tag}?repository_url=ghcr.io%2Facme%2Fshop")
        event["context"] |= {"timestamp": f"2026-03-02T10:{minute}:40Z", "id": f"event-{minute}"}
        told.append(("cdevents", event, {**BEARER, **others.carried(event)}))
    return told


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(late=st.lists(st.integers(0, 9), max_size=12))
@pytest.mark.parametrize("restart", [False, True])
async def test_deliveries_that_come_again_in_any_order_change_no_conclusion(
    late: list[int], restart: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings_ = configured(tmp_path_factory.mktemp("bridge"))
    sent = deliveries()
    async with open_bridge(settings_) as bridge:
        for each in sent:
            assert (await post(bridge, *each))[0] == 202
        if not restart:
            first = await get(bridge, "events?limit=1000")
            for number in late:
                assert (await post(bridge, *sent[number]))[0] == 202
            again = await get(bridge, "events?limit=1000")
    if restart:
        async with open_bridge(settings_) as bridge:
            first = await get(bridge, "events?limit=1000")
            for number in late:
                assert (await post(bridge, *sent[number]))[0] == 202
            again = await get(bridge, "events?limit=1000")
    assert [each["id"] for each in again["events"]] == [each["id"] for each in first["events"]]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(1, 10)))
async def test_whatever_order_they_first_come_in_the_newest_is_what_runs(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    sent = deliveries()
    async with open_bridge(configured(tmp_path_factory.mktemp("bridge"))) as bridge:
        for number in (0, *order):
            assert (await post(bridge, *sent[number]))[0] == 202
        (target,) = (await get(bridge, "state"))["targets"]
        assert target["running"]["artifacts"][0]["tag"] == "v2"
