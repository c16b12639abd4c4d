"""One target: takes a fact or a passed deadline and returns what is to be appended. No I/O, no clock, no logging.

Which moves are legal stands in ``transitions``; what is remembered, in ``target_state``. The neighbours do the parts:
``obligations`` (what becomes of intents), ``drift`` (what runs without one), ``pairing`` (the two models against each other).
"""

from __future__ import annotations

from datetime import datetime

from bridge.domain import drift, linking, obligations, pairing, pushed
from bridge.domain.events import EventKind, derive_id
from bridge.domain.fact_events import intent_event, observation_event, past_event
from bridge.domain.facts import IntentDeclared, IntentWithdrawn, ObservationReported
from bridge.domain.matching import is_step_towards, match_artifacts, pin, same_artifacts
from bridge.domain.names import Phase
from bridge.domain.noticing import notice
from bridge.domain.obligations import satisfies
from bridge.domain.target_state import Artifacts, IntentRecord, Report, Seen
from bridge.domain.transitions import RUNNING_MOVES, Act, IntentPhase, Running, Saw, Sign
from bridge.domain.turn import Turn

_ROLLING = frozenset({Phase.STARTED, Phase.PROGRESSING})
_FINISHED_BADLY = frozenset({IntentPhase.BROKEN, IntentPhase.MISSED})


def receive(turn: Turn, fact: IntentDeclared | IntentWithdrawn | ObservationReported) -> str:
    """Take in one fact about the target: the fact's event, then its conclusions, go to ``turn.events``.

    Returns the id of the fact's event. A repetition adds nothing and returns the id of what it repeats.
    """
    if fact.id is not None and fact.id in turn.state.recent:
        return fact.id
    match fact:
        case IntentDeclared():
            return _declare(turn, fact)
        case IntentWithdrawn():
            return _withdraw(turn, fact)
        case ObservationReported(phase=Phase.NOTICED):
            return notice(turn, fact)
        case ObservationReported():
            return _observe(turn, fact)


def next_deadline(turn: Turn) -> datetime | None:
    """When ``tick`` has something to conclude if no fact comes before; None: nothing is pending."""
    dues = _dues(turn)
    return min(moment for moment, _ in dues) if dues else None


def tick(turn: Turn) -> None:
    """Conclude the one deadline that is due first; the caller gives its moment as ``turn.at``."""
    _, what = min(_dues(turn), key=lambda due: due[0])
    match what:
        case "obligation":
            found = obligations.obligation_due(turn)
            assert found is not None
            _, sign, record = found
            live = turn.state.live
            if live is not None and _runs_already(turn, live, record):
                obligations.settle(turn, record, live, already_running=True)
            else:
                obligations.advance(turn, record, sign)
        case "suspicion":
            suspected = drift.suspicion_due(turn)
            assert suspected is not None
            _, episode, suspicion = suspected
            drift.call_out_of_band(turn, episode, suspicion)
        case _:
            pairing.conclude_divergence(turn)


def _runs_already(turn: Turn, live: Seen, record: IntentRecord) -> bool:
    """Whether the target runs what the intent wishes, though the report of it named an older intent and none came since."""
    return live is turn.state.current and satisfies(record, live)


def _dues(turn: Turn) -> list[tuple[datetime, str]]:
    dues: list[tuple[datetime, str]] = []
    if (obligation := obligations.obligation_due(turn)) is not None:
        dues.append((obligation[0], "obligation"))
    if (suspicion := drift.suspicion_due(turn)) is not None:
        dues.append((suspicion[0], "suspicion"))
    if (divergence := pairing.divergence_due(turn)) is not None:
        dues.append((divergence, "divergence"))
    return dues


# --- intents -------------------------------------------------------------------------------------------------------


