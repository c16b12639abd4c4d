from __future__ import annotations

from itertools import pairwise

import pytest

from bridge.domain.events import EventKind
from bridge.domain.names import Model
from bridge.domain.outcomes import FINAL_STATES, STATE_AFTER, IntentState, follow
from bridge.domain.story import tell_own, tell_paired, tell_unpaired
from tests.support.events import at, baseline, concluded, intent, succeeded, withdrawn

DECLARED = intent("a", "v2", minute=10)
API = Model.API


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (EventKind.DEPLOYMENT_STARTED, "applying"),
        (EventKind.DEPLOYMENT_SUCCEEDED, "succeeded"),
        (EventKind.DEPLOYMENT_FAILED, "failed"),
        (EventKind.DEPLOYMENT_LATE, "late"),
        (EventKind.DEPLOYMENT_MISSED, "missed"),
        (EventKind.DEPLOYMENT_SUPERSEDED, "superseded"),
    ],
)
def test_the_latest_conclusion_is_the_state(kind: EventKind, state: str) -> None:
    assert tell_own(DECLARED, [concluded(kind, DECLARED, minute=20)], observed=True).state == state


def test_an_intent_without_conclusions_is_declared_or_unobserved() -> None:
    assert tell_own(DECLARED, [], observed=True).state is IntentState.DECLARED
    assert tell_own(DECLARED, [], observed=False).state is IntentState.UNOBSERVED


def test_only_states_after_which_nothing_is_expected_are_final() -> None:
    assert {state.value for state in FINAL_STATES} == {"succeeded", "failed", "missed", "superseded", "withdrawn"}


@pytest.mark.parametrize("kind", sorted(STATE_AFTER))
def test_a_success_stays_a_success_whatever_comes_later(kind: EventKind) -> None:
    assert follow(IntentState.SUCCEEDED, kind) is IntentState.SUCCEEDED
    assert follow(IntentState.SUCCEEDED, EventKind.INTENT_WITHDRAWN) is IntentState.SUCCEEDED


@pytest.mark.parametrize("state", sorted(IntentState))
def test_a_withdrawal_ends_only_what_was_still_expected(state: IntentState) -> None:
    expected = state if state in FINAL_STATES else IntentState.WITHDRAWN
    assert follow(state, EventKind.INTENT_WITHDRAWN) is expected


def test_what_was_withdrawn_stays_withdrawn_when_the_removal_overtakes_it() -> None:
    assert follow(IntentState.WITHDRAWN, EventKind.DEPLOYMENT_SUPERSEDED) is IntentState.WITHDRAWN
    assert follow(IntentState.WITHDRAWN, EventKind.DEPLOYMENT_SUCCEEDED) is IntentState.SUCCEEDED


def test_a_failed_intent_that_is_retried_succeeds_after_all() -> None:
    story = tell_own(
        DECLARED,
        [concluded(EventKind.DEPLOYMENT_FAILED, DECLARED, minute=12), succeeded(DECLARED, minute=14)],
        observed=True,
    )
    assert (story.state, story.lead_seconds) == (IntentState.SUCCEEDED, 240.0)


def test_the_legs_are_the_times_between_declaration_start_and_live() -> None:
    story = tell_own(
        DECLARED,
        [concluded(EventKind.DEPLOYMENT_STARTED, DECLARED, minute=11, live=10.5), succeeded(DECLARED, minute=12)],
        observed=True,
    )
    assert story.legs.declared_at == at(10)
    assert story.legs.started_at == at(10.5)
    assert story.legs.live_at == at(12)


def test_a_baseline_that_names_the_intent_satisfies_it_without_a_lead_time() -> None:
    story = tell_own(DECLARED, [baseline("v2", minute=20, satisfies=DECLARED)], observed=True)
    assert (story.state, story.lead_seconds, story.final) == (IntentState.SUCCEEDED, None, True)
    assert "when observation began" in story.explanation


def test_an_intent_that_was_followed_without_a_conclusion_names_its_successor() -> None:
    story = tell_own(DECLARED, [], observed=True, successor="b")
    assert (story.state, story.superseded_by) == (IntentState.SUPERSEDED, "b")


def test_a_successor_of_an_intent_with_a_conclusion_does_not_change_its_state() -> None:
    story = tell_own(
        DECLARED, [concluded(EventKind.DEPLOYMENT_LATE, DECLARED, minute=25)], observed=True, successor="b"
    )
    assert (story.state, story.superseded_by) == (IntentState.LATE, None)


