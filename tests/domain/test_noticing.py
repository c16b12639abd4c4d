"""A notice is one leg of an intent's way, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from bridge.domain.events import Event, EventKind
from bridge.domain.facts import IntentDeclared, IntentWithdrawn, ObservationReported
from bridge.domain.fleet import Fleet
from bridge.domain.names import Model, Phase, SourceRef, Target, parse_image
from bridge.formats.snapshot_v1 import decode_parts, encode_parts
from tests.support.scripts import START

SHOP = Target("shop", "production")


def declared(number: int, tag: str = "v1", model: Model = Model.API) -> IntentDeclared:
    return IntentDeclared(
        id=f"intent-{number}",
        model=model,
        target=SHOP,
        artifacts=(parse_image(f"ghcr.io/acme/shop:{tag}"),),
        declared_at=START,
        source=SourceRef("api", "ci"),
    )


def noticed(intent_id: str | None, tag: str = "v1", fact_id: str | None = None) -> ObservationReported:
    return ObservationReported(
        id=fact_id,
        target=SHOP,
        artifacts=(parse_image(f"ghcr.io/acme/shop:{tag}"),),
        phase=Phase.NOTICED,
        source=SourceRef("desired", "argocd"),
        intent_id=intent_id,
    )


def told(fleet: Fleet, *facts: IntentDeclared | IntentWithdrawn | ObservationReported) -> list[Event]:
    return [event for fact in facts for event in fleet.receive(fact, at=START).events]


def test_the_first_notice_of_an_intent_is_recorded_and_no_other() -> None:
    fleet = Fleet()
    _, notice = told(fleet, declared(1), noticed("intent-1"), noticed("intent-1"), noticed(None))
    assert (notice.kind, notice.intent_id, notice.track) == (EventKind.OBSERVATION_REPORTED, "intent-1", None)
    said = {"at": "2026-01-01T12:00:00.000000Z", "said_by": "report"}
    assert notice.details == {"legs": {"noticed": said}, "phase": "noticed"}


def test_without_a_name_it_is_the_newest_intent_with_these_artifacts() -> None:
    fleet = Fleet()
    events = told(
        fleet, declared(1), declared(2, "v2"), declared(3), noticed(None), noticed(None, "v2"), noticed(None, "v9")
    )
    assert [event.intent_id for event in events if event.kind is EventKind.OBSERVATION_REPORTED] == [
        "intent-3",
        "intent-2",
    ]


def test_an_intent_from_git_can_be_noticed_too() -> None:
    *_, notice = told(Fleet(), declared(1, model=Model.GITOPS), noticed("intent-1"))
    assert notice.intent_id == "intent-1"


def test_what_is_unknown_or_withdrawn_cannot_be_noticed() -> None:
    fleet = Fleet()
    withdrawn = IntentWithdrawn(
        id="gone", model=Model.API, target=SHOP, declared_at=START, source=SourceRef("api", "ci")
    )
    assert told(fleet, noticed("intent-1")) == []
    assert [event.kind for event in told(fleet, withdrawn, noticed("gone"))] == [EventKind.INTENT_WITHDRAWN]


def test_a_notice_delivered_again_is_not_news_for_a_later_intent() -> None:
    fleet = Fleet()
    told(fleet, noticed(None, fact_id="delivery"), declared(1))
    assert told(fleet, noticed(None, fact_id="delivery")) == []


def test_a_notice_begins_no_observation_and_moves_no_deadline() -> None:
    quiet, fleet = Fleet(), Fleet()
    live = ObservationReported(
        target=SHOP, artifacts=(parse_image(":v0"),), phase=Phase.LIVE, source=SourceRef("http", "cluster")
    )
    assert fleet.next_deadline() is None
    told(fleet, declared(1), noticed("intent-1"))
    assert fleet.next_deadline() is None
    told(quiet, live, declared(2, "v2"))
    told(fleet, live, declared(2, "v2"), noticed("intent-2", "v2"))
    late = START + timedelta(hours=1)
    assert [event.kind for event in fleet.tick(late)].count(EventKind.DEPLOYMENT_LATE) >= 1
    assert quiet.tick(late)
    assert fleet.reported("argocd") == {}


def test_after_a_restart_the_intent_is_still_noticed() -> None:
    fleet = Fleet()
    told(fleet, declared(1), noticed("intent-1"))
    again = Fleet(*decode_parts(encode_parts(*fleet.take_changes())))
    assert told(again, noticed("intent-1")) == []
    assert again.standing_intents(Model.API)[SHOP].noticed
