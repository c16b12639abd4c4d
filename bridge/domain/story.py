"""The story of one intent: the state it is in, how long it took, and one plain sentence that says why.

The shell gathers the events (its own conclusions, a later withdrawal, the pair of a shadow, who overtook it); here they are
only read. A shadow has no conclusions of its own: it follows its paired intent, or else what the target is seen to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bridge.domain.events import Event, EventKind
from bridge.domain.legs import Claim, Moment
from bridge.domain.outcomes import FINAL_STATES, IntentState, follow

_ENDINGS = frozenset({EventKind.DEPLOYMENT_SUCCEEDED, EventKind.TARGET_BASELINE})


@dataclass(frozen=True, slots=True)
class Legs:
    """The times between which the deployment's parts lie, as far as they are known; claims, as they were made."""

    declared_at: datetime | None = None
    started_at: datetime | None = None
    live_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What became of one intent so far."""

    intent: Event
    state: IntentState
    lead_seconds: float | None = None
    legs: Legs = field(default_factory=Legs)
    claims: Mapping[Moment, Claim] = field(default_factory=dict)  # who said what of the legs' ends
    ending: Event | None = None  # the conclusion that it runs
    shadow: bool = False
    paired_with: str | None = None  # the other model's intent for the same deployment
    superseded_by: str | None = None
    explanation: str = ""

    @property
    def final(self) -> bool:
        """Nothing more is expected."""
        return self.state in FINAL_STATES


def tell_own(intent: Event, events: Sequence[Event], *, observed: bool, successor: str | None = None) -> Story:
    """The story of an intent from the events about it, in order: its conclusions and a withdrawal of its target.

    ``successor`` is an intent declared later that already succeeded; where no conclusion was appended about this one
    (it was backfilled, or nobody observed the target), it was followed by that one.
    """
    state, ending, started = IntentState.DECLARED, None, None
    for event in events:
        state = follow(state, event.kind)
        if event.kind in _ENDINGS:
            ending = ending or event
        elif event.kind is EventKind.DEPLOYMENT_STARTED:
            started = event
    if state is IntentState.DECLARED and successor is not None:
        state = IntentState.SUPERSEDED
    if state is IntentState.DECLARED and not observed:
        state = IntentState.UNOBSERVED
    story = Story(
        intent=intent,
        state=state,
        lead_seconds=_lead_of(ending),
        legs=Legs(
            intent.declared_at,
            (started.source_time or started.received_at) if started is not None else None,
            ending.source_time if ending is not None else None,
        ),
        ending=ending,
        superseded_by=successor if state is IntentState.SUPERSEDED else None,
    )
    return replace(story, explanation=explain(story))


def tell_paired(intent: Event, governing: Story) -> Story:
    """The story of a shadow that was paired: that of the governing intent, measured from its own declaration."""
    live_at, declared_at = governing.legs.live_at, intent.declared_at
    lead = None
    if live_at is not None and declared_at is not None and governing.state is IntentState.SUCCEEDED:
        lead = (live_at - declared_at).total_seconds()
    story = replace(
        governing,
        intent=intent,
        lead_seconds=lead,
        legs=replace(governing.legs, declared_at=declared_at),
        shadow=True,
        paired_with=governing.intent.id,
    )
    return replace(story, explanation=explain(story))


def tell_unpaired(
    intent: Event,
    *,
    ran_before: bool,
    live_at: datetime | None,
    observed: bool,
    withdrawn: bool,
    replaced_by: str | None,
) -> Story:
    """The story of a shadow that the governing model never declared: only what the target is seen to run can satisfy it.

    ``ran_before``: the target ran it already when it was declared. ``live_at``: since when it runs, after that.
    """
    lead = None
    if ran_before or live_at is not None:
        state = IntentState.SUCCEEDED
        if live_at is not None and intent.declared_at is not None:
            lead = (live_at - intent.declared_at).total_seconds()
    elif withdrawn:
        state = IntentState.WITHDRAWN
    elif replaced_by is not None:
        state = IntentState.SUPERSEDED
    else:
        state = IntentState.DECLARED if observed else IntentState.UNOBSERVED
    story = Story(
        intent=intent,
        state=state,
        lead_seconds=lead,
        legs=Legs(intent.declared_at, None, live_at),
        shadow=True,
        superseded_by=replaced_by if state is IntentState.SUPERSEDED else None,
    )
    return replace(story, explanation=explain(story))


def explain(story: Story) -> str:
    """One sentence for a human who waits for the intent."""
    where = str(story.intent.target)
    what = ", ".join(str(image) for image in story.intent.artifacts)
    sentence = _EXPLAIN[story.state].format(what=what, where=where)
    if story.state is IntentState.SUCCEEDED:
        sentence += _how_it_went(story)
    if story.superseded_by is not None:
        sentence += f" (intent {story.superseded_by})"
    if story.shadow:
        sentence += (
            f"; this is a shadow of intent {story.paired_with}, which governs"
            if story.paired_with is not None
            else "; this is a shadow: the model that governs the environment did not declare the same"
        )
    return sentence + "."


_EXPLAIN = {
    IntentState.DECLARED: "{where} is to run {what}, and nothing of it was seen yet",
    IntentState.NOTICED: "{where} is to run {what}, and its CD system has read that",
    IntentState.APPLYING: "{where} is rolling out {what}",
    IntentState.SUCCEEDED: "{where} runs {what}",
    IntentState.FAILED: "The rollout of {what} to {where} failed, and only a retry would change that",
    IntentState.LATE: "{where} should run {what} by this time, and may still",
    IntentState.MISSED: "{where} did not run {what} in the time allowed, and nothing more is expected",
    IntentState.SUPERSEDED: "{where} went on to a later intent before {what} was seen to run",
    IntentState.WITHDRAWN: "The declaration that {where} run {what} was withdrawn before it was seen to run",
    IntentState.UNOBSERVED: "{where} is to run {what}, but no observer has reported what it runs",
}


def _how_it_went(story: Story) -> str:
    flags = story.ending.details if story.ending is not None else {}
    if flags.get("already_running") or (story.ending is None and story.lead_seconds is None):
        return " and did so already when it was declared"
    if story.ending is not None and story.ending.kind is EventKind.TARGET_BASELINE:
        return " and did so already when observation began"
    parts = []
    if story.lead_seconds is not None:
        parts.append(f" {_format_seconds(story.lead_seconds)} after it was declared")
    if flags.get("missed"):
        parts.append(" (after it had been given up as missed)")
    elif flags.get("late"):
        parts.append(" (late)")
    if flags.get("gap"):
        parts.append(" (observation had a gap, so the time is a bound)")
    return "".join(parts)


def _format_seconds(seconds: float) -> str:
    """In the largest unit of which there are at least two, so that ``90 seconds`` keeps its precision."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"


def _lead_of(ending: Event | None) -> float | None:
    lead = ending.details.get("lead_seconds") if ending is not None else None
    return float(lead) if isinstance(lead, (int, float)) and not isinstance(lead, bool) else None
