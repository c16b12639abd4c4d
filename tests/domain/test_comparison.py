from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from bridge.domain.comparison import DEFINITIONS, OUTCOMES, Comparison
from bridge.domain.events import Event, EventKind
from bridge.domain.names import Model, Target
from bridge.domain.noise_report import DEFINITIONS as NOISE_DEFINITIONS
from bridge.domain.policies import Policies, Policy
from tests.support.events import (
    SHOP,
    agreed,
    at,
    baseline,
    concluded,
    drift,
    intent,
    noted,
    succeeded,
    withdrawn,
)

API = Model.API
CART = Target("cart", "production")


def report(events: Iterable[Event], **keywords: Any) -> dict[str, Any]:
    comparison = Comparison(keywords.pop("policies", Policies()), **keywords)
    for event in events:
        comparison.add(event)
    return comparison.report()


def outcomes(told: dict[str, Any], model: str = "gitops") -> dict[str, int]:
    """The outcomes that are not zero."""
    return {name: n for name, n in told["models"][model]["intents"]["outcomes"].items() if n}


def lead_time(told: dict[str, Any], model: str = "gitops") -> dict[str, Any]:
    figure: dict[str, Any] = told["models"][model]["lead_time"]
    return figure


def deployed(name: str, minute: float, lead: float, **details: Any) -> list[Event]:
    declared = intent(name, name, minute=minute)
    return [declared, succeeded(declared, minute=minute + lead, **details)]


def test_an_empty_log_gives_nulls_with_their_reason_and_no_number() -> None:
    told = report([])
    assert told["models"]["api"]["intents"]["n"] == 0
    figure = lead_time(told)
    assert (figure["p50"], figure["max"], figure["n"]) == (None, None, 0)
    assert figure["reason"] == "no intent succeeded in the range"
    assert told["drift"]["longest"] is None


def test_every_figure_names_a_definition_that_is_in_the_report() -> None:
    def named(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["definition"]} if "definition" in node else set()
            return own.union(*(named(value) for value in node.values()))
        return set()

    told = report([])
    of_the_whole = {"range/1", "writers/1"}  # the caller's, and that of sources which declared something
    assert named(told) == told["definitions"].keys() - of_the_whole
    assert told["definitions"] == {**DEFINITIONS, **NOISE_DEFINITIONS}


def test_the_median_of_an_even_count_is_the_mean_of_the_middle_two() -> None:
    events = [event for n, lead in enumerate((1, 2, 4, 9)) for event in deployed(f"v{n}", n * 20, lead)]
    figure = lead_time(report(events))
    assert (figure["n"], figure["p50"], figure["min"], figure["max"]) == (4, 180.0, 60.0, 540.0)
    assert figure["p90"] == pytest.approx(240 + 0.7 * 300)


def test_one_deployment_is_its_own_every_quantile() -> None:
    figure = lead_time(report(deployed("v1", 0, 3)))
    assert [figure[name] for name in ("p50", "p90", "p99", "max")] == [180.0] * 4


@pytest.mark.parametrize("flag", ["already_running", "backfilled", "repeats", "gap", "clock_skew"])
def test_a_deployment_with_a_doubtful_time_is_counted_and_left_out_of_lead_times(flag: str) -> None:
    told = report([*deployed("v1", 0, 2), *deployed("v2", 10, 500, **{flag: True})])
    assert outcomes(told) == {"succeeded": 2}
    assert lead_time(told)["excluded"] == {flag: 1}
    assert lead_time(told)["max"] == 120.0


def test_a_deployment_without_a_live_time_is_left_out_and_said_so() -> None:
    declared = intent("a", "v1", minute=0)
    told = report([declared, concluded(EventKind.DEPLOYMENT_SUCCEEDED, declared, minute=5)])
    assert lead_time(told)["excluded"] == {"no_live_time": 1}
    assert lead_time(told)["reason"] == "every deployment was excluded"


def test_lead_times_and_exclusions_add_up_to_the_succeeded() -> None:
    told = report([*deployed("v1", 0, 1), *deployed("v2", 10, 1, gap=True), *deployed("v3", 20, 1)])
    figure = lead_time(told)
    assert figure["n"] + sum(figure["excluded"].values()) == outcomes(told)["succeeded"] == 3


