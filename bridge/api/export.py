"""``GET /export``: the log or a part of it, streamed at the client's pace in flat memory."""

from __future__ import annotations

from aiohttp import web

from bridge.api import questions
from bridge.api.endpoint import Call
from bridge.api.streaming import begin_stream

FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


async def export_log(call: Call) -> web.StreamResponse:
    """Every event that the filters let through, up to the newest there is when the call arrives."""
    form = call.query.text("format") or "jsonl"
    headers = {"Content-Disposition": f'attachment; filename="deploybridge-events.{form}"', "X-Accel-Buffering": "no"}
    query = call.query.events(up_to=call.wiring.tail.position)
    stream = await begin_stream(call.request, FORMATS[form], headers)
    if call.request.method == "HEAD":
        return stream
    async for chunk in questions.export_lines(call.wiring.reader, query, form):
        await stream.write(chunk)
    return stream
