from __future__ import annotations

import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.support.fake_bridge import FakeBridge
from tests.support.http_answers import INTENT, OBSERVATION, problem

Client = TestClient[Any, Any]
JSON = {"Content-Type": "application/json"}
INTENTS, OBSERVATIONS = "/api/v1/intents", "/api/v1/observations"


def intent(**changes: Any) -> dict[str, Any]:
    return {**INTENT, **changes}


def observation(**changes: Any) -> dict[str, Any]:
    return {**OBSERVATION, **changes}


COMMIT = {"repository": "r", "sha": "abcdef1"}

FIELDS_AT_FAULT: list[tuple[str, dict[str, Any], str]] = [
    (INTENTS, {"environment": "production", "artifacts": ["a:1"]}, "service"),
    (INTENTS, intent(service=7), "service"),
    (INTENTS, intent(service=""), "service"),
    (INTENTS, intent(service="a b"), "service"),
    (INTENTS, intent(service="x" * 254), "service"),
    (INTENTS, intent(service=None), "service"),
    (INTENTS, intent(environment="/production"), "environment"),
    (INTENTS, intent(environment="prod\u001b[2J"), "environment"),
    (INTENTS, intent(artifacts=[]), "artifacts"),
    (INTENTS, intent(artifacts="ghcr.io/acme/shop:v1"), "artifacts"),
    (INTENTS, intent(artifacts=["a:1"] * 65), "artifacts"),
    (INTENTS, intent(artifacts=["a:1", 3]), "artifacts[1]"),
    (INTENTS, intent(artifacts=["a:1", "ghcr.io/acme/shop"]), "artifacts[1]"),
    (INTENTS, intent(artifacts=["not an image:v1"]), "artifacts[0]"),
    (INTENTS, intent(artifacts=["a:" + "1" * 600]), "artifacts[0]"),
    (INTENTS, intent(artifacts=["a@sha256:abc"]), "artifacts[0]"),
    (INTENTS, intent(artifacts=[{"repository": "a"}]), "artifacts[0]"),
    (INTENTS, intent(artifacts=[{"repository": "a", "tag": 1.10}]), "artifacts[0].tag"),
    (INTENTS, intent(artifacts=[{"image": "a:1"}]), "artifacts[0].image"),
    (INTENTS, intent(reason="because"), "reason"),
    (INTENTS, intent(requested_by=""), "requested_by"),
    (INTENTS, intent(requested_by="ada\n"), "requested_by"),
    (INTENTS, intent(requested_by="x" * 257), "requested_by"),
    (INTENTS, intent(commits=[{"repository": "r"}]), "commits[0].sha"),
    (INTENTS, intent(commits=[{**COMMIT, "sha": "xyz"}]), "commits[0].sha"),
    (INTENTS, intent(commits=[{**COMMIT, "sha": "abcdef1\n"}]), "commits[0].sha"),
    (INTENTS, intent(commits=[{**COMMIT, "committed_at": "2026-03-02T12:00:00"}]), "commits[0].committed_at"),
    (INTENTS, intent(commits=[COMMIT, {**COMMIT, "committed_at": "yesterday"}]), "commits[1].committed_at"),
    (INTENTS, intent(commits=[COMMIT] * 501), "commits"),
    (INTENTS, intent(pipeline={"runid": "7"}), "pipeline.runid"),
    (INTENTS, intent(pipeline={"url": "javascript:alert(1)"}), "pipeline.url"),
    (INTENTS, intent(labels={"a": 1}), "labels[...]"),
    (INTENTS, intent(labels={"": "x"}), "labels"),
    (INTENTS, intent(labels={str(n): "x" for n in range(65)}), "labels"),
    (INTENTS, intent(Environment="production"), "Environment"),
    (INTENTS, intent(artefacts=[]), "artefacts"),
    (OBSERVATIONS, observation(phase="running"), "phase"),
    (OBSERVATIONS, observation(artifacts=[]), "artifacts"),
    (OBSERVATIONS, observation(source_time="2026-03-02T12:00:00"), "source_time"),
    (OBSERVATIONS, observation(source_time=1772359471), "source_time"),
    (OBSERVATIONS, observation(source_time="0001-01-01T00:00:00+14:00"), "source_time"),
    (OBSERVATIONS, observation(observer=""), "observer"),
    (OBSERVATIONS, observation(digest="sha256:ab"), "digest"),
]


@pytest.mark.parametrize(("path", "body", "field"), FIELDS_AT_FAULT)
async def test_a_wrong_body_names_the_field(
    client: Client, bridge: FakeBridge, path: str, body: Any, field: str
) -> None:
    said = await problem(await client.post(path, json=body), 400, "invalid-body")
    assert said["field"] == field
    assert len(said["detail"]) > len(field)
    assert await bridge.log.last_position() == 0