def test_outcomes_add_up_to_the_intents() -> None:
    names = ["done", "failed", "late", "missed", "superseded", "pending"]
    declared = {name: intent(name, name, minute=minute) for minute, name in enumerate(names)}
    told = report(
        [
            baseline("v0", minute=0),
            *declared.values(),
            concluded(EventKind.DEPLOYMENT_FAILED, declared["failed"], minute=20),
            concluded(EventKind.DEPLOYMENT_LATE, declared["late"], minute=20),
            concluded(EventKind.DEPLOYMENT_LATE, declared["missed"], minute=20),
            concluded(EventKind.DEPLOYMENT_MISSED, declared["missed"], minute=20),
            concluded(EventKind.DEPLOYMENT_SUPERSEDED, declared["superseded"], minute=20),
            succeeded(declared["done"], minute=21),
        ]
    )
    expected = {"succeeded": 1, "failed": 1, "late": 1, "missed": 1, "superseded": 1, "pending": 1}
    assert outcomes(told) == expected
    assert told["models"]["gitops"]["intents"]["n"] == len(names)
    assert tuple(told["models"]["gitops"]["intents"]["outcomes"]) == OUTCOMES


def test_late_and_missed_are_remembered_of_what_succeeded_after_all() -> None:
    declared = intent("a", "v1", minute=0)
    told = report(
        [
            declared,
            concluded(EventKind.DEPLOYMENT_LATE, declared, minute=15),
            concluded(EventKind.DEPLOYMENT_MISSED, declared, minute=1440),
            succeeded(declared, minute=1500, late=True, missed=True, matched_by="tag"),
        ]
    )
    flags = told["models"]["gitops"]["intents"]["of_which"]
    assert outcomes(told) == {"succeeded": 1}
    assert (flags["succeeded_late"], flags["succeeded_after_missed"], flags["by_tag"]) == (1, 1, 1)


def test_a_late_intent_that_is_rolling_out_is_still_late_and_pending() -> None:
    declared = intent("a", "v1", minute=0)
    late = concluded(EventKind.DEPLOYMENT_LATE, declared, minute=15)
    assert outcomes(report([declared, late, concluded(EventKind.DEPLOYMENT_STARTED, declared, minute=16)])) == {
        "late": 1
    }


def test_an_intent_nobody_could_observe_is_unobserved_until_the_target_is_seen() -> None:
    declared = intent("a", "v1", minute=0)
    assert outcomes(report([declared])) == {"unobserved": 1}
    assert outcomes(report([declared, baseline("v0", minute=1)])) == {"pending": 1}


def test_a_target_observed_before_the_range_is_not_unobserved() -> None:
    comparison = Comparison(Policies(), since=at(0))
    comparison.know_target(SHOP, declared_by=[Model.GITOPS], observed=True)
    comparison.add(intent("a", "v1", minute=1))
    assert outcomes(comparison.report()) == {"pending": 1}


def test_history_that_nothing_was_concluded_about_is_backfilled_not_pending() -> None:
    old = [intent(f"v{n}", f"v{n}", minute=0, declared=-100 + n, backfilled=True) for n in range(3)]
    told = report([*old, baseline("v1", minute=1, satisfies=old[1])])
    assert outcomes(told) == {"succeeded": 1, "backfilled": 2}
    assert lead_time(told)["excluded"] == {"ran_before_observation": 1}


def test_an_intent_followed_while_nobody_looked_is_not_pending_for_ever() -> None:
    first, second = intent("a", "v1", minute=0), intent("b", "v2", minute=1)
    told = report([first, second, baseline("v2", minute=2, satisfies=second)])
    assert outcomes(told) == {"followed": 1, "succeeded": 1}


def test_an_intent_followed_by_one_declared_after_the_range_is_followed_too() -> None:
    first, second = intent("a", "v1", minute=0), intent("b", "v2", minute=11)
    events = [first, second, succeeded(second, minute=12)]
    assert outcomes(report(events, until=at(10))) == {"followed": 1}


def test_a_withdrawal_ends_what_its_source_still_waited_for_and_nothing_else() -> None:
    done, failed, waiting = (intent(name, name, minute=0) for name in ("done", "failed", "waiting"))
    elsewhere = intent("elsewhere", "v1", minute=0, target=CART)
    told = report(
        [
            done,
            failed,
            waiting,
            elsewhere,
            succeeded(done, minute=1),
            concluded(EventKind.DEPLOYMENT_FAILED, failed, minute=2),
            withdrawn(minute=3, source="another"),
            withdrawn(minute=4),
        ]
    )
    assert outcomes(told) == {"succeeded": 1, "failed": 1, "withdrawn": 1, "unobserved": 1}


