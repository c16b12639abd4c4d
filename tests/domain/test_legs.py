"""The legs of a deployment: who said when, how long each was, and why one has no length."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.comparison import Comparison
from bridge.domain.events import Event
from bridge.domain.legs import Claim, LegBook, Moment, measure, tell, told_by, total
from bridge.domain.names import Model, SourceRef
from bridge.domain.policies import Policies
from bridge.domain.side_notes import PublicationKey, Publications
from tests.support.events import agreed, at, intent, observed, shop, succeeded

ARGO = SourceRef("argocd", "argo")
NAMES = ["declared_to_noticed", "noticed_to_sync_started", "sync_started_to_applied", "applied_to_live"]


def telling(event: Event, *, intent_id: str | None = None, revision: str | None = None, **minutes: float) -> Event:
    """The same report, telling moments."""
    legs = tell(**{name: (at(minute), f"status.{name}") for name, minute in minutes.items()})
    source = replace(ARGO, revision=revision)
    return replace(event, details={**event.details, "legs": legs}, source=source, intent_id=intent_id)


def because(event: Event, *causes: Event) -> Event:
    return replace(event, causes=(*event.causes, *(cause.id for cause in causes)))


def test_the_first_statement_of_a_moment_holds_and_says_who_made_it() -> None:
    book = LegBook.of(intent("a", "v2", minute=10))
    assert book.read(telling(observed("v2", minute=12, phase="started"), noticed=11, sync_started=11.5))
    assert book.read(telling(observed("v2", minute=13), noticed=10.5, sync_started=11, applied=12.5))
    assert not book.read(telling(observed("v9", minute=14), noticed=1))
    book.live(at(13), ARGO)
    assert book.claims[Moment.NOTICED] == Claim(at(11), ARGO, "status.noticed")
    legs = measure(book.claims)
    assert [legs[name].seconds for name in NAMES] == [60.0, 30.0, 60.0, 30.0]
    assert total(legs.values()) == 180.0


def test_a_moment_that_nobody_told_and_times_that_contradict_each_other_have_a_reason() -> None:
    book = LegBook.of(intent("a", "v2", minute=10))
    book.read(telling(observed("v2", minute=12), sync_started=9, applied=12))
    book.live(at(11), ARGO)
    legs = measure(book.claims)
    assert [(legs[name].seconds, legs[name].reason) for name in NAMES] == [
        (None, "not_told"),
        (None, "not_told"),
        (180.0, None),
        (None, "contradictory_times"),
    ]
    assert total(legs.values()) is None


@pytest.mark.parametrize(
    ("report", "about"),
    [
        (telling(observed("v9", minute=11), intent_id="a", noticed=10), True),
        (telling(observed("v9", minute=11), intent_id="paired", noticed=10), True),
        (telling(observed("v9", minute=11), revision="ab" * 20, noticed=10), True),
        (telling(observed("v2", minute=11), noticed=10), True),
        (telling(observed("v9", minute=11), intent_id="other", revision="cd" * 20, noticed=10), False),
    ],
)
def test_a_report_is_about_the_intent_that_it_names_or_whose_commit_or_artifacts_it_shows(
    report: Event, about: bool
) -> None:
    declared = intent("a", "v2", minute=10)
    assert declared.source is not None
    declared = replace(declared, source=replace(declared.source, revision="ab" * 20))
    assert LegBook.of(declared, "paired").read(report) is about


@pytest.mark.parametrize(
    "legs",
    [None, 5, [], {"noticed": None}, {"noticed": "2026-03-02T12:00:00Z"}, {"noticed": {"at": 5}}, {"noticed": {"at": "x"}},
     {"unknown": {"at": "2026-03-02T12:00:00Z"}}, {"live": {"at": "2026-03-02T12:00:00Z"}}],
)  # fmt: skip
def test_what_is_malformed_is_not_told(legs: Any) -> None:
    assert told_by(replace(observed("v2", minute=1), details={"phase": "live", "legs": legs})) == {}


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=4, max_size=4))
def test_where_all_legs_are_known_they_add_up_to_the_lead_time(micros: list[int]) -> None:
    moments = [datetime(2026, 1, 1, tzinfo=UTC)]
    for each in micros:
        moments.append(moments[-1] + timedelta(microseconds=each))
    claims = {moment: Claim(when, None) for moment, when in zip(Moment, moments, strict=True)}
    assert total(measure(claims).values()) == pytest.approx((moments[-1] - moments[0]).total_seconds(), abs=1e-6)


# --- in the comparison ---------------------------------------------------------------------------------------------


def compare(*events: Event, publications: Publications | None = None) -> dict[str, Any]:
    comparison = Comparison(Policies())
    for event in events:
        comparison.add(event)
    return comparison.report(publications)["models"]  # type: ignore[return-value]


def test_the_comparison_measures_each_leg_over_the_deployments_that_tell_it() -> None:
    first, second = intent("a", "v2", minute=10), intent("b", "v3", minute=20)
    live = telling(observed("v2", minute=14), noticed=11, sync_started=12, applied=13)
    bare = observed("v3", minute=25)
    models = compare(
        first,
        live,
        because(succeeded(first, minute=14), live),
        second,
        bare,
        because(succeeded(second, minute=25), bare),
    )
    legs = models["gitops"]["legs"]
    assert (legs["definition"], legs["n"], legs["complete"]) == ("legs/1", 2, 1)
    assert [legs["legs"][name]["p50"] for name in NAMES] == [60.0] * 4
    assert [legs["legs"][name]["excluded"] for name in NAMES] == [{"not_told": 1}] * 4
    assert (legs["total"]["n"], legs["total"]["p50"]) == (1, 240.0)
    assert set(legs["legs"][NAMES[0]]) >= {"n", "p50", "p90", "p99", "max", "reason"}
    nothing = models["api"]["legs"]
    assert nothing["n"] == 0
    assert nothing["legs"][NAMES[0]]["p50"] is None
    assert nothing["legs"][NAMES[0]]["reason"] == "no intent succeeded in the range"


def test_what_another_observer_tells_after_the_success_or_before_the_intent_counts_too() -> None:
    declared = intent("a", "v2", minute=12, declared=10)
    seen = telling(observed("v2", minute=11), noticed=10.5)
    later = telling(observed("v2", minute=15), sync_started=10.6, applied=10.8)
    next_one = intent("b", "v3", minute=20)
    much_later = telling(observed("v3", minute=21), noticed=20.5)
    done = replace(because(succeeded(declared, minute=12), seen), source_time=at(11))
    legs = compare(seen, declared, done, later, next_one, much_later)["gitops"]["legs"]
    assert [legs["legs"][name]["n"] for name in NAMES] == [1, 1, 1, 1]
    assert legs["total"]["p50"] == 60.0


def test_a_shadow_has_no_legs_of_its_own_and_a_report_may_name_it_all_the_same() -> None:
    git, api = intent("g", "v2", minute=11), intent("s", "v2", minute=10, model=Model.API)
    live = telling(observed("v9", minute=13), intent_id="s", noticed=12)
    models = compare(api, git, agreed(git, api, minute=11), live, because(succeeded(git, minute=13), live))
    assert (models["gitops"]["legs"]["legs"]["declared_to_noticed"]["p50"], models["api"]["legs"]["n"]) == (60.0, 0)
    assert models["api"]["lead_time"]["n"] == 1


def test_the_time_from_publication_to_live_is_over_what_a_registry_told() -> None:
    first, second = intent("a", "v2", minute=10), intent("b", "v3", minute=20)
    known = Publications([(PublicationKey.of(shop("v2")), at(8))])
    figure = compare(
        first, succeeded(first, minute=14), second, succeeded(second, minute=25), publications=known
    )["gitops"]["publication_to_live"]  # fmt: skip
    assert (figure["n"], figure["p50"], figure["excluded"]) == (1, 360.0, {"publication_not_known": 1})
    late = Publications([(PublicationKey.of(shop("v2")), at(15))])
    figure = compare(first, succeeded(first, minute=14), publications=late)["gitops"]["publication_to_live"]
    assert (figure["n"], figure["excluded"]) == (0, {"published_after_live": 1})
    assert figure["reason"] == "no publication is known of what was deployed"
