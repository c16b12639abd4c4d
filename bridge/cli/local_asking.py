"""Asks the log of a configuration directly, read-only: beside a running daemon, or without one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bridge import compose
from bridge.api import questions
from bridge.cli.asking import Answer, EventsPage
from bridge.clock import Clock, SystemClock
from bridge.domain.policies import Policies
from bridge.ports import EventQuery, EventReader

_POLL = 0.5  # seconds between looks at the log's last position while following


@asynccontextmanager
async def open_local(config: Path) -> AsyncIterator[LocalAsking]:
    """Read the configuration and open its log."""
    settings = compose.load(config)
    async with compose.open_reader(settings) as reader:
        yield LocalAsking(reader, settings.policies(), SystemClock())


class LocalAsking:
    """The answers of ``bridge.api.questions``, as the HTTP API gives them."""

    def __init__(self, reader: EventReader, policies: Policies, clock: Clock) -> None:
        self._reader = reader
        self._policies = policies
        self._clock = clock

    async def state(
        self, *, at: datetime | None, known_at: datetime | None, service: str | None, environment: str | None
    ) -> Answer:
        """What each target ran and was meant to run."""
        now = self._clock.now()
        return await questions.answer_state(
            self._reader,
            at=at or now,
            known_at=known_at or now,
            service=service,
            environment=environment,
            policies=self._policies,
        )

    async def compare(
        self, *, since: datetime | None, until: datetime | None, service: str | None, environment: str | None
    ) -> Answer:
        """How the two models did."""
        return await questions.answer_compare(
            self._reader,
            since=since,
            until=until,
            service=service,
            environment=environment,
            policies=self._policies,
            now=self._clock.now(),
        )

    async def noise(self, *, since: datetime | None, until: datetime | None, source: str | None) -> Answer:
        """Which share of the sources' commits is noise."""
        return await questions.answer_noise(
            self._reader, since=since, until=until, source=source, now=self._clock.now()
        )  # fmt: skip

    async def events(self, query: EventQuery, limit: int) -> EventsPage:
        """One page of the log."""
        records, following = await questions.list_events(self._reader, query, limit)
        return EventsPage(records, following, await self._reader.last_position())

    async def follow(self, query: EventQuery) -> AsyncGenerator[bytes, None]:
        """Look at the last position twice a second; read only when it has grown."""
        after = query.after
        while True:
            if (last := await self._reader.last_position()) > after:
                async for chunk in self._reader.records(replace(query, after=after, up_to=last), limit=None):
                    for _, record in chunk:
                        yield record
                after = last
            await self._clock.sleep(_POLL)

    def export(self, query: EventQuery, form: str) -> AsyncIterator[bytes]:
        """The matching records, streaming."""
        return questions.export_lines(self._reader, query, form)
