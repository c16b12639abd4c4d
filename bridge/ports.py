"""The ports: what the moving room asks of adapters, in the domain's words.

Every port may raise ``Unavailable`` (the caller retries) and ``Stalled`` (parked until a human acts); an event log also
``InvariantBroken`` (stop before writing more); nothing else: foreign exceptions stop inside the adapter. Adapters open as
async context managers and start no task of their own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from bridge.domain.events import Event, EventKind, Track
from bridge.domain.events import RecordedEvent as RecordedEvent  # noqa: PLC0414 - also a word of the ports
from bridge.domain.facts import Fact
from bridge.domain.names import ImageRef, Model, Phase, Target
from bridge.domain.noise import CommitCount, Tally, TallyKey
from bridge.domain.side_notes import Incident, Note, PublicationKey

# --- the event log -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the fleet after ``position``: one JSON text for each part that changed since the last snapshot.

    ``rules`` is the version of the core that wrote it; another version ignores it and replays from the first row. ``position``
    None: that of the last event of the batch that the snapshot comes with.
    """

    rules: str
    parts: Mapping[str, str]
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """One batch: events in order, cursors and counts of sources, notes, and perhaps a snapshot; all or nothing is stored."""

    events: Sequence[Event]
    recorded_at: datetime
    cursors: Mapping[str, str] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    commits: Mapping[str, CommitCount] = field(default_factory=dict)  # by source, to be added to its count
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What a start-up finds: the last position (0: an empty log), the cursors, the newest snapshot and the position it holds for.

    ``received_at`` is that of the newest event: whoever stamps the next ones never goes back behind it.
    """

    position: int
    cursors: Mapping[str, str]
    snapshot: Snapshot | None
    snapshot_position: int
    received_at: datetime | None = None


class EventLog(Protocol):
    """The writer's side. Only the recorder calls it, one call at a time."""

    async def restore(self) -> Restored:
        """Read what a start-up needs; the tail after ``snapshot_position`` is read by ``EventReader.events``."""

    async def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Which of these event ids are in the log."""

    async def append(self, batch: Append) -> int:
        """Store the batch durably in one transaction and return the last position.

        Positions grow by one an event. An event whose id is already there is a bug of the caller: nothing is stored.
        So is a ``received_at`` before that of the event in front of it: questions about a time rely on their order.
        An empty batch with cursors or a snapshot is legal.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events, in order of position; every filter given must hold.

    ``since`` and ``until`` compare ``received_at`` (``since`` <= t < ``until``).
    """

    after: int = 0
    up_to: int | None = None  # last position, inclusive
    since: datetime | None = None
    until: datetime | None = None
    service: str | None = None
    environment: str | None = None
    kinds: frozenset[EventKind] = frozenset()  # empty: all
    model: Model | None = None
    intent_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentQuery:
    """Which incidents: a part of each lies between ``since`` and ``until``; every filter given must hold."""

    since: datetime | None = None
    until: datetime | None = None
    service: str | None = None
    environment: str | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class TrackState:
    """The state of one track of one target at the time asked for: the event that began it."""

    target: Target
    track: Track
    effective_at: datetime
    recorded: RecordedEvent


class EventReader(Protocol):
    """The readers' side: never blocks the writer, sees only whole batches, and may be used by many at once."""

    async def last_position(self) -> int:
        """The position of the newest event; 0 for an empty log."""

    def records(self, query: EventQuery, *, limit: int | None = None) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
        """Chunks of (position, event_v1 record as one line of JSON without newline), streaming; memory stays flat."""

    def events(self, query: EventQuery, *, limit: int | None = None) -> AsyncIterator[Sequence[RecordedEvent]]:
        """The same rows, decoded, in chunks."""

    async def event(self, event_id: str) -> RecordedEvent | None:
        """One event by its id."""

    async def states(
        self,
        *,
        at: datetime,
        known_at: datetime,
        service: str | None = None,
        environment: str | None = None,
    ) -> Sequence[TrackState]:
        """For each target and track, the newest event effective at ``at`` among those received by ``known_at``.

        The cost depends on the number of targets, not on the length of the log.
        """

    async def commit_tallies(self, *, source: str | None = None) -> Sequence[tuple[str, TallyKey, Tally]]:
        """What each source, or one of them, has counted of its commits: source, key, tally, in this order."""

    async def publications(self, artifacts: Sequence[ImageRef]) -> Sequence[tuple[PublicationKey, datetime]]:
        """When these artifacts were published, as far as it was told: by digest where they have one, else by repository and tag."""

    async def incidents(self, query: IncidentQuery) -> Sequence[Incident]:
        """The incidents that the query asks for, newest first."""


# --- sources of intents --------------------------------------------------------------------------------------------


class DeclaredPlace(NamedTuple):
    """One place of a source that declares an image: the file, the pointer in it, and the reference as written."""

    path: str
    pointer: str
    artifact: str


@dataclass(frozen=True, slots=True)
class Dispute:
    """The places of a source declare different images of one repository for a target: all places that declare it now."""

    target: Target
    places: tuple[DeclaredPlace, ...]


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """Facts in order, and the cursor that is true once they are recorded. Empty facts with a cursor are legal."""

    facts: Sequence[Fact]
    cursor: str
    landings: int = 0  # how many landings were read for it, for progress
    caught_up: bool = False  # True on the last batch of a pass
    revision: str | None = None  # the newest landing in it, for people
    commits: CommitCount = field(
        default_factory=CommitCount
    )  # what is to be added to the count of the source's commits
    disputes: Sequence[Dispute] | None = None  # that last, as of its end; None: nothing is said of them


