"""``GET /incidents``: what alerting reported, newest first."""

from __future__ import annotations

import msgspec
from aiohttp import web

from bridge.api.endpoint import Call, json_answer
from bridge.api.parameters import PAGE
from bridge.domain.side_notes import Incident
from bridge.formats.state_v1 import encode_time
from bridge.ports import IncidentQuery


async def list_incidents(call: Call) -> web.StreamResponse:
    """The incidents of which a part lies in the range asked for."""
    query = IncidentQuery(
        since=call.query.time("since"),
        until=call.query.time("until"),
        service=call.query.text("service"),
        environment=call.query.text("environment"),
        limit=call.query.number("limit") or PAGE,
    )
    found = await call.wiring.reader.incidents(query)
    return json_answer(msgspec.json.encode({"incidents": [_encode(incident) for incident in found]}))


def _encode(incident: Incident) -> dict[str, object]:
    target = incident.target
    return {
        "id": incident.id,
        "title": incident.title,
        "severity": incident.severity,
        "service": target.service if target is not None else None,
        "environment": target.environment if target is not None else None,
        "started_at": encode_time(incident.started_at),
        "ended_at": encode_time(incident.ended_at),
        "source": {"kind": incident.source.kind, "name": incident.source.name},
    }