def test_an_intent_belongs_to_the_range_by_when_it_was_received_and_keeps_its_later_outcome() -> None:
    before, inside, after = (intent(str(minute), str(minute), minute=minute) for minute in (-1, 5, 10))
    events = [
        before,
        inside,
        after,
        succeeded(before, minute=11),
        succeeded(inside, minute=12),
        succeeded(after, minute=13),
    ]
    told = report(events, since=at(0), until=at(10))
    assert outcomes(told) == {"succeeded": 1}
    assert lead_time(told)["p50"] == 7 * 60


def test_a_paired_shadow_has_the_outcome_and_the_live_time_of_the_governing_intent() -> None:
    shadow, governing = intent("s", "v2", minute=9, model=API), intent("g", "v2", minute=11, declared=10)
    told = report([shadow, governing, agreed(governing, shadow, minute=11), succeeded(governing, minute=12)])
    assert outcomes(told, "api") == outcomes(told, "gitops") == {"succeeded": 1}
    assert (lead_time(told, "gitops")["p50"], lead_time(told, "api")["p50"]) == (120.0, 180.0)
    assert told["models"]["api"]["intents"]["of_which"]["shadows"] == 1


def test_a_paired_shadow_that_is_withdrawn_after_its_pair_succeeded_has_succeeded() -> None:
    shadow, governing = intent("s", "v2", minute=9, model=API), intent("g", "v2", minute=10)
    events = [shadow, governing, agreed(governing, shadow, minute=10), succeeded(governing, minute=12)]
    assert outcomes(report([*events, withdrawn(minute=20, model=API)]), "api") == {"succeeded": 1}


def test_an_unpaired_shadow_that_is_withdrawn_is_withdrawn() -> None:
    told = report([intent("g", "v1", minute=0), intent("s", "v2", minute=1, model=API), withdrawn(minute=2, model=API)])
    assert outcomes(told, "api") == {"withdrawn": 1}


def test_pairs_say_who_was_first_by_how_much_and_both_lead_times_to_one_live_time() -> None:
    events: list[Event] = []
    for n, (git, api) in enumerate([(10, 9), (10, 12), (10, 10)]):
        base = n * 100
        governing = intent(f"g{n}", f"v{n}", minute=base + git)
        shadow = intent(f"s{n}", f"v{n}", minute=base + api, model=API)
        events += [
            governing,
            shadow,
            agreed(governing, shadow, minute=base + 12),
            succeeded(governing, minute=base + 20),
        ]
    pairs = report(events)["pairs"]
    assert pairs["n"] == 3
    assert pairs["first"] == {"gitops": 1, "api": 1, "tie": 1}
    assert [pairs["declared_difference"][name] for name in ("min", "p50", "max")] == [-120.0, 0.0, 60.0]
    assert [pairs["lead_time"]["gitops"][name] for name in ("n", "min", "max")] == [3, 600.0, 600.0]
    assert [pairs["lead_time"]["api"][name] for name in ("min", "p50", "max")] == [480.0, 600.0, 660.0]


def test_where_the_api_governs_the_git_intent_is_the_shadow() -> None:
    policies = Policies(default=Policy(governed_by=API))
    governing, shadow = intent("a", "v2", minute=10, model=API), intent("g", "v2", minute=13)
    events = [governing, shadow, agreed(shadow, governing, minute=13), succeeded(governing, minute=15)]
    told = report(events, policies=policies)
    assert (lead_time(told, "api")["p50"], lead_time(told, "gitops")["p50"]) == (300.0, 120.0)
    assert told["models"]["gitops"]["intents"]["of_which"]["shadows"] == 1
    assert told["models"]["api"]["intents"]["of_which"]["shadows"] == 0


def test_a_pair_outside_the_window_is_left_out_with_its_reason() -> None:
    shadow, governing = intent("s", "v2", minute=10, model=API), intent("g", "v2", minute=120)
    agreement = agreed(governing, shadow, minute=120, within_window=False)
    told = report([shadow, governing, agreement, succeeded(governing, minute=121)])
    assert (told["pairs"]["n"], told["pairs"]["excluded"]) == (0, {"outside_window": 1})
    assert outcomes(told, "api") == {"succeeded": 1}
    assert lead_time(told, "api")["excluded"] == {"outside_window": 1}


