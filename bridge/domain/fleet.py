"""All targets together: the surface that the shell feeds and asks, and the order in which deadlines come due.

Feed it (``receive``), tell it that time has passed (``tick``), ask when to come again (``next_deadline``). Given the same facts
at the same moments it concludes the same, whatever time passed in between without being told: a deadline that was
slept over is concluded with the moment it was due.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from bridge.domain import reconciler
from bridge.domain.drift import concerns_governing
from bridge.domain.events import Event, EventKind, derive_id
from bridge.domain.facts import (
    ConfigChanged,
    Fact,
    IntentDeclared,
    IntentWithdrawn,
    ObservationReported,
    SourceLost,
    SourceReturned,
    SourceRewritten,
)
from bridge.domain.names import ImageRef, Model, Phase, Target
from bridge.domain.obligations import blind_since, end_gap
from bridge.domain.policies import Policies
from bridge.domain.target_state import IntentRecord, TargetState
from bridge.domain.turn import Turn, governing_model

RULES_VERSION = "3"  # raise it when equal facts lead to other conclusions or the state's shape changes
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_FACTS_REMEMBERED = 64


@dataclass(slots=True, kw_only=True)
class SourceStatus:
    """The last word on one source, observer or file: ``lost_at`` is None while it can be read."""

    last_id: str = ""
    lost_at: datetime | None = None
    model: Model | None = None
    targets: list[Target] = field(default_factory=list)  # empty: all


@dataclass(slots=True, kw_only=True)
class FleetState:
    """What is remembered besides the targets."""

    now: datetime = _LONG_AGO
    policies: Policies = field(default_factory=Policies)
    config_digest: str = ""
    sources: dict[str, SourceStatus] = field(default_factory=dict)
    recent: list[str] = field(default_factory=list)


class Reception(NamedTuple):
    """What a fact led to: all events to append, in order, and the id of the fact's own event.

    ``appended`` is False for a repetition; ``fact_id`` then names what is repeated, and ``events`` may still hold deadlines
    that had passed.
    """

    events: list[Event]
    fact_id: str
    appended: bool


class Fleet:
    """Every target's machine. Not safe for threads: the recorder owns it."""

    def __init__(self, state: FleetState | None = None, targets: Mapping[Target, TargetState] | None = None) -> None:
        """Start empty, or from a snapshot's parts, which then belong to the fleet."""
        self._state = state or FleetState()
        self._targets: dict[Target, TargetState] = dict(targets or {})
        self._heap: list[tuple[datetime, Target]] = []
        self._scheduled: dict[Target, datetime] = {}
        self._changed: set[Target] = set()
        self._changed_fleet = False
        self.before_change: Callable[[Target], None] | None = None  # told of each target before anything of it changes
        for target, each in self._targets.items():
            _relink(each)
            self._schedule(target)

    # --- feed it ---------------------------------------------------------------------------------------------------

    def receive(self, fact: Fact, *, at: datetime) -> Reception:
        """Take in a fact at our clock's ``at``, which never runs backwards: an earlier one counts as the last one."""
        at = max(at, self._state.now)
        events = self.tick(at) if self._heap else []
        self._state.now = at
        self._changed_fleet = True
        before = len(events)
        match fact:
            case IntentDeclared() | ObservationReported() | IntentWithdrawn():
                turn = self._turn(fact.target, at)
                fact_id = reconciler.receive(turn, fact)
                events += turn.events
                self._schedule(fact.target, turn)
            case SourceLost() | SourceReturned():
                fact_id = self._source_changed(fact, at, events)
            case SourceRewritten():
                fact_id = self._source_rewritten(fact, at, events)
            case _:
                fact_id = self._config_changed(fact, at, events)
        # The event of an accepted fact is the first of its own; a repetition adds none.
        return Reception(events, fact_id, appended=len(events) > before and events[before].id == fact_id)

    def tick(self, at: datetime, *, most: int | None = None) -> list[Event]:
        """Conclude every deadline up to ``at``, in order of their moments; stop after about ``most`` events if given."""
        events: list[Event] = []
        while self._heap and self._heap[0][0] <= at and (most is None or len(events) < most):
            due, target = heapq.heappop(self._heap)
            if self._scheduled.get(target) != due:
                continue
            del self._scheduled[target]
            turn = self._turn(target, max(due, self._state.now))
            actual = reconciler.next_deadline(turn)
            if actual is not None and actual <= due:
                self._state.now = turn.at
                self._changed_fleet = True
                reconciler.tick(turn)
                events += turn.events
            self._schedule(target)
        return events

    # --- ask it ----------------------------------------------------------------------------------------------------

    def next_deadline(self) -> datetime | None:
        """When ``tick`` is next worth calling; it may then find that the deadline has moved."""
        while self._heap and self._scheduled.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    @property
    def policies(self) -> Policies:
        """The limits in force, as the log says."""
        return self._state.policies

    @property
    def config_digest(self) -> str:
        """The digest of the last recorded configuration; empty before the first."""
        return self._state.config_digest

    def standing(self, model: Model, source_name: str) -> dict[Target, tuple[ImageRef, ...]]:
        """What a source declares as far as the log knows: the standing, not withdrawn intents that came from it."""
        found = {}
        for target, state in self._targets.items():
            record = state.of(model).standing
            if record is not None and record.source_name == source_name and not record.withdrawal:
                found[target] = record.artifacts
        return found

    def standing_intents(self, model: Model) -> dict[Target, IntentRecord]:
        """The newest declaration of every target that the model ever declared; it may be a withdrawal. For reading only."""
        found = ((target, state.of(model).standing) for target, state in self._targets.items())
        return {target: record for target, record in found if record is not None}

    def reported(self, observer: str) -> dict[Target, tuple[tuple[ImageRef, ...], Phase]]:
        """What an observer reported last of each target that it ever reported."""
        reports = ((target, state.reports.get(observer)) for target, state in self._targets.items())
        return {target: (report.artifacts, report.phase) for target, report in reports if report is not None}

    def lost_sources(self) -> list[str]:
        """The keys of what is lost ("model:name", "observer:name", with ":path" for one file)."""
        return [key for key, status in self._state.sources.items() if status.lost_at is not None]

    def drifting(self) -> int:
        """How many targets are in an open drift episode."""
        return sum(any(each.opened_id and each.until is None for each in s.episodes) for s in self._targets.values())

    def take_changes(self) -> tuple[FleetState | None, dict[Target, TargetState]]:
        """What changed since the last call, for a snapshot: the caller encodes each target before it changes again."""
        changed = {target: self._targets[target] for target in sorted(self._changed)}
        state = self._state if self._changed_fleet else None
        self._changed.clear()
        self._changed_fleet = False
        return state, changed

    # --- inside ----------------------------------------------------------------------------------------------------

    def _turn(self, target: Target, at: datetime) -> Turn:
        state = self._targets.get(target)
        if state is None:
            state = TargetState(service=target.service, environment=target.environment)
            for key, status in self._state.sources.items():
                if status.lost_at is not None and status.model is not None and not status.targets:
                    state.lost_sources[key] = status.lost_at
            self._targets[target] = state
        self._will_change(target)
        return Turn(state, self._state.policies.policy_of(target.environment), at)

    def _will_change(self, target: Target) -> None:
        if self.before_change is not None:
            self.before_change(target)
        self._changed.add(target)

    def _schedule(self, target: Target, turn: Turn | None = None) -> None:
        if turn is None:
            state = self._targets[target]
            turn = Turn(state, self._state.policies.policy_of(target.environment), self._state.now)
        state = turn.state
        judged = state.observed_from is not None or state.divergence is not None  # not so in an import of history
        due = reconciler.next_deadline(turn) if judged else None
        if due is None:
            self._scheduled.pop(target, None)
        elif self._scheduled.get(target) != due:
            self._scheduled[target] = due
            heapq.heappush(self._heap, (due, target))
            if len(self._heap) > 64 + 4 * len(self._targets):
                self._heap = [(moment, each) for each, moment in self._scheduled.items()]
                heapq.heapify(self._heap)

    def _source_changed(self, fact: SourceLost | SourceReturned, at: datetime, events: list[Event]) -> str:
        key = _source_key(fact)
        status = self._state.sources.setdefault(key, SourceStatus())
        lost = isinstance(fact, SourceLost)
        if lost == (status.lost_at is not None):
            return status.last_id
        kind = EventKind.SOURCE_LOST if lost else EventKind.SOURCE_RETURNED
        fact_id = derive_id(kind, key, status.last_id)
        named = [{"service": target.service, "environment": target.environment} for target in fact.targets]
        events.append(
            Event(
                id=fact_id,
                kind=kind,
                received_at=at,
                target=fact.targets[0] if len(fact.targets) == 1 else None,
                model=fact.model,
                source=fact.source,
                details={**fact.details, "targets": named} if named else fact.details,
            )
        )
        # Whoever lost it gets it back, even if the return names fewer targets than the loss did.
        affected = list(dict.fromkeys((*fact.targets, *status.targets))) or list(self._targets)
        since = status.lost_at
        status.last_id, status.model = fact_id, fact.model
        status.lost_at, status.targets = (at, list(fact.targets)) if lost else (None, [])
        for target in affected:
            turn = self._turn(target, at)
            if lost:
                _lose(turn, key)
            elif since is not None:
                _regain(turn, key)
            self._schedule(target)
        return fact_id

    def _source_rewritten(self, fact: SourceRewritten, at: datetime, events: list[Event]) -> str:
        if fact.id not in self._state.recent:
            self._state.recent.append(fact.id)
            del self._state.recent[:-_FACTS_REMEMBERED]
            kind = EventKind.SOURCE_REWRITTEN
            events.append(
                Event(
                    id=fact.id,
                    kind=kind,
                    received_at=at,
                    model=fact.model,
                    source=fact.source,
                    details=fact.details,
                )
            )
        return fact.id

    def _config_changed(self, fact: ConfigChanged, at: datetime, events: list[Event]) -> str:
        previous = self._state.config_digest
        fact_id = derive_id(EventKind.CONFIG_CHANGED, fact.digest)
        if fact.digest == previous:
            return fact_id
        details = {**fact.details, "digest": fact.digest, "policies": fact.policies.to_details()}
        details.setdefault("previous_digest", previous or None)
        # The same configuration may come back: its id holds what it replaced and when.
        fact_id = derive_id(EventKind.CONFIG_CHANGED, fact.digest, previous, at.isoformat())
        events.append(Event(id=fact_id, kind=EventKind.CONFIG_CHANGED, received_at=at, details=details))
        old, self._state.policies, self._state.config_digest = self._state.policies, fact.policies, fact.digest
        for target, state in self._targets.items():
            before = _governing(old, state)
            after = _governing(fact.policies, state)
            if before is not after:
                self._will_change(target)
                for record in state.of(after).open:
                    if record.watch_from is not None:
                        record.watch_from = max(record.watch_from, at)
            self._schedule(target)
        return fact_id


