"""The two models on one target: which intents are one deployment seen twice, and since when the records disagree."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.events import EventKind
from bridge.domain.matching import same_artifacts
from bridge.domain.names import Model
from bridge.domain.target_state import Divergence, IntentRecord, ModelState
from bridge.domain.times import format_time
from bridge.domain.turn import Turn, image_details

_UNPAIRED_KEPT = 64  # newest of each model; an intent further behind the other model's is not paired


def pair(turn: Turn, record: IntentRecord) -> None:
    """Pair a new intent with the other model's, conclude agreement, and keep the start of a disagreement."""
    state = turn.state
    mine, others = state.of(record.model), state.of(record.model.other)
    if others.standing is None and not others.unpaired:  # the other model has never declared the target
        _keep_unpaired(mine, record)
        return
    agree = _standings_agree(turn)
    divergence = state.divergence
    was_diverged = divergence is not None and divergence.opened
    partner = _take_partner(turn, record)
    concluded = False
    if partner is not None:
        within = abs(record.declared_at - partner.declared_at) <= turn.policy.pairing_window
        if within or (was_diverged and agree):
            _link(record, partner)
            _conclude_agreement(turn, record, partner, within=within)
            concluded = True
    else:
        _keep_unpaired(mine, record)
    if others.standing is None:
        return
    if agree:
        if was_diverged and not concluded:
            _conclude_agreement(turn, record, others.standing, within=False)
        state.divergence = None
    elif divergence is None or (concluded and not was_diverged):
        state.divergence = Divergence(since=_oldest_unpaired(turn), intent_id=record.id)


def _keep_unpaired(mine: ModelState, record: IntentRecord) -> None:
    if not record.withdrawal:
        mine.unpaired.append(record)
        if len(mine.unpaired) > _UNPAIRED_KEPT:
            del mine.unpaired[0]


def divergence_due(turn: Turn) -> datetime | None:
    """When a disagreement has lasted for the pairing window; None if there is none, or it was concluded."""
    divergence = turn.state.divergence
    if divergence is None or divergence.opened:
        return None
    return divergence.since + turn.policy.pairing_window


def conclude_divergence(turn: Turn) -> None:
    """The models have declared different artifacts for longer than the window."""
    state, divergence = turn.state, turn.state.divergence
    assert divergence is not None
    assert state.gitops.standing is not None
    assert state.api.standing is not None
    divergence.opened = True
    event = turn.conclude(
        EventKind.MODELS_DIVERGED,
        about=divergence.intent_id,
        causes=(state.gitops.standing.id, state.api.standing.id),
        details={
            "gitops": image_details(state.gitops.standing.artifacts),
            "api": image_details(state.api.standing.artifacts),
            "since": format_time(divergence.since),
        },
    )
    divergence.opened_id = event.id


def _standings_agree(turn: Turn) -> bool:
    one, other = turn.state.gitops.standing, turn.state.api.standing
    if one is None or other is None:
        return False
    return one.withdrawal == other.withdrawal and same_artifacts(one.artifacts, other.artifacts)


def _take_partner(turn: Turn, record: IntentRecord) -> IntentRecord | None:
    """The newest unpaired intent of the other model for the same artifacts; it and what is older are used up."""
    if record.withdrawal:
        return None
    others = turn.state.of(record.model.other).unpaired
    for index in range(len(others) - 1, -1, -1):
        if same_artifacts(others[index].artifacts, record.artifacts):
            partner = others[index]
            del others[: index + 1]
            turn.state.of(record.model).unpaired.clear()
            return partner
    return None


def _link(record: IntentRecord, partner: IntentRecord) -> None:
    record.pair_id, record.pair_declared_at = partner.id, partner.declared_at
    partner.pair_id, partner.pair_declared_at = record.id, record.declared_at


def _oldest_unpaired(turn: Turn) -> datetime:
    waiting = [*turn.state.gitops.unpaired[:1], *turn.state.api.unpaired[:1]]
    if turn.state.divergence is None or not waiting:
        return turn.at
    return min(record.received_at for record in waiting)


def _conclude_agreement(turn: Turn, record: IntentRecord, partner: IntentRecord, *, within: bool) -> None:
    gitops, api = (record, partner) if record.model is Model.GITOPS else (partner, record)
    first = api if api.declared_at <= gitops.declared_at else gitops
    divergence = turn.state.divergence
    details: dict[str, object] = {
        "first": first.model.value,
        "ahead_by": abs(gitops.declared_at - api.declared_at).total_seconds(),
        "gitops_intent": gitops.id,
        "api_intent": api.id,
        "within_window": within,
    }
    if divergence is not None and divergence.opened:
        details["diverged_since"] = format_time(divergence.since)
    turn.conclude(
        EventKind.MODELS_AGREED,
        about=f"{gitops.id} {api.id}",
        causes=(gitops.id, api.id),
        artifacts=record.artifacts,
        details=details,
    )