def test_a_shadow_declared_after_it_was_live_has_no_lead_time() -> None:
    governing, shadow = intent("g", "v2", minute=10), intent("s", "v2", minute=15, model=API)
    told = report([governing, succeeded(governing, minute=12), shadow, agreed(governing, shadow, minute=15)])
    assert lead_time(told, "api")["excluded"] == {"declared_after_live": 1}


def test_a_pair_that_has_not_succeeded_is_a_pair_without_a_lead_time() -> None:
    governing, shadow = intent("g", "v2", minute=10), intent("s", "v2", minute=11, model=API)
    pairs = report([governing, shadow, agreed(governing, shadow, minute=11)])["pairs"]
    assert pairs["n"] == 1
    assert pairs["lead_time"]["api"]["excluded"] == {"not_succeeded": 1}
    assert pairs["lead_time"]["api"]["p50"] is None


def test_a_shadow_that_the_governing_model_never_declared_is_unpaired() -> None:
    told = report([intent("g", "v1", minute=0), intent("s", "v2", minute=1, model=API)])
    assert outcomes(told, "api") == {"unpaired": 1}


def test_the_only_model_that_declares_a_target_governs_it() -> None:
    declared = intent("a", "v1", minute=0, model=API)
    told = report([declared, succeeded(declared, minute=4)])
    assert outcomes(told, "api") == {"succeeded": 1}
    assert told["models"]["api"]["intents"]["of_which"]["shadows"] == 0


def test_a_model_that_declared_the_target_before_the_range_still_governs_it() -> None:
    comparison = Comparison(Policies(), since=at(0))
    comparison.know_target(SHOP, declared_by=[Model.GITOPS, API], observed=True)
    comparison.add(intent("s", "v2", minute=1, model=API))
    assert outcomes(comparison.report(), "api") == {"unpaired": 1}


def test_a_partner_received_before_the_range_is_followed_and_not_counted() -> None:
    governing, shadow = intent("g", "v2", minute=-1), intent("s", "v2", minute=1, model=API)
    told = report([governing, shadow, agreed(governing, shadow, minute=1), succeeded(governing, minute=4)], since=at(0))
    assert told["models"]["gitops"]["intents"]["n"] == 0
    assert outcomes(told, "api") == {"succeeded": 1}
    assert lead_time(told, "api")["p50"] == 180.0


def test_drift_is_measured_from_its_true_start_and_open_episodes_to_now() -> None:
    events = [*drift(opened=15, since=10, until=20), *drift(opened=35, since=30, target=CART)]
    episodes = report(events, now=at(90))["drift"]
    assert (episodes["n"], episodes["open"]) == (2, 1)
    assert (episodes["total"], episodes["longest"]) == (600.0 + 3600.0, 3600.0)


def test_an_episode_opened_before_the_range_is_not_of_the_range() -> None:
    assert report(drift(opened=-5, since=-10, until=20), since=at(0), now=at(90))["drift"]["n"] == 0


def test_what_no_intent_explains_is_counted_with_its_kinds_and_its_corrections() -> None:
    declared = intent("a", "v2", minute=40)
    told = report(
        [
            noted(EventKind.DEPLOYMENT_OUT_OF_BAND, minute=15, same_tag=True),
            noted(EventKind.DEPLOYMENT_OUT_OF_BAND, minute=25, gone=True),
            declared,
            succeeded(declared, minute=41, corrects="deployment.out_of_band"),
            noted(EventKind.DEPLOYMENT_ROLLED_BACK, minute=50, declared=True),
            noted(EventKind.DEPLOYMENT_ROLLED_BACK, minute=51, declared=False),
            noted(EventKind.MODELS_DIVERGED, minute=52),
            noted(EventKind.DEPLOYMENT_REMOVED, minute=53),
        ]
    )
    assert told["out_of_band"] == {
        "definition": "out_of_band/1",
        "n": 2,
        "same_tag": 1,
        "gone": 1,
        "gap": 0,
        "corrected": 1,
    }
    assert told["rollbacks"] == {"definition": "rollbacks/1", "n": 2, "declared": 1, "undeclared": 1}
    assert (told["divergences"]["n"], told["removals"]["n"]) == (1, 1)


def test_the_skew_bound_is_null_and_says_why() -> None:
    bound = report([])["clock_skew_bound"]
    assert (bound["seconds"], bound["reason"]) == (None, "not measured")


def test_asking_twice_gives_the_same_report() -> None:
    comparison = Comparison(Policies(), now=at(60))
    for event in [*deployed("v1", 0, 2), *drift(opened=15, since=10)]:
        comparison.add(event)
    assert comparison.report() == comparison.report()