def test_withdrawn_before_it_ran_is_withdrawn_and_after_it_ran_is_not() -> None:
    gone = withdrawn(minute=30)
    assert tell_own(DECLARED, [gone], observed=True).state is IntentState.WITHDRAWN
    assert tell_own(DECLARED, [succeeded(DECLARED, minute=12), gone], observed=True).state is IntentState.SUCCEEDED


def test_a_paired_shadow_follows_the_governing_intent_from_its_own_declaration() -> None:
    shadow = intent("s", "v2", minute=9, model=API)
    story = tell_paired(shadow, tell_own(DECLARED, [succeeded(DECLARED, minute=12)], observed=True))
    assert (story.state, story.shadow, story.paired_with) == (IntentState.SUCCEEDED, True, "a")
    assert story.lead_seconds == 180.0
    assert story.legs.declared_at == at(9)


def test_a_paired_shadow_of_a_pending_intent_has_no_lead_time_yet() -> None:
    shadow = intent("s", "v2", minute=9, model=API)
    late = concluded(EventKind.DEPLOYMENT_LATE, DECLARED, minute=25)
    story = tell_paired(shadow, tell_own(DECLARED, [late], observed=True))
    assert (story.state, story.final, story.lead_seconds) == (IntentState.LATE, False, None)


@pytest.mark.parametrize(
    ("ran_before", "live", "observed", "is_withdrawn", "replaced_by", "state"),
    [
        (False, None, True, False, None, "declared"),
        (False, None, False, False, None, "unobserved"),
        (False, 12.0, True, True, "b", "succeeded"),
        (True, None, True, False, None, "succeeded"),
        (False, None, True, True, "b", "withdrawn"),
        (False, None, True, False, "b", "superseded"),
    ],
)
def test_an_unpaired_shadow_is_told_by_what_is_seen_to_run(
    *, ran_before: bool, live: float | None, observed: bool, is_withdrawn: bool, replaced_by: str | None, state: str
) -> None:
    story = tell_unpaired(
        DECLARED,
        ran_before=ran_before,
        live_at=None if live is None else at(live),
        observed=observed,
        withdrawn=is_withdrawn,
        replaced_by=replaced_by,
    )
    assert (story.state, story.shadow) == (state, True)
    assert story.lead_seconds == (None if live is None else 120.0)


def test_every_state_has_a_sentence_of_its_own() -> None:
    sentences = set()
    for kind in sorted(STATE_AFTER):
        story = tell_own(DECLARED, [concluded(kind, DECLARED, minute=20, live=20)], observed=True)
        assert story.explanation.endswith(".")
        assert "production/shop" in story.explanation
        assert "ghcr.io/acme/shop:v2" in story.explanation
        sentences.add(story.explanation)
    assert len(sentences) == len(STATE_AFTER)


@pytest.mark.parametrize(
    ("minutes", "said"), [(1, "60.0 seconds"), (3, "3.0 minutes"), (150, "2.5 hours"), (60 * 72, "3.0 days")]
)
def test_the_lead_time_is_said_in_a_unit_that_a_human_reads(minutes: float, said: str) -> None:
    assert said in tell_own(DECLARED, [succeeded(DECLARED, minute=10 + minutes)], observed=True).explanation


@pytest.mark.parametrize(
    ("flag", "said"),
    [("late", "(late)"), ("missed", "given up as missed"), ("gap", "gap"), ("already_running", "already")],
)
def test_the_sentence_says_what_makes_a_success_special(flag: str, said: str) -> None:
    story = tell_own(DECLARED, [succeeded(DECLARED, minute=12, **{flag: True})], observed=True)
    assert said in story.explanation


def test_deadlines_that_pass_one_after_the_other_move_the_state_on() -> None:
    kinds = [EventKind.DEPLOYMENT_STARTED, EventKind.DEPLOYMENT_LATE, EventKind.DEPLOYMENT_MISSED]
    events = [concluded(kind, DECLARED, minute=20 + n) for n, kind in enumerate(kinds)]
    states = [tell_own(DECLARED, events[:length], observed=True).state for length in range(len(events) + 1)]
    assert all(before != after for before, after in pairwise(states))
