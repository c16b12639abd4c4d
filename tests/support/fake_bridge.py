"""A bridge without its moving parts: the real core over a log in memory, behind the real HTTP API."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.api.app import ApiWiring
from bridge.api.auth import Token
from bridge.api.wiring import HealthReport, Hook
from bridge.domain.events import Event
from bridge.domain.facts import Fact
from bridge.domain.fleet import Fleet
from bridge.domain.noise import CommitCount
from bridge.domain.policies import Policies
from bridge.domain.side_notes import Note
from bridge.errors import Unavailable
from bridge.formats.scopes import parse_scope
from bridge.ports import Append, FactOutcome, Hint
from bridge.runtime.desired import DesiredState
from bridge.runtime.noticing import Noticing
from bridge.runtime.tail import Tail
from bridge.telemetry.metrics import Metrics
from tests.support.fake_clock import FakeClock
from tests.support.memory_log import MemoryLog


class WatchedClock(FakeClock):
    """A fake clock that tells when somebody sleeps on it."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self._slept = asyncio.Event()

    async def sleep_until(self, when: datetime) -> None:
        self._slept.set()
        await super().sleep_until(when)

    async def somebody_sleeps(self) -> None:
        """Return when somebody went to sleep since the last call."""
        await self._slept.wait()
        self._slept.clear()


NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def token(name: str, secret: str, *scopes: str) -> Token:
    """A configured token for the client that presents ``secret``."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return Token(name, f"sha256:{digest}", tuple(parse_scope(scope) for scope in scopes))


@dataclass
class FakeBridge:
    """Implements ``FactInbox``: a fact is concluded upon and appended when it is submitted.

    ``gate`` holds submissions back while it is cleared; ``refusal`` is raised instead of recording.
    """

    clock: WatchedClock = field(default_factory=lambda: WatchedClock(NOON))
    log: MemoryLog = field(default_factory=MemoryLog)
    tail: Tail = field(default_factory=Tail)
    metrics: Metrics = field(default_factory=Metrics)
    tokens: Sequence[Token] = ()
    health: HealthReport = field(default_factory=lambda: HealthReport(ready=True, details={"status": "ok"}))
    intents_allowed: bool = True
    refusal: Exception | None = None
    fleet: Fleet = field(default_factory=Fleet)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    hooks: dict[str, Hook] = field(default_factory=dict)
    meant: Sequence[str] = ("infra",)  # the sources that hints by address mean
    hints: list[Hint] = field(default_factory=list)
    policies: Policies = field(default_factory=Policies)
    may_be_empty: set[str] = field(default_factory=set)  # environments
    desired: DesiredState = field(default_factory=DesiredState)
    noticing: Noticing = field(init=False)  # nobody runs it: a test that waits for notices calls its `finish`

    def __post_init__(self) -> None:
        self.desired.restored(self.fleet)
        self.noticing = Noticing(inbox=self, clock=self.clock, on_recorded=self.desired.noticed)
        self.gate.set()

    def wiring(self) -> ApiWiring:
        """What ``build_app`` is handed."""
        return ApiWiring(
            inbox=self,
            tail=self.tail,
            reader=self.log,
            clock=self.clock,
            metrics=self.metrics,
            tokens=lambda: self.tokens,
            health=lambda: self.health,
            policies=lambda: self.policies,
            desired=self.desired,
            notices=self.noticing,
            may_be_empty=self.may_be_empty.__contains__,
            intents_allowed=lambda: self.intents_allowed,
            hook=self.hooks.get,
            wake=self._wake,
            version="0.0.test",
        )

    def _wake(self, names: Sequence[str], hints: Sequence[Hint]) -> Sequence[str]:
        self.hints += hints
        return (names or self.meant) if hints else ()

    async def submit(
        self,
        facts: Sequence[Fact],
        *,
        source: str | None = None,
        cursor: str | None = None,
        commits: CommitCount | None = None,
        notes: Sequence[Note] = (),
        wait: bool = True,
    ) -> Sequence[FactOutcome]:
        del source, cursor, commits, wait
        self.arrived.set()
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        if notes:
            await self.log.append(Append((), self.clock.now(), notes=notes))
        return [await self._receive(fact) for fact in facts]

    async def _receive(self, fact: Fact) -> FactOutcome:
        at = self.clock.now()
        given = getattr(fact, "id", None)
        if given is not None and await self.log.known([given]):
            return FactOutcome(given, None, appended=False)
        reception = self.fleet.receive(fact, at=at)
        await self.append(reception.events)
        if not reception.appended:
            return FactOutcome(reception.fact_id, None, appended=False)
        stored = await self.log.event(reception.fact_id)
        assert stored is not None
        return FactOutcome(reception.fact_id, stored.position, appended=True, received_at=at)

    async def append(self, events: Sequence[Event]) -> None:
        """Put events into the log as they are and wake who follows it."""
        position = await self.log.append(Append(events, self.clock.now()))
        self.metrics.recorded(events, position, 0.001)
        self.desired.recorded(events)
        self.tail.advance(position)


def full() -> Unavailable:
    """What a full inbox says."""
    return Unavailable("8192 facts wait to be recorded already: try again")