def _governing(policies: Policies, state: TargetState) -> Model:
    return governing_model(
        policies.policy_of(state.environment),
        gitops_declares=state.gitops.standing is not None,
        api_declares=state.api.standing is not None,
    )


def _source_key(fact: SourceLost | SourceReturned) -> str:
    key = f"{fact.model or 'observer'}:{fact.source.name}"
    return f"{key}:{fact.source.path}" if fact.source.path is not None else key


def _lose(turn: Turn, key: str) -> None:
    kind, _, name = key.partition(":")
    if kind == "observer":
        if name in turn.state.reports:
            turn.state.lost_observers[name] = turn.at
    else:
        turn.state.lost_sources[key] = turn.at


def _regain(turn: Turn, key: str) -> None:
    """The clock of every deadline stood still while nobody could look; now it goes on."""
    state = turn.state
    kind, _, name = key.partition(":")
    if kind == "observer":
        if name not in state.lost_observers:
            return
        blind_from = blind_since(turn)
        del state.lost_observers[name]
        end_gap(turn, blind_from)
        return
    lost_at = state.lost_sources.get(key)
    if lost_at is None:
        return
    if concerns_governing(turn, key):
        for episode in state.episodes:
            for suspicion in episode.suspicions:
                if not suspicion.called:
                    suspicion.grace_from += turn.at - max(lost_at, suspicion.grace_from)
    del state.lost_sources[key]


def _relink(state: TargetState) -> None:
    """One intent is one object again after a snapshot was read: ``open`` holds the true one."""
    for mine in (state.gitops, state.api):
        records = {record.id: record for record in mine.open}
        if mine.standing is not None:
            mine.standing = records.setdefault(mine.standing.id, mine.standing)
        mine.unpaired = [records.setdefault(record.id, record) for record in mine.unpaired]
