"""``GET /events``: the log in pages, or followed as server-sent events from any position."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from bridge.api import questions
from bridge.api.endpoint import Call, json_answer
from bridge.api.parameters import LAST_POSITION, PAGE, parse_whole_number
from bridge.api.problems import INVALID_HEADER, INVALID_PARAMETER, Problem
from bridge.api.streaming import begin_stream
from bridge.api.waiting import wait_for_growth
from bridge.api.wiring import STOPPING

_RETRY_MILLISECONDS = 2000  # how soon a client that lost its connection comes back


class _Kind(msgspec.Struct):
    """The one part of a record that the stream needs."""

    kind: str


_KIND = msgspec.json.Decoder(_Kind)


async def list_events(call: Call) -> web.StreamResponse:
    """A page of events, or a stream where the client accepts ``text/event-stream``."""
    if "text/event-stream" in call.request.headers.get("Accept", "").lower():
        return await _follow(call)
    newest = call.wiring.tail.position
    records, cursor = await questions.list_events(
        call.wiring.reader, call.query.events(), call.query.number("limit") or PAGE
    )
    following = b"null" if cursor is None else b"%d" % cursor
    body = b'{"events":[%b],"next":%b,"last_position":%d}' % (b",".join(records), following, newest)
    headers = {}
    if cursor is not None:
        url = call.request.rel_url.update_query(after=str(cursor))
        headers["Link"] = f'<{url}>; rel="next"'
    return json_answer(body, headers=headers)


async def _follow(call: Call) -> web.StreamResponse:
    """Send every event after the cursor, then each as it is appended, until the client or the daemon goes.

    The stream reads the log by position at the client's pace: a slow one holds one chunk, and nothing is dropped for it.
    """
    cursor = _starting_point(call)
    stream = await begin_stream(call.request, "text/event-stream", {"X-Accel-Buffering": "no"})
    if call.request.method == "HEAD":
        return stream
    newest = call.wiring.tail.position
    await stream.write(b"retry: %d\n: the log is at %d\n\n" % (_RETRY_MILLISECONDS, newest))
    if cursor is None:
        cursor = newest
    elif cursor > newest:
        await stream.write(b'event: gap\ndata: {"asked_after":%d,"last_position":%d}\n\n' % (cursor, newest))
        cursor = newest
    await _send_as_it_grows(call, stream, cursor, call.request.app[STOPPING])
    return stream


async def _send_as_it_grows(call: Call, stream: web.StreamResponse, position: int, stopping: asyncio.Event) -> None:
    heartbeat = call.wiring.heartbeat.total_seconds()
    while not stopping.is_set():
        grown = await wait_for_growth(call.wiring, position, stopping, heartbeat)
        if grown is None:
            await stream.write(b":\n\n")
            continue
        async for chunk in call.wiring.reader.records(call.query.events(after=position, up_to=grown)):
            await stream.write(b"".join(_as_sent(number, record) for number, record in chunk))
            if stopping.is_set():
                return
        position = grown


def _as_sent(position: int, record: bytes) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (position, _KIND.decode(record).kind.encode(), record)


def _starting_point(call: Call) -> int | None:
    """The cursor to go on from: the browser's ``Last-Event-ID`` is newer than the ``after`` of its first call."""
    if call.query.number("limit") is not None:
        detail = "limit: a followed stream has no end; leave it out, or read pages with Accept: application/json."
        raise Problem(INVALID_PARAMETER, detail, "limit")
    last_seen = call.request.headers.get("Last-Event-ID")
    if not last_seen:
        return call.query.number("after")
    try:
        return parse_whole_number(last_seen, 0, LAST_POSITION)
    except ValueError as error:
        raise Problem(INVALID_HEADER, f"Last-Event-ID: {error}.", "Last-Event-ID") from None
