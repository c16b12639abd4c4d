from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient

from bridge.api.app import build_app
from bridge.api.calls import CALLS
from bridge.api.problems import PROBLEM_TYPES
from tests.support.fake_bridge import FakeBridge

Client = TestClient[Any, Any]


async def describe(client: Client) -> dict[str, Any]:
    described: dict[str, Any] = await (await client.get("/openapi.json")).json()
    return described


async def test_what_is_described_is_what_is_served(client: Client, bridge: FakeBridge) -> None:
    described = await describe(client)
    paths = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    routes = build_app(bridge.wiring()).router.routes()
    served = {(route.method, route.resource.canonical) for route in routes if route.resource is not None}
    assert {each for each in served if each[0] != "HEAD"} == paths == {(call.method, call.path) for call in CALLS}
    assert described["openapi"] == "3.1.0"
    assert described["info"]["version"] == "0.0.test"


async def test_every_reference_leads_somewhere(client: Client) -> None:
    described = await describe(client)
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            found.extend([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(described)
    assert "#/components/schemas/IntentBody" in found
    for reference in found:
        node: Any = described
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


async def test_every_call_describes_its_failures(client: Client) -> None:
    described = await describe(client)
    operation = described["paths"]["/api/v1/intents"]["post"]["responses"]
    assert set(operation) == {"200", "201", "400", "401", "403", "409", "413", "415", "422", "500", "503"}
    known = {problem.slug for problem in PROBLEM_TYPES}
    for methods in described["paths"].values():
        for call in methods.values():
            for status, response in call["responses"].items():
                if status.startswith(("4", "5")) and "application/problem+json" in response["content"]:
                    assert set(response["content"]["application/problem+json"]["examples"]) <= known


async def test_problem_types_are_distinct() -> None:
    assert len({problem.uri for problem in PROBLEM_TYPES}) == len(PROBLEM_TYPES)


async def test_the_bodies_shown_as_examples_are_taken(client: Client) -> None:
    described = await describe(client)
    for path in ("/api/v1/intents", "/api/v1/observations"):
        operation = described["paths"][path]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        response = await client.post(path, json=example)
        assert response.status == 201, await response.text()
        shown = operation["responses"]["201"]["content"]["application/json"]["example"]
        assert (await response.json()).keys() == shown.keys()


async def test_the_bodies_refuse_unknown_fields_in_the_description_too(client: Client) -> None:
    schemas = (await describe(client))["components"]["schemas"]
    for name in ("IntentBody", "CommitBody", "PipelineBody", "ArtifactBody", "ObservationBody"):
        assert schemas[name]["additionalProperties"] is False