def _declare(turn: Turn, fact: IntentDeclared) -> str:
    standing = turn.state.of(fact.model).standing
    fact_id = fact.id
    if fact_id is None:
        if _stands(standing, fact.artifacts):
            assert standing is not None
            return standing.id
        parts = (fact.model, *_target_parts(turn), *map(str, fact.artifacts), standing.id if standing else "")
        fact_id = derive_id("intent", *parts)
        if fact_id in turn.state.recent:
            return fact_id
    belated = _is_belated(fact, standing)
    previous = fact.previous_artifacts or (standing.artifacts if standing is not None else ())
    turn.events.append(intent_event(turn, fact, fact_id, EventKind.INTENT_DECLARED, previous, belated=belated))
    if not belated:
        reason = fact.details.get("reason")
        record = _record(turn, fact, fact_id, fact.artifacts, reason=reason if isinstance(reason, str) else None)
        _take_in(turn, record)
    return fact_id


def _withdraw(turn: Turn, fact: IntentWithdrawn) -> str:
    belated = _is_belated(fact, turn.state.of(fact.model).standing)
    previous = fact.previous_artifacts
    turn.events.append(intent_event(turn, fact, fact.id, EventKind.INTENT_WITHDRAWN, previous, belated=belated))
    if not belated:
        _take_in(turn, _record(turn, fact, fact.id, (), withdrawal=True))
    return fact.id


def _stands(standing: IntentRecord | None, artifacts: Artifacts) -> bool:
    if standing is None or standing.withdrawal or standing.phase in _FINISHED_BADLY:
        return False
    return standing.artifacts == artifacts


def _is_belated(fact: IntentDeclared | IntentWithdrawn, standing: IntentRecord | None) -> bool:
    """Whether it is history, read after newer declarations were taken in: it changes nothing of what stands."""
    if standing is None or standing.backfilled:
        return False
    return fact.backfilled and fact.declared_at < standing.declared_at


def _target_parts(turn: Turn) -> tuple[str, str]:
    return turn.state.service, turn.state.environment


def _record(
    turn: Turn,
    fact: IntentDeclared | IntentWithdrawn,
    fact_id: str,
    artifacts: Artifacts,
    *,
    reason: str | None = None,
    withdrawal: bool = False,
) -> IntentRecord:
    return IntentRecord(
        id=fact_id,
        model=fact.model,
        artifacts=artifacts,
        declared_at=fact.declared_at,
        received_at=turn.at,
        source_name=fact.source.name,
        actor=fact.actor,
        reason=reason,
        backfilled=fact.backfilled,
        withdrawal=withdrawal,
        revision=fact.source.revision,
    )


def _take_in(turn: Turn, record: IntentRecord) -> None:
    mine = turn.state.of(record.model)
    mine.standing = record
    if record.source_name not in mine.sources:
        mine.sources.append(record.source_name)
    if turn.governing is record.model:
        obligations.open_obligation(turn, record)
        pairing.pair(turn, record)
        _face_reality(turn, record)
    else:
        obligations.keep_shadow(turn, record)
        pairing.pair(turn, record)
        current = turn.state.current
        if current is not None and current.phase in {Phase.LIVE, Phase.GONE} and satisfies(record, current):
            obligations.drop_up_to(mine.open, record)


def _face_reality(turn: Turn, record: IntentRecord) -> None:
    """Hold a new governing intent against the newest report: it may be satisfied, under way or failed already."""
    state, current = turn.state, turn.state.current
    if current is None or drift.explain(turn, record):
        return
    if current.phase in {Phase.LIVE, Phase.GONE}:
        if satisfies(record, current):
            if record.backfilled:
                _settle_silently(turn, record, current)
            else:
                obligations.settle(turn, record, current, already_running=True)
        return
    before = state.live.artifacts if state.live is not None else ()
    if _rolls_out(record, current, before):
        obligations.advance(turn, record, Sign.ROLLOUT if current.phase in _ROLLING else Sign.FAILURE, current)


def _settle_silently(turn: Turn, record: IntentRecord, seen: Seen) -> None:
    """What runs is what was declared all along: nothing was deployed."""
    obligations.drop_up_to(turn.state.of(record.model).open, record)
    turn.state.expected = () if record.withdrawal else pin(record.artifacts, seen.artifacts)


