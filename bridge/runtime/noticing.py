"""Records when CD systems first read intents: beside the answers, through the inbox, once for each intent.

Whoever polls is answered at once; the moment of the poll waits here until it is durable. A crash in between costs it: the
next poll then counts as the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from bridge.clock import Clock
from bridge.domain.desired import StandingIntent
from bridge.domain.facts import ObservationReported
from bridge.domain.legs import DETAIL, tell
from bridge.domain.names import Phase, SourceRef
from bridge.domain.noticing import notice_id
from bridge.errors import Unavailable
from bridge.ports import FactInbox

_AT_ONCE = 256  # notices in one submission
_PAUSE = 1.0  # seconds after the log could not be written


class _Notice(NamedTuple):
    intent: StandingIntent
    at: datetime
    poller: SourceRef
    said_by: str


class Noticing:
    """Implements the API's ``NoticeTaker``. At most one notice an intent waits: of standing intents, that is one a target."""

    def __init__(
        self, *, inbox: FactInbox, clock: Clock, on_recorded: Callable[[Sequence[StandingIntent]], None]
    ) -> None:
        """``on_recorded`` is told of the intents that need not be taken again."""
        self._inbox = inbox
        self._clock = clock
        self._on_recorded = on_recorded
        self._waiting: dict[str, _Notice] = {}
        self._filled = asyncio.Event()

    def take(self, intents: Sequence[StandingIntent], *, poller: SourceRef, said_by: str) -> None:
        """See the protocol."""
        at = self._clock.now()
        for intent in intents:
            if intent.intent_id not in self._waiting:
                self._waiting[intent.intent_id] = _Notice(intent, at, poller, said_by)
        self._filled.set()

    async def run(self) -> None:
        """Record what is taken, as it comes; never returns."""
        while True:
            await self._filled.wait()
            try:
                await self._record_some()
            except Unavailable:  # the recorder has said why; the moments are kept
                await self._clock.sleep(_PAUSE)

    async def finish(self) -> None:
        """Record what still waits, as far as the log can be written now; ``run`` must have ended."""
        try:
            while self._waiting:
                await self._record_some()
        except Unavailable:
            self._waiting.clear()  # the next poll after the start tells it again

    async def _record_some(self) -> None:
        some = list(self._waiting.values())[:_AT_ONCE]
        if some:
            await self._inbox.submit([_fact(each) for each in some])
            for each in some:
                del self._waiting[each.intent.intent_id]
            self._on_recorded([each.intent for each in some])
        if not self._waiting:
            self._filled.clear()


def _fact(notice: _Notice) -> ObservationReported:
    intent = notice.intent
    return ObservationReported(
        id=notice_id(intent.intent_id),
        target=intent.target,
        artifacts=intent.artifacts,
        phase=Phase.NOTICED,
        source=notice.poller,
        source_time=notice.at,
        intent_id=intent.intent_id,
        details={DETAIL: tell(noticed=(notice.at, notice.said_by))},
    )
