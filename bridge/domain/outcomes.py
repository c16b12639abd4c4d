"""What became of an intent: the states it is told in, and the one table by which conclusions move it between them.

Both the story of one intent and the comparison of thousands read this table, so the two never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from bridge.domain import turn
from bridge.domain.events import EventKind
from bridge.domain.names import Model, Target
from bridge.domain.policies import Policies


class IntentState(StrEnum):
    """The states of an intent, as ``GET /intents/{id}`` tells them."""

    DECLARED = "declared"
    NOTICED = "noticed"  # a CD system has read the intent: a report with that phase says so
    APPLYING = "applying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LATE = "late"
    MISSED = "missed"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    UNOBSERVED = "unobserved"


# Final: nothing more is expected, so that somebody who waits stops waiting. A failed intent may be retried and a missed one
# done after all; the log then says so and the state moves on, but nobody promised it.
FINAL_STATES = frozenset(
    {
        IntentState.SUCCEEDED,
        IntentState.FAILED,
        IntentState.MISSED,
        IntentState.SUPERSEDED,
        IntentState.WITHDRAWN,
    }
)

STATE_AFTER: Mapping[EventKind, IntentState] = {
    EventKind.DEPLOYMENT_STARTED: IntentState.APPLYING,
    EventKind.DEPLOYMENT_SUCCEEDED: IntentState.SUCCEEDED,
    EventKind.DEPLOYMENT_FAILED: IntentState.FAILED,
    EventKind.DEPLOYMENT_LATE: IntentState.LATE,
    EventKind.DEPLOYMENT_MISSED: IntentState.MISSED,
    EventKind.DEPLOYMENT_SUPERSEDED: IntentState.SUPERSEDED,
    EventKind.TARGET_BASELINE: IntentState.SUCCEEDED,  # only a baseline that names the intent: it ran before anyone looked
}


def follow(state: IntentState, kind: EventKind) -> IntentState:
    """The state after an event of ``kind`` about the intent: the latest conclusion decides, but a success stays one.

    A withdrawal ends only what was still expected: what failed, was missed or superseded stays that. And what was withdrawn
    stays that when the removal, or the next declaration, overtakes it.
    """
    if state is IntentState.SUCCEEDED or (state is IntentState.WITHDRAWN and kind is EventKind.DEPLOYMENT_SUPERSEDED):
        return state
    if kind is EventKind.INTENT_WITHDRAWN:
        return state if state in FINAL_STATES else IntentState.WITHDRAWN
    return STATE_AFTER.get(kind, state)


def governing_model(target: Target, declared_by: frozenset[Model], policies: Policies) -> Model | None:
    """The model that ``target`` is judged by, as the core judges it; None where nothing says so and none ever declared it."""
    policy = policies.policy_of(target.environment)
    if policy.governed_by is None and not declared_by:
        return None
    return turn.governing_model(
        policy, gitops_declares=Model.GITOPS in declared_by, api_declares=Model.API in declared_by
    )
