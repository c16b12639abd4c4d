"""Proving a chain of ``event/1`` bodies: nothing changed, nothing cut out, nothing put in between.

What a chain can't prove by itself is that its end is still there: whoever wants that compares the last hash with one
noted before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.events import Event
from bridge.formats.event_v1 import GENESIS, chain_hash, decode_body


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedColumns:
    """The parts of an event that a log keeps beside the body to find it by. They must say what the body says."""

    id: str
    kind: str
    model: str | None
    service: str | None
    environment: str | None
    received_at: datetime
    intent_id: str | None

    @classmethod
    def of(cls, event: Event) -> IndexedColumns:
        """What the columns of ``event`` should hold."""
        return cls(
            id=event.id,
            kind=event.kind.value,
            model=None if event.model is None else event.model.value,
            service=None if event.target is None else event.target.service,
            environment=None if event.target is None else event.target.environment,
            received_at=event.received_at,
            intent_id=event.intent_id,
        )


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row as a log holds it, believed in nothing yet."""

    position: int
    body: bytes
    previous_hash: str
    hash: str
    columns: IndexedColumns


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first row that does not hold, and why."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChainProof:
    """How far the chain holds: ``count`` events, the last with ``last_hash``; ``broken`` None: to the end."""

    count: int
    last_hash: str
    broken: ChainBreak | None = None


class ChainWalk:
    """Walks the rows in order of position from the first one, and stops at the first that does not hold."""

    def __init__(self) -> None:
        self._count = 0
        self._last_hash = GENESIS
        self._received_at: datetime | None = None
        self._broken: ChainBreak | None = None

    @property
    def proof(self) -> ChainProof:
        """What is proved so far."""
        return ChainProof(self._count, self._last_hash, self._broken)

    def step(self, row: StoredRow) -> bool:
        """Check the next row; False: it does not hold, and the walk is over."""
        reason = self._fault(row)
        if reason is not None:
            self._broken = ChainBreak(row.position, reason)
            return False
        self._count += 1
        self._last_hash = row.hash
        self._received_at = row.columns.received_at
        return True

    def expect_at_least(self, position: int) -> None:
        """Something that the log wrote with the event at ``position`` is there, so the chain must reach it."""
        if self._broken is None and self._count < position:
            reason = (
                f"the log ends here, but its snapshot was taken at position {position}: rows at the end were cut off"
            )
            self._broken = ChainBreak(self._count + 1, reason)

    def _fault(self, row: StoredRow) -> str | None:
        expected = self._count + 1
        if row.position != expected:
            return f"position {expected} was expected here: rows were cut out or put in"
        if row.previous_hash != self._last_hash:
            return "previous_hash is not the hash of the row before: a row was cut out, put in or replaced"
        if row.hash != chain_hash(row.previous_hash, row.body):
            return "the hash is not that of the body: the body or the hash was changed"
        try:
            content = decode_body(row.body)
        except ValueError as error:
            return f"the body can't be read: {error}"
        if content.position != row.position:
            return f"the body says it is at position {content.position}"
        told = IndexedColumns.of(content.event)
        if differing := [
            name for name in IndexedColumns.__slots__ if getattr(told, name) != getattr(row.columns, name)
        ]:
            return f"columns that disagree with the body: {', '.join(differing)}"
        if self._received_at is not None and row.columns.received_at < self._received_at:
            return "received_at is earlier than that of the row before"
        return None
