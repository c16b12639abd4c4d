"""Argo CD's plugin generator and the Flux Operator poll the bridge as they are, and nothing ever makes them delete by mistake."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bridge.api.app import build_app
from bridge.domain.facts import IntentWithdrawn
from bridge.domain.names import Model, SourceRef, Target
from bridge.runtime.desired import DesiredState
from tests.support.cd_pollers import ApplicationSet, InputProvider, PollError, exchange
from tests.support.fake_bridge import NOON, FakeBridge, token

Client = TestClient[Any, Any]
SECRET = "correct-horse"

# What the package applicationset/services/plugin of argo-cd v3.1.0 wrote to a socket, called as its generator does, 2026-11.
FROM_ARGO_CD = (
    b"POST /api/v1/getparams.execute HTTP/1.1\r\nHost: 127.0.0.1:18994\r\nUser-Agent: argocd-applicationset\r\n"
    b"Content-Length: 108\r\nAuthorization: Bearer correct-horse\r\nContent-Type: application/json\r\n"
    b"Accept-Encoding: gzip\r\n\r\n"
    b'{"applicationSetName":"web","input":{"parameters":{"any":{"type":"ok"},"apps":["web","api"],"env":"prod"}}}\n'
)
# What Go's net/http wrote for the request that flux-operator v0.58.1 builds in callExternalServiceProvider, 2026-11.
FROM_FLUX = (
    b"GET /api/v1/flux/inputs?environment=prod HTTP/1.1\r\nHost: 127.0.0.1:18994\r\nUser-Agent: flux-operator/v0.58.1\r\n"
    b"Accept: application/json\r\nAuthorization: Bearer correct-horse\r\nAccept-Encoding: gzip\r\n\r\n"
)


@pytest.fixture(autouse=True)
def _quiet(bridge: FakeBridge) -> None:
    bridge.tokens = (token("ci", "ci-secret", "intents:write"), token("argocd", SECRET, "read"))


async def declare(client: Client, service: str, *artifacts: str, environment: str = "prod") -> str:
    body = {"service": service, "environment": environment, "artifacts": list(artifacts)}
    answer = await client.post("/api/v1/intents", json=body, headers={"Authorization": "Bearer ci-secret"})
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["id"])


def application_set(client: Client, **parameters: object) -> ApplicationSet:
    return ApplicationSet(client.host, client.port or 0, parameters or {"env": "prod"}, SECRET)


def input_provider(client: Client, query: str = "environment=prod") -> InputProvider:
    return InputProvider(client.host, client.port or 0, f"/api/v1/flux/inputs?{query}", SECRET)


async def withdraw(bridge: FakeBridge, service: str) -> None:
    source = SourceRef("api", "ci")
    target = Target(service, "prod")
    fact = IntentWithdrawn(id=f"w-{service}", model=Model.API, target=target, declared_at=NOON, source=source)
    await bridge.submit([fact])


async def test_the_requests_that_were_recorded_are_answered_and_are_those_of_the_other_tests(client: Client) -> None:
    await declare(client, "web", "ghcr.io/x/web:1")
    argo = ApplicationSet("127.0.0.1", 18994, {"env": "prod", "apps": ["web", "api"], "any": {"type": "ok"}}, SECRET)
    flux = InputProvider("127.0.0.1", 18994, "/api/v1/flux/inputs?environment=prod", SECRET)
    assert (argo.request(), flux.request()) == (FROM_ARGO_CD, FROM_FLUX)
    for recorded, key in ((FROM_ARGO_CD, "output"), (FROM_FLUX, "inputs")):
        status, body = await exchange(client.host, client.port or 0, recorded)
        assert (status, list(json.loads(body))) == (200, [key])


async def test_the_plugin_generator_gets_one_set_of_parameters_a_service(client: Client) -> None:
    web = await declare(client, "web", "ghcr.io/x/web:1.10")
    api = await declare(client, "api", f"ghcr.io/x/api:1234567@sha256:{'a' * 64}")
    await declare(client, "web", "ghcr.io/x/web:9", environment="staging")
    argo = application_set(client, env="prod", apps=["web", "api"], any={"type": "ok"})
    await argo.reconcile()
    assert list(argo.applications) == ["api", "web"]
    assert argo.applications["web"] == {
        "id": "web",
        "service": "web",
        "environment": "prod",
        "intent": web,
        "declared_at": "2026-03-02T12:00:00.000000Z",
        "image": "ghcr.io/x/web:1.10",
        "repository": "ghcr.io/x/web",
        "tag": "1.10",
        "digest": "",
        "images": ["ghcr.io/x/web:1.10"],
        "artifacts": [{"image": "ghcr.io/x/web:1.10", "repository": "ghcr.io/x/web", "tag": "1.10", "digest": ""}],
    }
    assert argo.applications["api"]["tag"] == "1234567"
    assert argo.applications["api"]["intent"] == api


async def test_the_plugin_answer_is_to_the_byte_what_the_contract_shows(client: Client) -> None:
    web = await declare(client, "web", "ghcr.io/x/web:1")
    status, body = await exchange(client.host, client.port or 0, application_set(client).request())
    assert status == 200
    assert body.startswith(b'{"output":{"parameters":[{"id":"web","service":"web","environment":"prod","intent":"')
    assert list(json.loads(body)) == ["output"]
    assert web.encode() in body


async def test_the_flux_operator_gets_one_input_a_service(client: Client) -> None:
    web = await declare(client, "web", "ghcr.io/x/web:1.10")
    await declare(client, "api", "ghcr.io/x/api:2024-01-01")
    flux = input_provider(client)
    await flux.reconcile()
    assert [each["id"] for each in flux.exported] == ["api", "web"]
    assert (flux.exported[1]["tag"], flux.exported[1]["intent"]) == ("1.10", web)
    flux = input_provider(client, "environment=prod&service=web")
    await flux.reconcile()
    assert [each["id"] for each in flux.exported] == ["web"]


async def test_of_a_bundle_only_what_all_artifacts_share_stands_alone(client: Client) -> None:
    await declare(client, "web", "ghcr.io/x/web:7", "ghcr.io/x/worker:7", ":7")
    argo = application_set(client)
    await argo.reconcile()
    web = argo.applications["web"]
    assert (web["tag"], web["repository"], web["image"], web["digest"]) == ("7", "", "", "")
    assert web["images"] == [":7", "ghcr.io/x/web:7", "ghcr.io/x/worker:7"]
    assert [each["repository"] for each in web["artifacts"]] == ["", "ghcr.io/x/web", "ghcr.io/x/worker"]


async def _both(client: Client) -> tuple[ApplicationSet, InputProvider]:
    argo, flux = application_set(client), input_provider(client)
    await argo.reconcile()
    await flux.reconcile()
    assert list(argo.applications) == [each["id"] for each in flux.exported] == ["web"]
    return argo, flux


async def _both_keep(argo: ApplicationSet, flux: InputProvider, *, told: str) -> None:
    with pytest.raises(PollError) as failed:
        await argo.reconcile()
    assert told in str(failed.value)
    with pytest.raises(PollError):
        await flux.reconcile()
    assert list(argo.applications) == [each["id"] for each in flux.exported] == ["web"]


async def test_before_the_log_is_read_both_keep_what_they_have(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "web", "ghcr.io/x/web:1")
    argo, flux = await _both(client)
    starting = build_app(replace(bridge.wiring(), desired=DesiredState()))
    async with TestServer(starting) as server:
        argo.port = flux.port = server.port or 0
        await _both_keep(argo, flux, told="not known yet")


async def test_an_empty_log_deletes_nothing(client: Client) -> None:
    argo, flux = application_set(client), input_provider(client)
    argo.applications, flux.exported = {"web": {}}, [{"id": "web"}]
    await _both_keep(argo, flux, told="There is no environment 'prod'")


async def test_the_last_withdrawal_deletes_nothing_unless_the_environment_may_be_empty(
    client: Client, bridge: FakeBridge
) -> None:
    await declare(client, "web", "ghcr.io/x/web:1")
    argo, flux = await _both(client)
    await withdraw(bridge, "web")
    await _both_keep(argo, flux, told="may_be_empty: true")
    bridge.may_be_empty.add("prod")
    await argo.reconcile()
    await flux.reconcile()
    assert (argo.applications, flux.exported) == ({}, [])


async def test_a_withdrawn_service_leaves_the_answer(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "web", "ghcr.io/x/web:1")
    await declare(client, "api", "ghcr.io/x/api:1")
    await withdraw(bridge, "api")
    await _both(client)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"env": "nowhere"}, "There is no environment 'nowhere'"),
        ({"env": "prod", "services": ["none"]}, "Nothing is declared by API in prod for none"),
        ({"apps": ["web"]}, "expected `environment`"),
        ({"enviroment": "prod"}, "did you mean `environment`?"),
        ({"env": "prod", "servcies": ["web"]}, "did you mean `services`?"),
        ({"env": "prod", "environment": "prod"}, "mean the same"),
        ({"env": ["prod", "staging"]}, "expected one environment"),
        ({"env": 7}, "expected text"),
        ({"env": "prod", "apps": []}, "expected 1 to 1000 services"),
        ({"env": "prod", "apps": [[1]]}, "expected text"),
        ({"env": ""}, "is not an environment name"),
        ({"env": "prod", "app": "a b"}, "is not a service name"),
    ],
)
async def test_odd_parameters_are_told_in_the_status_of_the_applicationset_and_delete_nothing(
    client: Client, parameters: dict[str, object], told: str
) -> None:
    await declare(client, "web", "ghcr.io/x/web:1")
    argo = application_set(client, **parameters)
    argo.applications = {"web": {}}
    with pytest.raises(PollError) as failed:
        await argo.reconcile()
    assert told in str(failed.value)
    assert argo.applications == {"web": {}}


async def test_a_wrong_token_is_told_in_the_status_of_the_applicationset(client: Client) -> None:
    argo = application_set(client)
    argo.token = "wrong"
    with pytest.raises(PollError, match="API error with status code 401: The token presented"):
        await argo.reconcile()
    argo.token = "ci-secret"
    with pytest.raises(PollError, match="API error with status code 403: The token 'ci' lacks the scope `read`"):
        await argo.reconcile()


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"{", b"\xff", b'{"input":{"parameters":{"env":' + b"[" * 100_000, b'{"input":null}'],
)
async def test_bodies_that_argo_cd_never_sends_are_refused(client: Client, body: bytes) -> None:
    head = f"POST /api/v1/getparams.execute HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    status, answer = await exchange(client.host, client.port or 0, head.encode() + body)
    assert status == 400
    assert json.loads(answer)["message"] == json.loads(answer)["detail"]


async def test_a_flux_url_without_an_environment_is_refused(client: Client) -> None:
    flux = input_provider(client, "service=web")
    status, answer = await exchange(flux.host, flux.port, flux.request())
    assert status == 400
    assert json.loads(answer)["field"] == "environment"


async def test_what_is_too_large_for_the_flux_operator_is_refused_and_can_be_divided(client: Client) -> None:
    long = "a" * 240
    await asyncio.gather(*(declare(client, f"s{number}", f"ghcr.io/{long}/{long}:v1") for number in range(420)))
    flux = input_provider(client)
    flux.exported = [{"id": "s1"}]
    with pytest.raises(PollError, match="returned HTTP 422"):
        await flux.reconcile()
    assert flux.exported == [{"id": "s1"}]
    flux = input_provider(client, "environment=prod&service=s1,s2&service=s3")
    await flux.reconcile()
    assert [each["id"] for each in flux.exported] == ["s1", "s2", "s3"]


async def test_a_client_that_gives_up_leaves_nothing_behind(client: Client, bridge: FakeBridge) -> None:
    await declare(client, "web", "ghcr.io/x/web:1")
    _, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(application_set(client).request()[:-5])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await _both(client)
    await bridge.noticing.finish()
    assert await bridge.log.last_position() == 2


async def test_the_first_poll_of_either_is_recorded_as_the_moment_of_notice(client: Client, bridge: FakeBridge) -> None:
    web = await declare(client, "web", "ghcr.io/x/web:1")
    argo, flux = await _both(client)
    await bridge.noticing.finish()
    await argo.reconcile()
    await flux.reconcile()
    await bridge.noticing.finish()
    story = await (await client.get(f"/api/v1/intents/{web}", headers={"Authorization": f"Bearer {SECRET}"})).json()
    _, notice = story["events"]
    assert notice["kind"] == "observation.reported"
    assert notice["source"] == {"kind": "argocd-plugin", "name": "argocd", "revision": None, "path": "web"}
    said = {"at": "2026-03-02T12:00:00.000000Z", "said_by": "ApplicationSet plugin generator"}
    assert notice["details"] == {"legs": {"noticed": said}, "phase": "noticed"}
    assert await bridge.log.last_position() == 2
