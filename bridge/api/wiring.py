"""What the HTTP API is handed: ports, the present configuration as functions, and nothing that it could reach further with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from aiohttp import web

from bridge.api.auth import Token
from bridge.clock import Clock
from bridge.domain.desired import StandingIntent
from bridge.domain.names import SourceRef, Target
from bridge.domain.policies import Policies
from bridge.ports import DeclaredPlace, EventReader, FactInbox, Hint, HookDecoder, LogTail


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Whether the daemon can do its work; ``details`` is JSON-ready and holds no secret, for it is shown to anybody."""

    ready: bool
    details: Mapping[str, object]


class HttpMetrics(Protocol):
    """What the API counts, and what it shows at ``/metrics``."""

    def http(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered; ``route`` is the pattern, never the path, so that there are few."""

    def hook(self, name: str, outcome: str) -> None:
        """A delivery to a configured hook had one of a few outcomes."""

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Every metric in the text format that ``accept`` prefers, and its content type."""


class DesiredReader(Protocol):
    """What should run by the API model, from memory: only what is durable, as of now."""

    @property
    def loaded(self) -> bool:
        """Whether it is known at all; until then nobody may be answered."""

    @property
    def environments(self) -> Collection[str]:
        """Those in which something was ever declared by API."""

    def version(self, environment: str | None) -> int:
        """Grows whenever something else is desired there (None: anywhere)."""

    def intents(self, environment: str | None) -> Sequence[StandingIntent]:
        """The standing intents, by environment and service."""

    def unnoticed(self, environment: str | None) -> Sequence[StandingIntent]:
        """Those of them that no CD system is known to have read, in no order."""

    async def wait_beyond(self, environment: str | None, version: int) -> None:
        """Return once the version is greater."""


class NoticeTaker(Protocol):
    """Records that a CD system has read intents, beside whatever answers it: nobody waits for the record."""

    def take(self, intents: Sequence[StandingIntent], *, poller: SourceRef, said_by: str) -> None:
        """They were read now, for the first time as far as is known; ``said_by`` says in a few words how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One configured hook. ``read_secrets`` may block on a file and raise Stalled; no secrets: a bearer token is needed instead."""

    name: str
    decoder: HookDecoder
    read_secrets: Callable[[], Sequence[str]]
    wakes: Sequence[str] = ()  # names of sources; empty: those that the pushed repository belongs to


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiWiring:
    """Everything the API may use. The functions are asked at each request, so that a reloaded configuration holds at once."""

    inbox: FactInbox
    tail: LogTail
    reader: EventReader
    clock: Clock
    metrics: HttpMetrics
    tokens: Callable[[], Sequence[Token]]
    health: Callable[[], HealthReport]
    policies: Callable[[], Policies]
    desired: DesiredReader
    notices: NoticeTaker
    may_be_empty: Callable[[str], bool]  # whether CD systems may be told that nothing should run in an environment
    intents_allowed: Callable[[], bool]
    hook: Callable[[str], Hook | None]
    wake: Callable[
        [Sequence[str], Sequence[Hint]], Sequence[str]
    ]  # names (empty: by address) -> the sources that poll now
    version: str
    disputes: Callable[[], Mapping[Target, Sequence[DeclaredPlace]]] = dict  # whose places in one source disagree now
    heartbeat: timedelta = timedelta(seconds=15)  # proxies commonly cut what is silent for 30 to 60 s


# Set when the daemon begins to end: followed streams and long polls answer with what they have.
STOPPING = web.AppKey("stopping", asyncio.Event)
