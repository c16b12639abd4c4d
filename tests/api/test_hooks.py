"""Deliveries of webhooks: who is believed, what is answered, and what a wrong one learns."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from adapters import catalog
from bridge.api.hooks import LARGEST_DELIVERY
from bridge.api.wiring import Hook
from bridge.domain.facts import ObservationReported
from bridge.domain.names import ImageRef, Phase, SourceRef, Target
from bridge.errors import Stalled
from bridge.ports import HookMessage, HookRequest, IncidentQuery
from tests.support import hook_deliveries as hosts
from tests.support import report_deliveries as reports
from tests.support.fake_bridge import FakeBridge, token
from tests.support.hook_deliveries import PUSHES, SECRET, Delivery
from tests.support.http_answers import problem

Client = TestClient[Any, Any]
PATH = "/api/v1/hooks/pushes"


def configure(bridge: FakeBridge, kind: str, *secrets: str, wakes: Sequence[str] = ()) -> None:
    settings = catalog.import_settings()["hook", kind].model_validate({"kind": kind, "name": "pushes"})
    decoder = catalog.import_adapter("hook", kind).open_decoder(settings)
    bridge.hooks["pushes"] = Hook(name="pushes", decoder=decoder, read_secrets=lambda: secrets, wakes=wakes)


async def send(client: Client, delivery: Delivery, secret: str = SECRET, **headers: str) -> ClientResponse:
    return await client.post(PATH, data=io.BytesIO(delivery.data), headers={**delivery.signed(secret), **headers})


def counted(bridge: FakeBridge, outcome: str) -> float | None:
    labels = {"hook": "pushes", "outcome": outcome}
    return bridge.metrics.registry.get_sample_value("deploybridge_hook_deliveries_total", labels)


@pytest.mark.parametrize("delivery", PUSHES.values(), ids=PUSHES)
async def test_a_signed_push_wakes_the_source(client: Client, bridge: FakeBridge, delivery: Delivery) -> None:
    configure(bridge, delivery.kind, SECRET)
    bridge.tokens = (token("ci", "x", "read"),)  # a signature is enough, whatever tokens there are
    response = await send(client, delivery)
    assert response.status == 202
    said = await response.json()
    assert (said["woken"], said["recorded"]) == (["infra"], 0)
    assert bridge.hints[0].ref == "refs/heads/main"
    assert counted(bridge, "taken") == 1
    assert await bridge.log.last_position() == 0, "a hint is no fact"


@pytest.mark.parametrize("delivery", PUSHES.values(), ids=PUSHES)
async def test_a_forged_push_is_refused_and_learns_nothing(
    client: Client, bridge: FakeBridge, delivery: Delivery
) -> None:
    configure(bridge, delivery.kind, SECRET)
    answers = []
    for headers, body in (
        (delivery.signed("a guess"), delivery.data),
        (delivery.headers, delivery.data),
        (delivery.signed("a guess"), b"{"),
        (delivery.headers, b""),
    ):
        response = await client.post(PATH, data=body, headers=headers)
        answers.append(await problem(response, 401, "not-genuine"))
    assert all(answer == answers[0] for answer in answers), "unsigned, wrongly signed and unreadable look the same"
    assert bridge.hints == []
    assert counted(bridge, "refused") == 4


async def test_both_secrets_are_good_while_one_replaces_the_other(client: Client, bridge: FakeBridge) -> None:
    secrets: tuple[str, ...] = ("old", "new")
    configure(bridge, "github", *secrets)
    assert [(await send(client, hosts.github(), secret)).status for secret in secrets] == [202, 202]
    configure(bridge, "github", "new")
    assert [(await send(client, hosts.github(), secret)).status for secret in secrets] == [401, 202]


async def test_a_replay_is_answered_as_before_and_is_one_more_hint(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "github", SECRET)
    answers = [await (await send(client, hosts.github())).json() for _ in range(3)]
    assert answers == [{"event": "push", "woken": ["infra"], "recorded": 0, "noted": 0}] * 3


async def test_a_ping_is_answered_and_an_event_of_no_interest_is_not(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "github", SECRET)
    ping = Delivery("github", {"X-GitHub-Event": "ping"}, {"zen": "Design for failure."}, "X-Hub-Signature-256")
    response = await send(client, ping)
    assert (response.status, await response.json()) == (200, {"event": "ping", "woken": [], "recorded": 0, "noted": 0})
    response = await send(client, hosts.github(), **{"X-GitHub-Event": "issues"})
    assert (response.status, await response.read()) == (204, b"")
    assert counted(bridge, "ignored") == 1


async def test_a_push_that_concerns_no_source_is_answered_and_counted(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "github", SECRET)
    bridge.meant = ()
    response = await send(client, hosts.github())
    assert (response.status, (await response.json())["woken"]) == (202, [])
    assert counted(bridge, "unmatched") == 1


async def test_the_sources_that_a_hook_names_are_woken(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "github", SECRET, wakes=["other"])
    assert (await (await send(client, hosts.github())).json())["woken"] == ["other"]


async def test_an_unknown_hook_is_not_found_and_a_broken_body_names_what_is_wrong(
    client: Client, bridge: FakeBridge
) -> None:
    await problem(await send(client, hosts.github()), 404, "not-found")
    configure(bridge, "github", SECRET)
    broken = Delivery("github", hosts.github().headers, None, "X-Hub-Signature-256", raw=b'{"ref": 5}')
    said = await problem(await send(client, broken), 400, "invalid-body")
    assert "$.ref" in said["detail"]
    assert counted(bridge, "unreadable") == 1


async def test_a_secret_that_cannot_be_read_is_no_refusal(client: Client, bridge: FakeBridge) -> None:
    def read() -> Sequence[str]:
        raise Stalled("the secret file /run/secrets/hook can't be read: No such file or directory")

    configure(bridge, "github")
    bridge.hooks["pushes"] = Hook(name="pushes", decoder=bridge.hooks["pushes"].decoder, read_secrets=read)
    await problem(await send(client, hosts.github()), 503, "unavailable")


async def test_without_a_secret_the_caller_needs_a_token(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "github")
    assert (await send(client, hosts.github())).status == 202, "without tokens this machine's own programs may"
    await problem(await send(client, hosts.github(), Origin="https://evil.example"), 403, "foreign-origin")
    bridge.tokens = (token("git", "t0ken", "read"),)
    await problem(await send(client, hosts.github()), 401, "unauthenticated")
    assert (await send(client, hosts.github(), Authorization="Bearer t0ken")).status == 202


async def test_a_large_push_is_taken_up_to_what_github_sends(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "github", SECRET)
    body = hosts.github().body
    body["commits"] = [{"id": hosts.TIP, "modified": ["x" * 1000] * 1000}] * 20
    large = Delivery("github", hosts.github().headers, body, "X-Hub-Signature-256")
    assert len(large.data) > 20_000_000
    assert (await send(client, large)).status == 202
    await problem(await send(client, large, "a guess"), 401, "not-genuine")
    too_large = io.BytesIO(b"x" * (LARGEST_DELIVERY + 1))
    await problem(await client.post(PATH, data=too_large, headers=hosts.github().signed()), 413, "body-too-large")


async def test_a_body_without_a_length_is_taken_up_to_a_mebibyte(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "github", SECRET)

    async def chunks(count: int) -> Any:
        for _ in range(count):
            yield b" " * 65536

    await problem(await client.post(PATH, data=chunks(1000)), 413, "body-too-large")
    await problem(await client.post(PATH, data=chunks(3)), 401, "not-genuine")
    packed = await client.post(PATH, data=b"x", headers={"Content-Encoding": "gzip"})
    await problem(packed, 415, "unsupported-media-type")


class Reports:
    """Implements ``HookDecoder``: every delivery reports that its body runs in production."""

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        return request.headers.get("authorization") == f"Bearer {secrets[0]}"

    def decode(self, request: HookRequest) -> HookMessage:
        image = ImageRef("ghcr.io/acme/shop", request.body.decode())
        source = SourceRef("argocd", "cd")
        target = Target("shop", "production")
        return HookMessage(
            "sync", (), (ObservationReported(target=target, artifacts=(image,), phase=Phase.LIVE, source=source),)
        )


async def test_a_report_is_recorded_once_before_it_is_answered(client: Client, bridge: FakeBridge) -> None:
    bridge.hooks["pushes"] = Hook(name="pushes", decoder=Reports(), read_secrets=lambda: ["s"])
    headers = {"Authorization": "Bearer s"}
    first = await client.post(PATH, data=b"v1", headers=headers)
    again = await client.post(PATH, data=b"v1", headers=headers)
    assert (first.status, (await first.json())["recorded"]) == (202, 1)
    assert (again.status, (await again.json())["recorded"]) == (202, 0)


async def test_a_report_by_token_needs_the_scope_of_its_target(client: Client, bridge: FakeBridge) -> None:
    bridge.hooks["pushes"] = Hook(name="pushes", decoder=Reports(), read_secrets=list)
    bridge.tokens = (token("cd", "t", "observations:write staging/*"), token("ok", "u", "observations:write"))
    response = await client.post(PATH, data=b"v1", headers={"Authorization": "Bearer t"})
    await problem(response, 403, "missing-scope")
    assert (await client.post(PATH, data=b"v1", headers={"Authorization": "Bearer u"})).status == 202


async def send_report(client: Client, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {**reports.JSON, "Authorization": f"Bearer {SECRET}", **headers}
    response = await client.post(PATH, data=data, headers=given)
    return response.status, await response.json() if response.status != 204 else {}


async def test_a_whole_deployment_told_by_hooks_alone_is_recorded_once(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "argocd", SECRET)
    before = reports.application(operationState=None, summary={"images": ["ghcr.io/acme/shop:v1"]})
    before["status"]["health"]["lastTransitionTime"] = "2026-03-02T11:00:00Z"
    running = reports.application(operationState={"phase": "Running", "finishedAt": None})
    deliveries = [reports.notify(app) for app in (before, running, reports.application())]
    answers = [await send_report(client, body) for body in deliveries]
    assert [(status, said["recorded"]) for status, said in answers] == [(202, 1)] * 3
    position = await bridge.log.last_position()
    again = [await send_report(client, body) for body in reversed(deliveries)]
    assert [(status, said["recorded"]) for status, said in again] == [(202, 0)] * 3
    assert await bridge.log.last_position() == position, "a replay, in whatever order, adds nothing"


async def test_a_forged_report_is_refused_and_records_nothing(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "flux", SECRET)
    body = json.dumps(reports.flux()).encode()
    for headers in ({}, {"X-Signature": "sha256=" + "0" * 64}, {"Authorization": "Bearer guess"}):
        await problem(await client.post(PATH, data=body, headers={**reports.JSON, **headers}), 401, "not-genuine")
    said = await problem(await client.post(PATH, data=body, headers={"X-Signature": "md5=00"}), 400, "invalid-body")
    assert "sha224, sha256, sha384, sha512" in said["detail"]
    assert await bridge.log.last_position() == 0


async def test_notes_are_kept_and_counted(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "alertmanager", SECRET)
    for body in (reports.alerts(), reports.alerts(), reports.alerts("resolved", "2026-03-02T12:20:00Z")):
        status, said = await send_report(client, body)
        assert (status, said["recorded"], said["noted"]) == (202, 0, 1)
    (incident,) = (await (await client.get("/api/v1/incidents?service=shop")).json())["incidents"]
    assert (incident["started_at"], incident["ended_at"]) == (
        "2026-03-02T12:06:00.828123Z",
        "2026-03-02T12:20:00.000000Z",
    )
    assert (incident["environment"], incident["severity"]) == ("production", "page")
    assert (await (await client.get("/api/v1/incidents?service=other")).json())["incidents"] == []
    assert await bridge.log.last_position() == 0, "an incident is no event"


async def test_notes_by_token_need_the_scope_of_their_target(client: Client, bridge: FakeBridge) -> None:
    configure(bridge, "alertmanager")
    bridge.tokens = (token("cd", "t", "observations:write staging/*"), token("ok", "u", "observations:write"))
    body = json.dumps(reports.alerts()).encode()
    refused = await client.post(PATH, data=body, headers={"Authorization": "Bearer t"})
    await problem(refused, 403, "missing-scope")
    assert await bridge.log.incidents(IncidentQuery()) == []
    assert (await client.post(PATH, data=body, headers={"Authorization": "Bearer u"})).status == 202
