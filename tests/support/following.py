"""Follows a running daemon as its users do: the log as a stream of events, and whether it is ready."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

LIMIT = 25.0  # seconds for any wait; a landing takes less than one on an idle machine

Record = dict[str, Any]


@dataclass
class Follower:
    """Follows the log of a daemon from its first event, whichever process serves it."""

    http: aiohttp.ClientSession
    url: str
    records: list[Record] = field(default_factory=list)

    async def until(self, wanted: Callable[[Record], bool]) -> Record:
        """The first event, from the beginning of the log, that is wanted."""
        for record in self.records:
            if wanted(record):
                return record
        after = self.records[-1]["position"] if self.records else 0
        headers = {"Accept": "text/event-stream"}
        async with (
            asyncio.timeout(LIMIT),
            self.http.get(f"{self.url}/api/v1/events?after={after}", headers=headers) as stream,
        ):
            async for line in stream.content:
                if line.startswith(b"data:"):
                    self.records.append(json.loads(line[5:]))
                    if wanted(self.records[-1]):
                        return self.records[-1]
        raise AssertionError("the stream ended")

    async def declared(self, name: str, service: str = "shop") -> Record:
        return await self.until(lambda record: words(record).endswith(f"/{service} {name}"))

    async def kind(self, kind: str, count: int = 1) -> Record:
        """The event that is the ``count``-th of its kind."""
        seen: list[Record] = []

        def wanted(record: Record) -> bool:
            if record["kind"] == kind:
                seen.append(record)
            return len(seen) == count

        return await self.until(wanted)

    @property
    def intents(self) -> list[str]:
        """Every intent so far, in words."""
        return [words(record) for record in self.records if record["kind"].startswith("intent.")]

    async def ready(self) -> Record:
        async with self.http.get(f"{self.url}/readyz") as answer:
            assert answer.status == 200
            report: Record = await answer.json()
            return report

    async def takes_observations(self) -> None:
        """The rest of the bridge works."""
        body = {
            "service": "other",
            "environment": "production",
            "artifacts": ["ghcr.io/acme/other:v1"],
            "phase": "live",
        }
        async with self.http.post(f"{self.url}/api/v1/observations", json={**body, "observer": "cd"}) as answer:
            assert answer.status in {200, 201, 202}, await answer.text()


def words(record: Record) -> str:
    if not record["kind"].startswith("intent."):
        return str(record["kind"])
    tags = "+".join(each["tag"] for each in record["artifacts"]) if record["kind"] == "intent.declared" else "-"
    return f"{record['environment']}/{record['service']} {tags}"
