"""``GET /openapi.json``: the description of the API (OpenAPI 3.1), made from the table of calls and the bodies' types."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from aiohttp import web

from bridge.api.endpoint import Answer, Call, Endpoint, json_answer
from bridge.api.problems import (
    CONTENT_TYPE,
    FOREIGN_ORIGIN,
    INTERNAL,
    INVALID_PARAMETER,
    MISSING_SCOPE,
    PROBLEM_TYPES,
    UNAUTHENTICATED,
    ProblemType,
)

DESCRIPTION = web.AppKey("description", bytes)

_IN_PATH = re.compile(r"{(\w+)}")
_EVERY_CALL = (INVALID_PARAMETER, INTERNAL)
_GUARDED_CALL = (UNAUTHENTICATED, MISSING_SCOPE, FOREIGN_ORIGIN)


async def show_description(call: Call) -> web.StreamResponse:
    """The description, made once at start-up."""
    return json_answer(call.request.app[DESCRIPTION])


def describe(calls: Sequence[Endpoint], version: str) -> dict[str, object]:
    """The whole document."""
    bodies = [call.body for call in calls if call.body is not None]
    _, schemas = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, object]] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "deploybridge",
            "version": version,
            "summary": "One append-only log of what was deployed where and when, declared in Git or by API.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _problem_schema()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(call: Endpoint) -> dict[str, object]:
    guarded = call.verb is not None
    operation: dict[str, object] = {
        "operationId": call.name,
        "summary": call.summary,
        "security": [{"token": []}] if guarded else [],
        "responses": _responses(call),
    }
    if call.verb is not None:
        operation["description"] = f"Needs the scope `{call.verb.value}` where tokens are configured."
    if parameters := _parameters(call):
        operation["parameters"] = parameters
    if call.name == "takeDelivery":
        operation["description"] = (
            "Signed with the hook's secret; one without a secret needs a bearer token where there are tokens."
        )
        operation["requestBody"] = {"required": True, "content": {"application/json": {}}}
    if call.body is not None:
        schema = {"$ref": f"#/components/schemas/{call.body.__name__}"}
        content = {"schema": schema, "example": call.body_example}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _parameters(call: Endpoint) -> list[dict[str, object]]:
    described: list[dict[str, object]] = []
    described += [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _IN_PATH.findall(call.path)
    ]
    for parameter in call.parameters:
        entry: dict[str, object] = {
            "name": parameter.name,
            "in": "query",
            "description": parameter.description,
            "schema": parameter.schema,
        }
        described.append({**entry, "explode": True} if parameter.repeatable else entry)
    if call.takes_key:
        text = (
            "The caller's own identity of this request, 1 to 255 printable characters, quoted or not. It never expires."
        )
        described.append({"name": "Idempotency-Key", "in": "header", "description": text, "schema": {"type": "string"}})
    if call.name == "listEvents":
        text = "Where a followed stream goes on: the `id` of the last event seen."
        described.append({"name": "Last-Event-ID", "in": "header", "description": text, "schema": {"type": "integer"}})
    return described


def _responses(call: Endpoint) -> dict[str, object]:
    responses: dict[str, object] = {str(status): _success(call, answer) for status, answer in call.answers.items()}
    by_status: dict[int, list[ProblemType]] = {}
    for problem in (*_EVERY_CALL, *(_GUARDED_CALL if call.verb is not None else ()), *call.problems):
        by_status.setdefault(problem.status, []).append(problem)
    for status, problems in sorted(by_status.items()):
        if str(status) not in responses:
            responses[str(status)] = _failure(problems)
    return responses


def _success(call: Endpoint, answer: Answer) -> dict[str, object]:
    media: dict[str, object] = {} if answer.example is None else {"example": answer.example}
    if answer.content_type is None:
        return {"description": answer.description}
    content = {answer.content_type: media}
    if call.name == "listEvents":
        content["text/event-stream"] = {"schema": {"type": "string"}}
    if call.name == "exportLog":
        content["text/csv"] = {"schema": {"type": "string"}}
    described: dict[str, object] = {"description": answer.description, "content": content}
    if answer.headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
        }
    return described


def _failure(problems: Sequence[ProblemType]) -> dict[str, object]:
    examples = {
        problem.slug: {"value": {"type": problem.uri, "title": problem.title, "status": problem.status}}
        for problem in problems
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    return {"description": "; ".join(problem.title for problem in problems), "content": {CONTENT_TYPE: content}}


def _problem_schema() -> dict[str, object]:
    return {
        "type": "object",
        "description": "RFC 9457. Programs branch on `type`; `field` names the part of the request at fault.",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string", "format": "uri", "enum": [problem.uri for problem in PROBLEM_TYPES]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "field": {"type": "string"},
        },
    }
