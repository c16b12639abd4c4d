from __future__ import annotations

from collections.abc import Iterable

import pytest

from bridge.domain.events import Event, EventKind, Track
from bridge.domain.matching import Match
from bridge.domain.names import Model, Phase
from bridge.domain.policies import Policies, Policy
from bridge.domain.state_view import TargetView, TrackEvent, phase_of, view_target
from tests.support.events import SHOP, concluded, drift, intent, observed, withdrawn

API = Model.API


def view(events: Iterable[Event], policies: Policies | None = None) -> TargetView:
    """The newest of each track, in the order given."""
    tracks: dict[Track, TrackEvent] = {}
    for position, event in enumerate(events, start=1):
        assert event.track is not None
        assert event.effective_at is not None
        tracks[event.track] = TrackEvent(position, event.effective_at, event)
    return view_target(SHOP, tracks, policies or Policies())


def test_never_seen_and_gone_both_run_nothing_but_are_told_apart() -> None:
    never = view([intent("a", "v1", minute=0)])
    gone = view([intent("a", "v1", minute=0), observed("v1", minute=1, phase="gone")])
    assert (never.running, never.observed, never.in_sync) == (None, False, None)
    assert (gone.running, gone.observed, gone.in_sync) == (None, True, False)


def test_it_is_in_sync_when_it_runs_what_the_governing_model_declares() -> None:
    told = view([intent("a", "v1", minute=0), observed("v1", minute=1)])
    assert (told.in_sync, told.matched_by, told.governed_by) == (True, Match.TAG, Model.GITOPS)
    assert view([intent("a", "v2", minute=0), observed("v1", minute=1)]).in_sync is False


def test_without_a_declaration_of_the_governing_model_sync_is_unknown() -> None:
    told = view(
        [observed("v1", minute=0), intent("s", "v1", minute=1, model=API)],
        Policies(default=Policy(governed_by=Model.GITOPS)),
    )
    assert (told.in_sync, told.governed_by) == (None, Model.GITOPS)


@pytest.mark.parametrize(
    ("models", "configured", "governing"),
    [
        ([Model.GITOPS], None, Model.GITOPS),
        ([API], None, API),
        ([API, Model.GITOPS], None, Model.GITOPS),
        ([Model.GITOPS], API, API),
        ([], None, None),
    ],
)
def test_who_governs(models: list[Model], configured: Model | None, governing: Model | None) -> None:
    policies = Policies(environments={"production": Policy(governed_by=configured)})
    assert view([intent(model, "v1", minute=0, model=model) for model in models], policies).governed_by is governing


def test_a_withdrawn_declaration_does_not_stand_and_wants_nothing_to_run() -> None:
    events = [intent("a", "v1", minute=0), observed("v1", minute=1), withdrawn(minute=2)]
    told = view(events)
    assert (told.declared, told.in_sync) == ({}, False)
    assert view([*events, observed("v1", minute=3, phase="gone")]).in_sync is True


def test_open_drift_under_the_same_tag_is_not_in_sync() -> None:
    events = [intent("a", "v1", minute=0), observed("v1", minute=1), *drift(opened=7, since=2)]
    told = view(events)
    assert told.in_sync is False
    assert told.drift is not None
    closed = view([*events, *drift(opened=7, since=2, until=9)])
    assert (closed.in_sync, closed.drift) == (True, None)


def test_a_rollout_shows_only_while_it_is_newer_than_what_runs() -> None:
    rolling = [observed("v1", minute=0), observed("v2", minute=1, phase="progressing")]
    assert view(rolling).rollout is not None
    assert view([*rolling, observed("v2", minute=2)]).rollout is None


def test_the_first_rollout_of_a_target_shows_before_anything_runs() -> None:
    assert view([observed("v1", minute=0, phase="started")]).rollout is not None


@pytest.mark.parametrize(
    ("gitops", "api", "agree"), [("v1", "v1", True), ("v1", "v2", False), ("v1", None, False), (None, None, True)]
)
def test_the_models_agree_on_the_same_artifacts_or_on_nothing(gitops: str | None, api: str | None, agree: bool) -> None:
    events = []
    for model, tag in ((Model.GITOPS, gitops), (API, api)):
        events.append(intent(model, tag or "v0", minute=0, model=model))
        if tag is None:
            events.append(withdrawn(minute=1, model=model))
    assert view(events).models_agree is agree


def test_agreement_is_unknown_while_one_model_never_spoke() -> None:
    assert view([intent("a", "v1", minute=0)]).models_agree is None


def test_the_phase_is_the_observers_word_or_follows_from_the_kind() -> None:
    declared = intent("a", "v1", minute=0)
    assert phase_of(observed("v1", minute=1, phase="failed")) is Phase.FAILED
    assert phase_of(concluded(EventKind.DEPLOYMENT_STARTED, declared, minute=1)) is Phase.STARTED
    assert phase_of(concluded(EventKind.DEPLOYMENT_SUCCEEDED, declared, minute=1)) is Phase.LIVE