DEEP = 100_000
NO_BODIES = {
    "empty": b"",
    "an array": b"[]",
    "a number": b"7",
    "null": b"null",
    "not JSON": b"service=shop",
    "cut short": b'{"service":"shop"',
    "two documents": json.dumps(INTENT).encode() * 2,
    "not UTF-8": b'{"service":"\xff\xfe"}',
    "a key that is not UTF-8": b'{"\xff":1}',
    "UTF-16": json.dumps(INTENT).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(INTENT).encode(),
    "half a surrogate pair": rb'{"service":"\ud800"}',
    "deep in arrays": b"[" * DEEP + b"]" * DEEP,
    "deep in objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep in a known field": b'{"artifacts":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep in labels": b'{"labels":{"a":' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "a number beyond all bounds": b'{"service":' + b"9" * 5000 + b"}",
    "not a number": b'{"service":NaN}',
}


@pytest.mark.parametrize("path", [INTENTS, OBSERVATIONS])
@pytest.mark.parametrize("body", NO_BODIES.values(), ids=NO_BODIES.keys())
async def test_what_is_no_json_object_in_utf8_is_a_400(client: Client, path: str, body: bytes) -> None:
    await problem(await client.post(path, data=body, headers=JSON), 400, "invalid-body")
    assert (await client.get("/healthz")).status == 200


async def test_a_body_over_one_mebibyte_is_a_413(client: Client) -> None:
    body = json.dumps(intent(labels={"a": "x" * 2**20})).encode()
    await problem(await client.post(INTENTS, data=io.BytesIO(body), headers=JSON), 413, "body-too-large")


async def test_a_body_without_announced_length_is_bounded_too(client: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    await problem(await client.post(INTENTS, data=pieces(), headers=JSON), 413, "body-too-large")


async def test_a_body_of_exactly_one_mebibyte_is_read(client: Client) -> None:
    body = json.dumps(INTENT).encode()
    response = await client.post(INTENTS, data=body + b" " * (2**20 - len(body)), headers=JSON)
    assert response.status == 201


async def test_a_packed_body_is_refused_before_it_is_unpacked(client: Client) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    response = await client.post(INTENTS, data=bomb, headers={**JSON, "Content-Encoding": "gzip"})
    said = await problem(response, 415, "unsupported-media-type")
    assert said["field"] == "Content-Encoding"


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "application/jsonl"],
)
async def test_another_media_type_is_a_415(client: Client, media_type: str) -> None:
    response = await client.post(INTENTS, data=json.dumps(INTENT), headers={"Content-Type": media_type})
    assert (await problem(response, 415, "unsupported-media-type"))["field"] == "Content-Type"


async def test_a_body_without_media_type_is_a_415(client: Client) -> None:
    response = await client.post(INTENTS, data=b"{}", skip_auto_headers=["Content-Type"])
    await problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=UTF-8", "Application/JSON", 'application/json;charset="utf-8"']
)
async def test_spellings_of_the_media_type_are_taken(client: Client, media_type: str) -> None:
    response = await client.post(INTENTS, data=json.dumps(INTENT), headers={"Content-Type": media_type})
    assert response.status == 201


@pytest.mark.parametrize("key", ['""', "x" * 256, '"a', 'a"b', "caf\u00e9", "two words", " "])
async def test_a_malformed_key_is_a_400(client: Client, key: str) -> None:
    response = await client.post(INTENTS, json=INTENT, headers={"Idempotency-Key": key})
    assert (await problem(response, 400, "invalid-header"))["field"] == "Idempotency-Key"


async def test_a_key_sent_twice_is_a_400(client: Client) -> None:
    response = await client.post(INTENTS, json=INTENT, headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    await problem(response, 400, "invalid-header")


PARAMETERS_AT_FAULT = [
    ("/api/v1/events?limit=0", "limit"),
    ("/api/v1/events?limit=1001", "limit"),
    ("/api/v1/events?limit=ten", "limit"),
    ("/api/v1/events?after=-1", "after"),
    ("/api/v1/events?after=" + "9" * 30, "after"),
    ("/api/v1/events?after=%D9%A1", "after"),
    ("/api/v1/events?from=2026-03-02T12:00:00", "from"),
    ("/api/v1/events?to=tomorrow", "to"),
    ("/api/v1/events?kind=intent.declared,deployment.dreamt", "kind"),
    ("/api/v1/events?model=manual", "model"),
    ("/api/v1/events?service=", "service"),
    ("/api/v1/events?environment=a%20b", "environment"),
    ("/api/v1/events?colour=red", "colour"),
    ("/api/v1/events?after=1&after=2", "after"),
    ("/api/v1/state?at=2026-03-02", "at"),
    ("/api/v1/state?known_at=0001-01-01T00:00:00%2B14:00", "known_at"),
    ("/api/v1/state?when=now", "when"),
    ("/api/v1/compare?since=2026-03-02T12:00:00Z&until=2026-03-02T11:00:00Z", "until"),
    ("/api/v1/noise?from=2026-03-02T12:00:00Z&to=2026-03-02T12:00:00Z", "to"),
    ("/api/v1/noise?from=2026-03-02", "from"),
    ("/api/v1/noise?source=", "source"),
    ("/api/v1/noise?service=shop", "service"),
    ("/api/v1/export?format=xlsx", "format"),
    ("/api/v1/intents/abc?wait=30", "wait"),
    ("/api/v1/intents/abc?wait=-1s", "wait"),
    ("/healthz?verbose=1", "verbose"),
]


@pytest.mark.parametrize(("url", "name"), PARAMETERS_AT_FAULT)
async def test_a_wrong_query_parameter_is_named(client: Client, url: str, name: str) -> None:
    said = await problem(await client.get(url), 400, "invalid-parameter")
    assert said["field"] == name


async def test_an_unknown_path_is_a_problem_too(client: Client) -> None:
    said = await problem(await client.get("/api/v1/nothing"), 404, "not-found")
    assert said["instance"] == "/api/v1/nothing"


async def test_a_wrong_method_is_told_which_are_taken(client: Client) -> None:
    response = await client.delete("/api/v1/intents")
    assert response.headers["Allow"] == "POST"
    await problem(response, 405, "method-not-allowed")


async def test_what_was_accepted_before_bad_input_stays(client: Client, bridge: FakeBridge) -> None:
    await client.post(INTENTS, json=INTENT)
    kept = await bridge.log.last_position()
    for body in NO_BODIES.values():
        await client.post(INTENTS, data=body, headers=JSON)
    assert await bridge.log.last_position() == kept
    assert (await bridge.log.verify()).broken is None