def _is_of(record: IntentRecord, seen: Seen, before: Artifacts) -> bool:
    """Whether a rollout belongs to an intent: all of it, or a part of its bundle and nothing else new."""
    if record.withdrawal:
        return False
    return satisfies(record, seen) or is_step_towards(record.artifacts, seen.artifacts, before)


def _rolls_out(record: IntentRecord, seen: Seen, before: Artifacts) -> bool:
    """The same for one that is not live: the CD system may say so itself, also before it knows the images."""
    how = linking.link(record, seen)
    if how is linking.Link.INTENT_ID or (not seen.artifacts and how is linking.Link.REVISION):
        return True
    return _is_of(record, seen, before)


# --- observations --------------------------------------------------------------------------------------------------


def _observe(turn: Turn, fact: ObservationReported) -> str:
    state, observer = turn.state, fact.source.name
    if fact.backfilled:
        return _note_past(turn, fact)
    last = state.reports.get(observer)
    if last is not None and _says_the_same(fact, last) and not pushed.moves_on(turn, fact):
        if fact.id is not None:
            turn.remember(fact.id)  # delivered again when something else runs, it must not look new
        return last.id
    fact_id = fact.id
    if fact_id is None:
        parts = [observer, *_target_parts(turn), last.id if last else "", fact.phase, *map(str, fact.artifacts)]
        if fact.intent_id is not None:
            parts.append(f"intent {fact.intent_id}")
        fact_id = derive_id("observation", *parts)
    if pushed.says_nothing(turn, fact):
        return fact_id
    seen = Seen(
        id=fact_id,
        artifacts=fact.artifacts,
        phase=fact.phase,
        live_at=min(fact.source_time or turn.at, turn.at),
        received_at=turn.at,
        actor=fact.actor,
        intent_id=fact.intent_id,
        revision=fact.source.revision,
    )
    aside = pushed.stands_aside(turn, fact)
    blind_from = obligations.blind_since(turn)
    state.reports[observer] = Report(
        id=fact_id,
        artifacts=fact.artifacts,
        phase=fact.phase,
        intent_id=fact.intent_id,
        revision=fact.source.revision,
        pushed=fact.pushed,
    )
    turn.remember(fact_id)
    if not aside:
        obligations.end_gap(turn, blind_from)
    turn.events.append(observation_event(turn, fact, seen, aside=aside))
    if not aside:
        _reconcile(turn, seen)
        state.gap_since_report = False
    return fact_id


def _says_the_same(fact: ObservationReported, last: Report) -> bool:
    """Whether it is what the observer said last. A revision alone is no news, unless it is all that is shown."""
    if last.phase is not fact.phase or last.artifacts != fact.artifacts:
        return False
    if fact.intent_id is not None and fact.intent_id != last.intent_id:
        return False
    return bool(fact.artifacts) or not fact.pushed or fact.source.revision == last.revision


def _note_past(turn: Turn, fact: ObservationReported) -> str:
    """What ran before anybody looked: recorded, and nothing follows from it."""
    fact_id = fact.id
    if fact_id is None:
        parts = (fact.source.name, *_target_parts(turn), str(fact.source_time), *map(str, fact.artifacts))
        fact_id = derive_id("past", *parts)
    if fact_id not in turn.state.recent:
        turn.events.append(past_event(turn, fact, fact_id))
    return fact_id


def _reconcile(turn: Turn, seen: Seen) -> None:
    state = turn.state
    previous, state.current = state.current, seen
    if seen.phase in {Phase.LIVE, Phase.GONE}:
        if seen.phase is Phase.LIVE and state.live is not None and state.live.phase is Phase.LIVE:
            seen.artifacts = _keep_digests(state.live.artifacts, seen.artifacts)
        _reconcile_running(turn, seen, previous)
    elif state.running is Running.UNSEEN:
        _baseline(turn, seen, None)
        state.running = Running.EXPLAINED
    else:
        before = state.live.artifacts if state.live is not None else ()
        pending = state.of(turn.governing).open
        record = linking.choose(pending, seen, lambda each: _rolls_out(each, seen, before))
        if record is not None:
            obligations.advance(turn, record, Sign.ROLLOUT if seen.phase in _ROLLING else Sign.FAILURE, seen)


