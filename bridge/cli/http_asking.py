"""Asks a bridge over HTTP; following survives lost connections."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import aiohttp
import msgspec

from bridge.cli.asking import Answer, EventsPage
from bridge.cli.event_stream import EventStream
from bridge.cli.http_calls import Params, call, open_session, read_json
from bridge.clock import Clock, SystemClock
from bridge.domain.times import format_time
from bridge.errors import Refused, Unavailable
from bridge.ports import EventQuery

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between attempts to reconnect


class _Page(msgspec.Struct):
    events: list[msgspec.Raw]
    next: int | None
    last_position: int


class HttpAsking:
    """The questions of ``Asking``, as calls to ``/api/v1``."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: Clock) -> None:
        self._session = session
        self._api = f"{url}/api/v1"
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, token: str | None) -> AsyncIterator[HttpAsking]:
        """Open a session; nothing is sent yet."""
        async with open_session(url, token) as session:
            yield cls(session, url, SystemClock())

    async def state(
        self, *, at: datetime | None, known_at: datetime | None, service: str | None, environment: str | None
    ) -> Answer:
        """``GET /state``."""
        times = _times(at=at, known_at=known_at)
        return await self._json("/state", [*times, *_words(service=service, environment=environment)])

    async def compare(
        self, *, since: datetime | None, until: datetime | None, service: str | None, environment: str | None
    ) -> Answer:
        """``GET /compare``."""
        times = _times(since=since, until=until)
        return await self._json("/compare", [*times, *_words(service=service, environment=environment)])

    async def noise(self, *, since: datetime | None, until: datetime | None, source: str | None) -> Answer:
        """``GET /noise``."""
        times = _times(**{"from": since, "to": until})
        return await self._json("/noise", [*times, *_words(source=source)])

    async def events(self, query: EventQuery, limit: int) -> EventsPage:
        """``GET /events``."""
        params = [*_filters(query), ("after", str(query.after)), ("limit", str(limit))]
        async with call(self._session, "GET", f"{self._api}/events", params=params) as response:
            body = await response.read()
        try:
            page = msgspec.json.decode(body, type=_Page)
        except msgspec.DecodeError:
            raise Refused(f"{self._api} answered, but not as a bridge does: check the URL") from None
        return EventsPage([bytes(record) for record in page.events], page.next, page.last_position)

    async def follow(self, query: EventQuery) -> AsyncGenerator[bytes, None]:
        """``GET /events`` as a stream, opened again after the last record seen whenever it breaks.

        Raises:
            Unavailable: the first connection fails; later ones are tried until the caller stops.
        """
        after, pause, opened, lost = query.after, _FIRST_PAUSE, False, False
        while True:
            try:
                async with self._stream(query, after) as response:
                    if lost:
                        print("the bridge is back", file=sys.stderr)
                    opened, lost, pause = True, False, _FIRST_PAUSE
                    async for position, record in _records(response):
                        after = position
                        yield record
            except Unavailable as error:
                if not opened:
                    raise
                if not lost:
                    print(f"{error}; trying again", file=sys.stderr)
                lost = True
            await self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def export(self, query: EventQuery, form: str) -> AsyncIterator[bytes]:
        """``GET /export``, streaming."""
        params = [*_filters(query), ("after", str(query.after)), ("format", form)]
        async with call(self._session, "GET", f"{self._api}/export", params=params) as response:
            async for chunk in response.content.iter_any():
                yield chunk

    async def _json(self, path: str, params: Params) -> Answer:
        async with call(self._session, "GET", self._api + path, params=params) as response:
            return await read_json(response)

    @asynccontextmanager
    async def _stream(self, query: EventQuery, after: int) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        params = [*_filters(query), ("after", str(after))]
        async with call(self._session, "GET", f"{self._api}/events", params=params, headers=headers) as response:
            yield response


async def _records(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[int, bytes]]:
    stream = EventStream()
    async for chunk in response.content.iter_any():
        for event in stream.feed(chunk):
            if event.id is not None and event.id.isdecimal():
                yield int(event.id), event.data


def _filters(query: EventQuery) -> Params:
    words = _words(service=query.service, environment=query.environment, model=query.model)
    kinds = [("kind", kind.value) for kind in sorted(query.kinds)]
    return [*words, *kinds, *_times(**{"from": query.since, "to": query.until})]


def _words(**given: str | None) -> Params:
    return [(name, str(value)) for name, value in given.items() if value is not None]


def _times(**given: datetime | None) -> Params:
    return [(name, format_time(value)) for name, value in given.items() if value is not None]