Standing = Mapping[Target, tuple[ImageRef, ...]]  # what the log says this source declares, by target


class IntentSource(Protocol):
    """Reads every intent after a cursor, in order of landing; never skips one."""

    name: str
    model: Model
    poll_interval: float  # seconds

    def read(self, cursor: str | None, standing: Standing) -> AsyncIterator[SourceBatch]:
        """One pass: fetch, then every landing after ``cursor`` (None: first contact) up to the tip; no batch where nothing changed.

        The caller records each batch before asking for the next. Facts already recorded may be yielded again with the same id.
        """

    async def wait_for_change(self, seconds: float) -> None:
        """Return when the source may have changed: on a file-system hint, or after ``seconds``. May be cancelled."""

    def is_meant_by(self, hint: Hint, *, named: bool) -> bool:
        """Whether a pass now may find what the hint speaks of; ``named``: the hook's configuration says it is this repository."""


# --- hooks: what others post ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hint:
    """Somebody says that a repository has changed: it is polled now, and nothing else is believed.

    ``repositories`` are its addresses as the sender writes them (https and ssh, say), or a bare path where it tells no host;
    ``ref`` is whole (``refs/heads/main``), None where the sender names none; ``revision`` is the new tip, None where it is
    deleted or not told.
    """

    repositories: tuple[str, ...]
    ref: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One delivery as it came: header names in lower case, the body unread."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HookMessage:
    """What a delivery says: its event in the sender's word, hints for sources, reports for the log, notes. None of them: a ping.

    A report is ``pushed`` and brings its own id, so that the log knows it when it is delivered again.
    """

    event: str
    hints: tuple[Hint, ...] = ()
    reports: tuple[Fact, ...] = ()
    notes: tuple[Note, ...] = ()


class HookDecoder(Protocol):
    """Reads what one kind of sender posts. Pure: the same request gives the same answer, so that a replay repeats nothing.

    Reports carry ids derived from what they say, or are such that saying them twice changes nothing.
    """

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """Whether the request proves that its sender knows one of ``secrets`` (never empty), compared in constant time.

        Looks at headers and raw bytes only: what is not genuine is never parsed.

        Raises:
            Refused: the proof is of a kind that can't be checked.
        """

    def decode(self, request: HookRequest) -> HookMessage | None:
        """Read a genuine request; None for events that say nothing to a bridge.

        Raises:
            Refused: the body is not what this kind of sender posts.
        """


# --- observers of what runs ------------------------------------------------------------------------------------------


Reported = Mapping[
    Target, tuple[tuple[ImageRef, ...], Phase]
]  # what an observer told last of each target, as the log says


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one feed saw at once. ``judge`` is called exactly once, when everything that the observer saw before is recorded.

    It turns what was seen into facts, in order; none where nothing changed. ``cursor`` is true once they are recorded.
    """

    judge: Callable[[], Sequence[Fact]]
    cursor: str | None = None
    caught_up: bool = (
        False  # nothing is known to be missing: the state was read whole, or the feed goes on where it was
    )
    gap: str | None = None  # why changes before this one may never be known; None: none were missed


class Feed(Protocol):
    """One stream of an observer, such as the Deployments of a cluster. It keeps what it needs to go on between two reads."""

    name: str
    optional: bool  # the observer does without it where it is refused; only /readyz says so

    def read(self, cursor: str | None) -> AsyncGenerator[Sighting, None]:
        """Whatever changed after ``cursor`` (None: first contact), then each change as it happens; it does not end by itself.

        The caller asks for the next sighting when the last one is recorded: a slow log makes a slow reader, and what the other
        side then throws away is found by reading the state again and said as a ``gap``. After an error it is called again.
        """


class Observer(Protocol):
    """Watches a system that deploys. Its feeds are read at the same time; their sightings are judged one after the other.

    It is opened with what the log says that it told last (``Reported``): what is gone since then is to be told too.
    """

    name: str
    feeds: Sequence[Feed]

    def details(self) -> Mapping[str, object]:
        """JSON-ready, for /readyz: versions, what can't be told and why, what no mapping covers. Without secrets."""


# --- the way in, and the way to follow -------------------------------------------------------------------------------


class FactOutcome(NamedTuple):
    """What became of one submitted fact: ``appended`` is False where the log had it already (``event_id`` names it)."""

    event_id: str
    position: int | None  # where it was appended now; None on a repetition
    appended: bool
    received_at: datetime | None = None  # as recorded, where it was appended now


class FactInbox(Protocol):
    """The one door to the recorder, bounded."""

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
        """Return once the facts, their conclusions, the cursor, the count and the notes are durable; one outcome a fact, in order.

        With ``wait`` False a full inbox raises at once. Raises Unavailable: full, closing, or the log can't be written; nothing
        was stored then.
        """


class LogTail(Protocol):
    """Tells readers that the log has grown."""

    @property
    def position(self) -> int:
        """The newest position known to be durable."""

    async def wait_beyond(self, position: int) -> int:
        """Return the newest position once it is greater than ``position``."""
