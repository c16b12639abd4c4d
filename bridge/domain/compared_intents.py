"""The intents that a comparison counts: a few fields of each, moved on by its conclusions, and the pairs they form.

Memory grows with the intents counted, never with the other events. An intent is counted where it was received in the
range; what is concluded about it later still belongs to it. Partners of a counted shadow are followed without being counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.events import Event, EventKind
from bridge.domain.names import ImageRef, Model, Target
from bridge.domain.outcomes import IntentState, follow

# Why a deployment has no lead time, in the order in which the reasons are looked for: each deployment has at most one.
_EXCLUDING_FLAGS = ("already_running", "backfilled", "repeats", "gap", "clock_skew")
_RAN_BEFORE = "ran_before_observation"
_NO_LIVE_TIME = "no_live_time"
_TO_WITHDRAW = (IntentState.DECLARED, IntentState.APPLYING, IntentState.LATE)


@dataclass(slots=True, kw_only=True)
class ComparedIntent:
    """What the comparison remembers of one intent."""

    model: Model
    target: Target
    source: tuple[str, str] | None = None
    counted: bool = True  # False: followed only because a counted shadow is paired with it
    backfilled: bool = False
    state: IntentState = IntentState.DECLARED
    has_conclusion: bool = False  # shadows have none of their own; a withdrawal is a fact, not a conclusion
    followed: bool = False  # a later intent succeeded, and no conclusion was appended about this one
    late: bool = False
    missed: bool = False
    failed: bool = False
    by_tag: bool = False
    lead_seconds: float | None = None
    excluded: str | None = None  # why its lead time counts nowhere
    live_at: datetime | None = None
    ran: tuple[ImageRef, ...] = ()  # what was seen to run, with the digests that came to be known


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One deployment declared by both models. ``api_ahead_seconds``: how much earlier the API intent was declared."""

    gitops_intent: str
    api_intent: str
    target: Target
    first: str
    api_ahead_seconds: float
    within_window: bool
    counted: bool  # the agreement itself was concluded in the range

    def intent_of(self, model: Model) -> str:
        """The id of that model's intent."""
        return self.gitops_intent if model is Model.GITOPS else self.api_intent

    def lead_of(self, model: Model, *, governing: Model, lead_seconds: float) -> float:
        """The lead time of ``model`` to the live time of the governing intent, whose lead time is given."""
        if model is governing:
            return lead_seconds
        return lead_seconds + (self.api_ahead_seconds if model is Model.API else -self.api_ahead_seconds)