def _keep_digests(before: Artifacts, now: Artifacts) -> Artifacts:
    """A report by tag of what another report named by digest tells less, and nothing new."""
    return pin(now, before) if same_artifacts(before, now) else now


def _reconcile_running(turn: Turn, seen: Seen, previous: Seen | None) -> None:
    state = turn.state
    record = obligations.find_satisfied(state.of(turn.governing).open, seen)
    completes_baseline = state.expected is None and state.observed_from is not None
    saw = _classify(turn, seen, previous, record)
    shadows = state.of(turn.governing.other).open
    if (shadow := obligations.find_satisfied(shadows, seen)) is not None:
        obligations.drop_up_to(shadows, shadow)
    state.running, acts = RUNNING_MOVES[state.running, saw]
    for act in acts:
        match act:
            case Act.BASELINE:
                _baseline(turn, seen, record)
            case Act.SUCCEED:
                assert record is not None
                obligations.settle(turn, record, seen)
            case Act.START:
                obligations.advance(turn, state.of(turn.governing).open[-1], Sign.ROLLOUT, seen)
            case Act.SUSPECT:
                drift.suspect(turn, seen)
            case Act.END_RETURNED:
                drift.end_episode(turn, seen.live_at, drift.RETURNED, seen.id)
            case Act.END_DEPLOYED:
                drift.end_episode(turn, seen.live_at, drift.DEPLOYED, seen.id)
    state.live = seen
    if completes_baseline and record is not None and record.backfilled:
        _settle_silently(turn, record, seen)
    if state.expected is None:
        state.expected = () if seen.phase is Phase.GONE else seen.artifacts
    elif state.running is Running.EXPLAINED and match_artifacts(state.expected, seen.artifacts).is_full:
        state.expected = pin(state.expected, seen.artifacts)  # a digest may have come to be known
    if not state.versions:
        obligations.remember_version(turn, state.expected)


def _classify(turn: Turn, seen: Seen, previous: Seen | None, record: IntentRecord | None) -> Saw:
    state = turn.state
    unchanged = state.live is not None and _runs_the_same(state.live, seen)
    named = record is not None and linking.link(record, seen) is linking.Link.INTENT_ID
    if unchanged and not named and previous is not None and previous.phase is seen.phase:
        return Saw.SAME
    if state.expected is None:  # the first report was of a rollout, of whatever age: this one completes the baseline
        return Saw.SAME if record is None or record.backfilled else Saw.INTENDED
    if record is not None:
        return Saw.INTENDED
    gone = seen.phase is Phase.GONE
    if gone == (state.expected == ()) and (gone or match_artifacts(state.expected, seen.artifacts).is_full):
        return Saw.EXPECTED
    if unchanged:
        return Saw.SAME
    pending = state.of(turn.governing).open
    before = state.live.artifacts if state.live is not None else ()
    if pending and not gone and _is_of(pending[-1], seen, before):
        return Saw.STEP
    return Saw.OTHER


def _runs_the_same(one: Seen, other: Seen) -> bool:
    return one.phase is other.phase and (one.phase is Phase.GONE or same_artifacts(one.artifacts, other.artifacts))


def _baseline(turn: Turn, seen: Seen, record: IntentRecord | None) -> None:
    """The first report: no deployment, whatever it shows. What is pending is judged from this moment on."""
    state = turn.state
    state.observed_from = turn.at
    if record is not None:
        _settle_silently(turn, record, seen)
    for pending in (*state.gitops.open, *state.api.open):
        if pending.watch_from is not None:
            pending.watch_from = max(pending.watch_from, turn.at)
    gone = seen.phase is Phase.GONE
    details: dict[str, object] = {} if seen.phase is Phase.LIVE else {"phase": seen.phase.value}
    if record is not None:
        details["satisfies"] = record.id
    turn.conclude(
        EventKind.TARGET_BASELINE,
        about="baseline",
        causes=(seen.id,) if record is None else (seen.id, record.id),
        intent=record,
        artifacts=() if gone else seen.artifacts,
        source_time=seen.live_at,
        actor=seen.actor,
        details=details,
    )
