"""Answers sent piece by piece: begun here, so that one that fails half-way is cut off and never looks complete."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

_STREAM = web.RequestKey("stream", web.StreamResponse)


async def begin_stream(request: web.Request, content_type: str, headers: Mapping[str, str]) -> web.StreamResponse:
    """Send the head of a streamed answer; ``write`` on it waits while the client is slow."""
    stream = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store", **headers})
    await stream.prepare(request)
    request[_STREAM] = stream
    return stream


def cut_stream(request: web.Request) -> web.StreamResponse | None:
    """Close the connection under a begun stream, without the end mark that would call it whole; None if none was begun."""
    stream = request.get(_STREAM)
    if stream is not None and request.transport is not None:
        request.transport.abort()
    return stream