@dataclass(slots=True)
class IntentLedger:
    """Feed it the log in order of position; then read the intents and pairs."""

    intents: dict[str, ComparedIntent] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    _pair_of: dict[str, Pair] = field(default_factory=dict)
    _open: dict[tuple[Target, Model], list[str]] = field(default_factory=dict)  # in order of position
    _declared_after_range: set[str] = field(default_factory=set)

    def counted(self) -> Iterator[tuple[str, ComparedIntent]]:
        """The intents received in the range."""
        return ((intent_id, intent) for intent_id, intent in self.intents.items() if intent.counted)

    def pair_of(self, intent_id: str) -> Pair | None:
        """The pair that the intent is in."""
        return self._pair_of.get(intent_id)

    def declare(self, event: Event, *, counted: bool) -> None:
        """Take in an ``intent.declared``; one that is not counted lies after the range."""
        assert event.target is not None
        assert event.model is not None
        if not counted:
            self._declared_after_range.add(event.id)
            return
        source = (event.source.kind, event.source.name) if event.source is not None else None
        self.intents[event.id] = ComparedIntent(
            model=event.model, target=event.target, source=source, backfilled=event.backfilled
        )
        self._open.setdefault((event.target, event.model), []).append(event.id)

    def withdraw(self, event: Event) -> None:
        """A declaration disappeared: what its source still waited for there is withdrawn."""
        assert event.target is not None
        assert event.model is not None
        source = (event.source.kind, event.source.name) if event.source is not None else None
        still_open = []
        for intent_id in self._open.get((event.target, event.model), ()):
            intent = self.intents[intent_id]
            if intent.source == source and intent.state in _TO_WITHDRAW and not intent.followed:
                intent.state = follow(intent.state, EventKind.INTENT_WITHDRAWN)
            else:
                still_open.append(intent_id)
        self._open[event.target, event.model] = still_open

    def conclude(self, event: Event) -> None:
        """Take in a conclusion about an intent; those about intents that are not followed say nothing here."""
        if event.intent_id is None:
            return
        intent = self.intents.get(event.intent_id)
        if intent is not None and intent.state is not IntentState.SUCCEEDED:
            intent.state = follow(intent.state, event.kind)
            intent.has_conclusion = True
            intent.late |= event.kind is EventKind.DEPLOYMENT_LATE
            intent.missed |= event.kind is EventKind.DEPLOYMENT_MISSED
            intent.failed |= event.kind is EventKind.DEPLOYMENT_FAILED
            if intent.state is IntentState.SUCCEEDED:
                _measure(intent, event)
        if event.kind in {EventKind.DEPLOYMENT_SUCCEEDED, EventKind.TARGET_BASELINE}:
            self._close_followed(event)

    def agree(self, event: Event, *, in_range: bool) -> None:
        """Take in a ``models.agreed``; the first one of an intent holds. Agreeing that nothing should run is no deployment."""
        gitops_intent, api_intent = event.details.get("gitops_intent"), event.details.get("api_intent")
        if not isinstance(gitops_intent, str) or not isinstance(api_intent, str) or not event.artifacts:
            return
        assert event.target is not None
        if not (in_range or gitops_intent in self.intents or api_intent in self.intents):
            return
        first = str(event.details.get("first"))
        ahead_by = seconds_in(event, "ahead_by") or 0.0
        pair = Pair(
            gitops_intent=gitops_intent,
            api_intent=api_intent,
            target=event.target,
            first=first if ahead_by else "tie",
            api_ahead_seconds=ahead_by if first == Model.API else -ahead_by,
            within_window=event.details.get("within_window") is not False,
            counted=in_range,
        )
        if gitops_intent not in self._pair_of and api_intent not in self._pair_of:
            self.pairs.append(pair)
        for model in Model:
            self._pair_of.setdefault(pair.intent_of(model), pair)
            self.intents.setdefault(
                pair.intent_of(model), ComparedIntent(model=model, target=event.target, counted=False)
            )

    def _close_followed(self, event: Event) -> None:
        """What was declared before the one that succeeded, and has no conclusion, was simply followed by it."""
        assert event.intent_id is not None
        for model in Model:
            ids = self._open.get((event.target, model)) if event.target is not None else None
            if not ids:
                continue
            if event.intent_id in ids:
                end = ids.index(event.intent_id) + 1
            elif event.intent_id in self._declared_after_range and event.model is model:
                end = len(ids)
            else:
                continue
            for intent_id in ids[:end]:
                intent = self.intents[intent_id]
                intent.followed = intent_id != event.intent_id and not intent.has_conclusion
            del ids[:end]


def seconds_in(event: Event, key: str) -> float | None:
    """A number of seconds from the details; None where there is none."""
    value = event.details.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _measure(intent: ComparedIntent, event: Event) -> None:
    """Take the lead time from the success, or the reason why it has none that may be compared."""
    flags = event.details
    intent.late |= bool(flags.get("late"))
    intent.missed |= bool(flags.get("missed"))
    intent.failed |= bool(flags.get("failed"))
    intent.by_tag = flags.get("matched_by") == "tag"
    intent.lead_seconds = seconds_in(event, "lead_seconds")
    intent.live_at, intent.ran = event.source_time, event.artifacts
    if event.kind is EventKind.TARGET_BASELINE:
        intent.excluded = _RAN_BEFORE
    else:
        intent.excluded = next((flag for flag in _EXCLUDING_FLAGS if flags.get(flag)), None)
        if intent.excluded is None and intent.lead_seconds is None:
            intent.excluded = _NO_LIVE_TIME
