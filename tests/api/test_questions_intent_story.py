from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from bridge.api.questions import tell_intent
from bridge.domain.events import Event, EventKind
from bridge.domain.legs import tell
from bridge.domain.names import Model, SourceRef, Target
from bridge.domain.policies import Policies, Policy
from bridge.domain.side_notes import Publication
from bridge.ports import Append
from tests.support.events import agreed, at, baseline, concluded, intent, log_of, observed, succeeded, withdrawn

API = Model.API
DECLARED = intent("a", "v2", minute=10)
SEEN = [baseline("v1", minute=0), observed("v1", minute=0)]
GITOPS_GOVERNS = Policies(default=Policy(governed_by=Model.GITOPS))


async def ask(events: Sequence[Event], intent_id: str = "a", policies: Policies | None = None) -> dict[str, Any]:
    answer = await tell_intent(await log_of(events), intent_id, policies or Policies())
    assert answer is not None
    return answer


async def test_there_is_no_story_of_what_is_no_intent() -> None:
    log = await log_of([*SEEN, DECLARED])
    assert await tell_intent(log, "nothing", Policies()) is None
    assert await tell_intent(log, SEEN[0].id, Policies()) is None


async def test_a_deployment_is_told_with_its_events_in_order() -> None:
    started = concluded(EventKind.DEPLOYMENT_STARTED, DECLARED, minute=11, live=11)
    told = await ask([*SEEN, DECLARED, started, succeeded(DECLARED, minute=12)])
    assert (told["state"], told["final"], told["lead_seconds"]) == ("succeeded", True, 120.0)
    assert [record["kind"] for record in told["events"]] == [
        "intent.declared",
        "deployment.started",
        "deployment.succeeded",
    ]
    assert [told["legs"][key] for key in ("declared_at", "started_at", "live_at")] == [
        "2026-03-02T12:10:00.000000Z",
        "2026-03-02T12:11:00.000000Z",
        "2026-03-02T12:12:00.000000Z",
    ]
    assert (told["position"], told["service"], told["model"]) == (3, "shop", "gitops")
    assert (told["matched_by"], told["confidence"]) == ("digest", "high")
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


async def test_an_intent_is_unobserved_until_its_own_target_was_seen() -> None:
    elsewhere = observed("v1", minute=0, target=Target("cart", "production"))
    assert (await ask([elsewhere, DECLARED]))["state"] == "unobserved"
    assert (await ask([*SEEN, DECLARED]))["state"] == "declared"


async def test_late_is_not_final_and_missed_is() -> None:
    late = concluded(EventKind.DEPLOYMENT_LATE, DECLARED, minute=25)
    missed = concluded(EventKind.DEPLOYMENT_MISSED, DECLARED, minute=1450)
    assert [(await ask([*SEEN, DECLARED, late]))[key] for key in ("state", "final")] == ["late", False]
    assert [(await ask([*SEEN, DECLARED, late, missed]))[key] for key in ("state", "final")] == ["missed", True]


async def test_a_superseded_intent_names_the_one_that_succeeded_first() -> None:
    later = intent("b", "v3", minute=11)
    replaced = concluded(EventKind.DEPLOYMENT_SUPERSEDED, DECLARED, minute=12)
    told = await ask([*SEEN, DECLARED, later, replaced, succeeded(later, minute=12)])
    assert (told["state"], told["final"], told["superseded_by"]) == ("superseded", True, "b")


async def test_an_intent_that_a_later_one_followed_without_a_conclusion_is_superseded() -> None:
    old = intent("a", "v1", minute=0, declared=-100, backfilled=True)
    newer = intent("b", "v2", minute=0, declared=-50, backfilled=True)
    events = [old, newer, observed("v2", minute=1), baseline("v2", minute=1, satisfies=newer)]
    assert ((await ask(events))["state"], (await ask(events))["superseded_by"]) == ("superseded", "b")
    assert (await ask(events, "b"))["state"] == "succeeded"


async def test_the_success_of_an_earlier_intent_supersedes_nothing() -> None:
    earlier = intent("earlier", "v1.5", minute=9)
    told = await ask([*SEEN, earlier, DECLARED, succeeded(earlier, minute=12)])
    assert (told["state"], told["superseded_by"]) == ("declared", None)


async def test_a_withdrawal_by_the_same_source_ends_the_wait() -> None:
    assert (await ask([*SEEN, DECLARED, withdrawn(minute=11, source="another")]))["state"] == "declared"
    assert (await ask([*SEEN, DECLARED, withdrawn(minute=11, model=API)]))["state"] == "declared"
    assert (await ask([*SEEN, DECLARED, withdrawn(minute=11)]))["state"] == "withdrawn"
    late = concluded(EventKind.DEPLOYMENT_LATE, DECLARED, minute=25)
    assert (await ask([*SEEN, DECLARED, late, withdrawn(minute=30)]))["state"] == "withdrawn"


async def test_a_withdrawal_after_the_success_or_before_the_intent_changes_nothing() -> None:
    done = [*SEEN, DECLARED, succeeded(DECLARED, minute=12), withdrawn(minute=20)]
    assert (await ask(done))["state"] == "succeeded"
    assert (await ask([*SEEN, withdrawn(minute=9), DECLARED]))["state"] == "declared"


async def test_a_paired_shadow_follows_the_governing_intent() -> None:
    shadow = intent("s", "v2", minute=9, model=API)
    pending = [*SEEN, shadow, DECLARED, agreed(DECLARED, shadow, minute=10)]
    told = await ask(pending, "s")
    assert (told["state"], told["shadow"], told["paired_with"]) == ("declared", True, "a")
    told = await ask([*pending, succeeded(DECLARED, minute=12)], "s")
    assert (told["state"], told["final"], told["lead_seconds"]) == ("succeeded", True, 180.0)
    assert [record["kind"] for record in told["events"]] == ["intent.declared"]


