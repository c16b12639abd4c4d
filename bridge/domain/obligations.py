"""What becomes of intents: started, succeeded, failed, late, missed, superseded, removed, rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bridge.domain.events import EventKind
from bridge.domain.matching import Match, match_artifacts, match_image, pin
from bridge.domain.names import Phase
from bridge.domain.target_state import Artifacts, IntentRecord, Seen
from bridge.domain.transitions import INTENT_MOVES, IntentPhase, Sign
from bridge.domain.turn import Turn

_FOLLOWED_KEPT = 20  # replaced intents of history that a slow rollout may still arrive at
_PENDING_KEPT = 256  # where nothing succeeds, an intent with so many newer ones counts as superseded
_VERSIONS_KEPT = 64  # going back further than this many versions is not recognised as a rollback
_ON_TIME = frozenset({IntentPhase.WAITING, IntentPhase.ROLLING})


def satisfies(record: IntentRecord, seen: Seen) -> bool:
    """Whether ``seen``, live or gone, is all that the intent wishes."""
    if record.withdrawal:
        return seen.phase is Phase.GONE
    return seen.phase is not Phase.GONE and match_artifacts(record.artifacts, seen.artifacts).is_full


def linked_by(record: IntentRecord, seen: Seen) -> str | None:
    """How the CD system itself ties a rollout to the intent: by its id, or by the revision that both name; None: it does not."""
    if seen.intent is not None:
        return "intent" if seen.intent == record.id else None
    return "revision" if seen.revision is not None and seen.revision == record.revision else None


def find_satisfied(records: Sequence[IntentRecord], seen: Seen) -> IntentRecord | None:
    """The newest of the records that ``seen`` satisfies."""
    return next((record for record in reversed(records) if satisfies(record, seen)), None)


def open_obligation(turn: Turn, record: IntentRecord) -> None:
    """Take in a new intent of the governing model: what is older has no deadline any more."""
    state = turn.state
    pending = state.of(record.model).open
    if state.observed_from is None or record.withdrawal:
        _follow_all(pending)
    else:
        for older in pending:
            if older.backfilled:
                older.followed = True
    if not record.backfilled and not record.withdrawal:
        record.watch_from = turn.at
    _keep(turn, record)


def keep_shadow(turn: Turn, record: IntentRecord) -> None:
    """Take in an intent of the model that does not govern: nothing is concluded about it but agreement."""
    _follow_all(turn.state.of(record.model).open)
    if not record.backfilled and not record.withdrawal:
        record.watch_from = turn.at
    _keep(turn, record)


def _follow_all(pending: Sequence[IntentRecord]) -> None:
    for older in reversed(pending):
        if older.followed and not older.backfilled:
            break  # what is older than this one was followed together with it
        older.followed = True


def drop_up_to(records: list[IntentRecord], record: IntentRecord) -> list[IntentRecord]:
    """Take ``record`` and what is older out of the pending ones, as done; they are returned, oldest first."""
    index = next(number for number, candidate in enumerate(records) if candidate is record)
    dropped, records[:] = records[: index + 1], records[index + 1 :]
    for each in dropped:
        each.phase = IntentPhase.DONE
    return dropped


def _keep(turn: Turn, record: IntentRecord) -> None:
    records = turn.state.of(record.model).open
    records.append(record)
    if len(records) > _PENDING_KEPT and not records[0].followed:
        advance(turn, records.pop(0), Sign.OVERTAKEN)
    while len(records) > _FOLLOWED_KEPT and records[0].followed:
        del records[0]


def advance(turn: Turn, record: IntentRecord, sign: Sign, seen: Seen | None = None) -> None:
    """Make the move that the table gives for a sign that is not success, and conclude what it says."""
    record.phase, kind = INTENT_MOVES[record.phase, sign]
    record.failed = record.failed or kind is EventKind.DEPLOYMENT_FAILED
    record.missed = record.missed or kind is EventKind.DEPLOYMENT_MISSED
    if kind is None or (record.followed and sign is Sign.OVERTAKEN):
        return
    details: dict[str, object] = {}
    if record.late and kind is not EventKind.DEPLOYMENT_LATE:
        details["late"] = True
    if record.gap:
        details["gap"] = True
    if seen is not None and sign is not Sign.OVERTAKEN and (link := linked_by(record, seen)) is not None:
        details["linked_by"] = link
    record.late = record.late or kind is EventKind.DEPLOYMENT_LATE
    turn.conclude(
        kind,
        about=record.id,
        causes=(record.id,) if seen is None else (record.id, seen.id),
        intent=record,
        artifacts=record.artifacts,
        previous=turn.state.expected or (),
        source_time=seen.live_at if seen is not None and sign is not Sign.OVERTAKEN else None,
        details=details,
    )


def settle(
    turn: Turn, record: IntentRecord, seen: Seen, *, already_running: bool = False, corrects: EventKind | None = None
) -> None:
    """Conclude that ``record`` runs, and what that means for the older pending ones; they are pending no more."""
    state = turn.state
    records = state.of(record.model).open
    index = next(number for number, candidate in enumerate(records) if candidate is record)
    settled, records[:] = records[: index + 1], records[index + 1 :]
    repeats: str | None = None
    for each in settled:
        if each is record or satisfies(each, seen):
            _succeed(turn, each, seen, already_running=already_running, corrects=corrects, repeats=repeats)
            repeats = each.id
        else:
            advance(turn, each, Sign.OVERTAKEN, seen)


def _succeed(
    turn: Turn,
    record: IntentRecord,
    seen: Seen,
    *,
    already_running: bool,
    corrects: EventKind | None,
    repeats: str | None,
) -> None:
    state = turn.state
    record.phase, kind = INTENT_MOVES[record.phase, Sign.LIVE]
    assert kind is not None
    if record.withdrawal:
        kind = EventKind.DEPLOYMENT_REMOVED
    match = Match.DIGEST if record.withdrawal else match_artifacts(record.artifacts, seen.artifacts)
    lead, skewed = (None, False) if already_running else lead_time(record.declared_at, seen.live_at)
    details: dict[str, object] = {"lead_seconds": lead}
    if not record.withdrawal:
        details |= {"matched_by": match.value, "confidence": "high" if match is Match.DIGEST else "low"}
    flags = {
        "already_running": already_running,
        "late": record.late,
        "missed": record.missed,
        "failed": record.failed,
        "gap": record.gap,
        "backfilled": record.backfilled,
        "clock_skew": skewed,
    }
    details |= {name: True for name, holds in flags.items() if holds}
    if (link := linked_by(record, seen)) is not None:
        details["linked_by"] = link
    if corrects is not None:
        details["corrects"] = corrects.value
    if repeats is not None:
        details["repeats"] = repeats
    causes = [record.id, seen.id]
    if record.pair_id is not None and record.pair_declared_at is not None:
        shadow_lead = None if already_running else lead_time(record.pair_declared_at, seen.live_at)[0]
        details["shadow"] = {"intent_id": record.pair_id, "lead_seconds": shadow_lead}
        causes.insert(1, record.pair_id)
    artifacts = () if record.withdrawal else pin(record.artifacts, seen.artifacts)
    before = state.expected or ()
    turn.conclude(
        kind,
        about=record.id,
        causes=tuple(causes),
        intent=record,
        artifacts=artifacts,
        previous=before,
        source_time=None if already_running else seen.live_at,
        details=details,
    )
    if repeats is None and not already_running and not record.withdrawal:
        _conclude_rollback(turn, record, seen, artifacts, before)
    state.expected = artifacts
    remember_version(turn, artifacts)


def _conclude_rollback(turn: Turn, record: IntentRecord, seen: Seen, artifacts: Artifacts, before: Artifacts) -> None:
    if is_earlier_version(turn, artifacts, before) or record.reason == "rollback":
        turn.conclude(
            EventKind.DEPLOYMENT_ROLLED_BACK,
            about=record.id,
            causes=(record.id, seen.id),
            intent=record,
            artifacts=artifacts,
            previous=before,
            source_time=seen.live_at,
            details={"declared": True},
        )


def lead_time(declared_at: datetime, live_at: datetime) -> tuple[float, bool]:
    """Seconds from the claim to the live time, never negative, and whether the two clocks contradict each other."""
    lead = live_at - declared_at
    return (0.0, True) if lead < timedelta(0) else (lead.total_seconds(), False)


def remember_version(turn: Turn, artifacts: Artifacts) -> None:
    """Keep the order in which explained versions were first live."""
    versions = turn.state.versions
    if artifacts and _place(versions, artifacts) is None:
        versions.append(artifacts)
        if len(versions) > _VERSIONS_KEPT:
            del versions[0]


def _same_version(one: Artifacts, other: Artifacts) -> bool:
    """Like ``same_artifacts``, but one side may show artifacts (sidecars) that the other does not speak of."""
    if len(one) == len(other) == 1:  # nearly every bundle, and this runs often
        a, b = one[0], other[0]
        return (a.tag == b.tag or a.digest is not None) and match_image(a, b) is not Match.NONE
    return match_artifacts(one, other).is_full or match_artifacts(other, one).is_full


def is_earlier_version(turn: Turn, artifacts: Artifacts, before: Artifacts) -> bool:
    """Whether ``artifacts`` were first live before ``before`` were: going there is going back."""
    versions = turn.state.versions
    new = _place(versions, artifacts)
    return new is not None and new < (_place(versions, before) or 0)


def _place(versions: list[Artifacts], artifacts: Artifacts) -> int | None:
    """Where a version stands; the newest are looked at first, for they are asked for most."""
    for number in range(len(versions) - 1, -1, -1):
        if _same_version(artifacts, versions[number]):
            return number
    return None


def is_watched(turn: Turn) -> bool:
    """Whether an observer that covers the target can report."""
    reports, lost = turn.state.reports, turn.state.lost_observers
    return turn.state.observed_from is not None and (not lost or any(name not in lost for name in reports))


def blind_since(turn: Turn) -> datetime | None:
    """Since when nobody can report on the target; None: somebody can, or nobody ever could."""
    if turn.state.observed_from is None or is_watched(turn):
        return None
    return max(turn.state.lost_observers.values())


def end_gap(turn: Turn, blind_from: datetime | None) -> None:
    """Somebody reports again: the clock of every deadline stood still in between, and what spans the gap says so."""
    state = turn.state
    if blind_from is None or not is_watched(turn):
        return
    state.gap_since_report = True
    for record in (*state.gitops.open, *state.api.open):
        record.gap = True
        if record.watch_from is not None:
            record.watch_from += turn.at - max(blind_from, record.watch_from)


def obligation_due(turn: Turn) -> tuple[datetime, Sign, IntentRecord] | None:
    """The next deadline of the newest governing intent; the older ones have none."""
    record = turn.state.of(turn.governing).standing
    if record is None or record.watch_from is None or record.phase not in _ON_TIME or not is_watched(turn):
        return None
    if not record.late:
        return record.watch_from + turn.policy.late_after, Sign.LATE, record
    return record.watch_from + turn.policy.missed_after, Sign.TOO_LATE, record
