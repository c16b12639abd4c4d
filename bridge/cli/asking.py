"""One way to ask for both places a verb can read from: a bridge over HTTP, or its log on this machine.

Both give the same JSON, so that no verb needs to know which it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.cli.origin import Origin
from bridge.ports import EventQuery

Answer = dict[str, object]  # JSON, decoded


@dataclass(frozen=True, slots=True)
class EventsPage:
    """Records as lines of JSON, and the position to go on after; None: no more now."""

    records: list[bytes]
    next: int | None
    last_position: int


class Asking(Protocol):
    """What verbs ask. Raises Refused (the question is wrong) and Unavailable (nobody can answer now)."""

    async def state(
        self, *, at: datetime | None, known_at: datetime | None, service: str | None, environment: str | None
    ) -> Answer:
        """What each target ran and was meant to run; None: now."""

    async def compare(
        self, *, since: datetime | None, until: datetime | None, service: str | None, environment: str | None
    ) -> Answer:
        """How the two models did."""

    async def noise(self, *, since: datetime | None, until: datetime | None, source: str | None) -> Answer:
        """Which share of the sources' commits is noise."""

    async def events(self, query: EventQuery, limit: int) -> EventsPage:
        """One page of the log."""

    def follow(self, query: EventQuery) -> AsyncGenerator[bytes, None]:
        """Every matching record after ``query.after``, and from then on each as it is appended; never ends."""

    def export(self, query: EventQuery, form: str) -> AsyncIterator[bytes]:
        """The matching records as jsonl or csv, in chunks of whole lines."""


@asynccontextmanager
async def open_asking(origin: Origin) -> AsyncIterator[Asking]:
    """Open the place that ``origin`` names."""
    if origin.url is not None:
        from bridge.cli.http_asking import HttpAsking  # noqa: PLC0415 - half a second less for those who read locally

        async with HttpAsking.open(origin.url, origin.token) as asking:
            yield asking
    else:
        from bridge.cli.local_asking import open_local  # noqa: PLC0415 - as above, the other way round

        assert origin.config is not None, "an origin is a URL or a configuration"
        async with open_local(origin.config) as asking:
            yield asking