async def test_the_pair_of_another_shadow_is_not_taken_for_its_own() -> None:
    shadow, other = intent("s", "v3", minute=8, model=API), intent("o", "v2", minute=9, model=API)
    told = await ask([*SEEN, shadow, other, DECLARED, agreed(DECLARED, other, minute=10)], "s")
    assert (told["paired_with"], told["state"]) == (None, "superseded")


async def test_an_unpaired_shadow_succeeds_once_what_it_declared_is_seen_to_run() -> None:
    shadow = intent("s", "v2", minute=10, model=API)
    before = [*SEEN, shadow]
    assert (await ask(before, "s", GITOPS_GOVERNS))["state"] == "declared"
    rolling = [*before, observed("v2", minute=11, phase="progressing")]
    assert (await ask(rolling, "s", GITOPS_GOVERNS))["state"] == "declared"
    told = await ask([*rolling, observed("v2", minute=13)], "s", GITOPS_GOVERNS)
    assert (told["state"], told["shadow"], told["lead_seconds"]) == ("succeeded", True, 180.0)
    assert told["legs"]["live_at"] == "2026-03-02T12:13:00.000000Z"


async def test_an_unpaired_shadow_of_what_runs_already_is_done_without_a_lead_time() -> None:
    shadow = intent("s", "v1", minute=10, model=API)
    told = await ask([*SEEN, shadow], "s", GITOPS_GOVERNS)
    assert (told["state"], told["lead_seconds"]) == ("succeeded", None)
    told = await ask([shadow, observed("v1", minute=11, source_time=5)], "s", GITOPS_GOVERNS)
    assert (told["state"], told["lead_seconds"], told["legs"]["live_at"]) == ("succeeded", None, None)


async def test_an_unpaired_shadow_is_superseded_by_the_next_of_its_model() -> None:
    shadow, newer = intent("s", "v2", minute=10, model=API), intent("n", "v3", minute=11, model=API)
    told = await ask([*SEEN, shadow, newer, observed("v2", minute=12)], "s", GITOPS_GOVERNS)
    assert (told["state"], told["superseded_by"]) == ("superseded", "n")


async def test_an_intent_that_governed_when_it_was_concluded_keeps_its_own_conclusions() -> None:
    governed = intent("a", "v2", minute=10, model=API)
    told = await ask([*SEEN, governed, succeeded(governed, minute=12), intent("g", "v3", minute=20)])
    assert (told["state"], told["shadow"]) == ("succeeded", False)


async def test_a_successor_far_behind_the_first_page_is_found() -> None:
    earlier = [intent(f"e{n}", f"v1.{n}", minute=1) for n in range(150)]
    later = intent("b", "v3", minute=11)
    done = [succeeded(each, minute=12) for each in earlier]
    told = await ask([*SEEN, *earlier, DECLARED, later, *done, succeeded(later, minute=13)])
    assert told["superseded_by"] == "b"
    assert told["received_at"] == at(10).isoformat(timespec="microseconds").replace("+00:00", "Z")


async def test_each_leg_says_when_and_who_said_so() -> None:
    legs = tell(
        noticed=(at(10.5), "reconciledAt"), sync_started=(at(11), "startedAt"), applied=(at(11.5), "finishedAt")
    )
    seen = observed("v2", minute=12)
    seen = replace(seen, details={**seen.details, "legs": legs}, intent_id="a")
    elsewhere = replace(observed("v2", minute=12, target=Target("cart", "production")), intent_id="a")
    done = succeeded(DECLARED, minute=12)
    done = replace(done, causes=(DECLARED.id, seen.id), details={**done.details, "linked_by": "intent_id"})
    told = await ask([*SEEN, DECLARED, elsewhere, seen, done, observed("v3", minute=20)])
    assert told["legs"]["noticed"] == {
        "at": "2026-03-02T12:10:30.000000Z",
        "source": {"kind": "http", "name": "argocd"},
        "said_by": "reconciledAt",
    }
    assert told["legs"]["declared"]["source"] == {"kind": "git", "name": "infra"}
    assert told["legs"]["live"] == {
        "at": "2026-03-02T12:12:00.000000Z",
        "source": {"kind": "http", "name": "argocd"},
        "said_by": None,
    }
    assert list(told["legs"]["seconds"].values()) == [30.0, 30.0, 30.0, 30.0]
    assert (told["legs"]["total_seconds"], told["lead_seconds"], told["legs"]["reasons"]) == (120.0, 120.0, {})
    assert told["linked_by"] == "intent_id"
    kinds = [record["kind"] for record in told["events"]]
    assert kinds == ["intent.declared", "observation.reported", "deployment.succeeded"], "its own target's only"


async def test_a_leg_that_nobody_told_is_null_and_says_so() -> None:
    told = await ask([*SEEN, DECLARED])
    assert told["legs"]["noticed"] is None
    assert told["legs"]["seconds"] == dict.fromkeys(told["legs"]["seconds"])
    assert set(told["legs"]["reasons"].values()) == {"not_told"}
    assert told["legs"]["total_seconds"] is None


async def test_the_publication_of_what_runs_is_told_where_a_registry_said_so() -> None:
    log = await log_of([*SEEN, DECLARED])
    note = Publication(artifact=DECLARED.artifacts[0], published_at=at(9), source=SourceRef("harbor", "hook:harbor"))
    await log.append(Append((), at(11), notes=(note,)))
    told = await tell_intent(log, "a", Policies())
    assert told is not None
    assert told["published_at"] == "2026-03-02T12:09:00.000000Z"
    assert (await ask([*SEEN, DECLARED]))["published_at"] is None
