"""What holds for every script of facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import groupby, pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.events import FACT_KINDS, Event, EventKind
from bridge.domain.facts import ConfigChanged, Fact, IntentDeclared, ObservationReported, SourceLost
from bridge.domain.fleet import Fleet
from bridge.domain.names import ImageRef, Model, Phase, SourceRef, Target
from bridge.domain.policies import Policies, Policy
from bridge.formats.event_v1_facts import to_fact
from bridge.formats.snapshot_v1 import decode_parts, encode_parts
from tests.support.scripts import OBSERVERS, SOURCES, START, TARGETS, Said, Script, facts_of, play, scripts

many = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
LAST_WORDS = {
    EventKind.DEPLOYMENT_SUCCEEDED,
    EventKind.DEPLOYMENT_SUPERSEDED,
    EventKind.DEPLOYMENT_REMOVED,
}


@many
@given(scripts())
def test_any_script_is_accepted_in_our_order_and_every_event_has_its_own_id(script: Script) -> None:
    events = play(Fleet(), script)
    assert all(one.received_at <= other.received_at for one, other in pairwise(events))
    assert [found for found, count in Counter(event.id for event in events).items() if count > 1] == []


@many
@given(scripts(), st.data())
def test_a_fact_with_an_id_said_twice_adds_nothing(script: Script, data: st.DataObject) -> None:
    named = [number for number, said in enumerate(script) if said.fact is not None and getattr(said.fact, "id", None)]
    if not named:
        return
    number = data.draw(st.sampled_from(named))
    end = data.draw(st.sampled_from([number + 1, len(script)]))
    again = replace(script[number], at=script[end - 1].at)
    straight = play(Fleet(), script)
    assert play(Fleet(), [*script[:end], again, *script[end:]]) == straight


@many
@given(scripts())
def test_an_unchanged_report_adds_nothing(script: Script) -> None:
    fleet = Fleet()
    for said in script:
        play(fleet, [said])
        if (
            isinstance(said.fact, ObservationReported) and not said.fact.backfilled
        ):  # history is told apart by its times
            again = replace(said.fact, id=None, source_time=None)
            assert fleet.receive(again, at=said.at).events == []


@many
@given(scripts())
def test_replaying_the_facts_of_the_log_gives_the_log(script: Script) -> None:
    events = play(Fleet(), script)
    replayed, copy = [], Fleet()
    for event in facts_of(events):
        replayed += copy.receive(to_fact(event), at=event.received_at).events
    replayed += copy.tick(events[-1].received_at)
    assert replayed == events


@many
@given(scripts(), st.data())
def test_going_on_from_a_snapshot_is_going_on(script: Script, data: st.DataObject) -> None:
    straight = Fleet()
    parts: dict[str, str] = {}
    for cut in sorted(data.draw(st.lists(st.integers(0, len(script)), min_size=1, max_size=3))):
        straight = Fleet()
        before = play(straight, script[:cut])
        parts = encode_parts(*straight.take_changes())
        if not parts:
            continue
        restored = Fleet(*decode_parts(parts))
        assert play(restored, script[cut:]) == play(straight, script[cut:]), before


@many
@given(scripts())
def test_snapshots_of_what_changed_add_up_to_the_whole(script: Script) -> None:
    fleet, parts = Fleet(), {}
    for said in script:
        play(fleet, [said])
        parts |= encode_parts(*fleet.take_changes())
    whole = Fleet()
    play(whole, script)
    assert decode_parts(parts) == decode_parts(encode_parts(*whole.take_changes()))


@many
@given(scripts(), st.integers(1, 7))
def test_ticking_often_or_seldom_changes_nothing(script: Script, every: int) -> None:
    seldom = [said for said in script if said.fact is not None]
    often: Script = []
    for said in script:
        at = often[-1].at if often else said.at
        while (at := at + timedelta(minutes=every)) < said.at:
            often.append(Said(at, None))
        often.append(said)
    end = script[-1].at
    assert play(Fleet(), often) == play(Fleet(), [*seldom, Said(end, None)])


@many
@given(scripts())
def test_no_deadline_fires_before_next_deadline_said(script: Script) -> None:
    fleet = Fleet()
    for said in script:
        due = fleet.next_deadline()
        concluded = fleet.tick(said.at)
        assert not concluded or (due is not None and due <= concluded[0].received_at <= said.at)
        assert fleet.next_deadline() is None or fleet.next_deadline() > said.at
        play(fleet, [said])


@many
@given(scripts())
def test_an_intent_has_at_most_one_last_word_and_nothing_comes_after_it(script: Script) -> None:
    ended: set[str] = set()
    for event in play(Fleet(), script):
        if event.intent_id is None or event.kind in FACT_KINDS:
            continue
        if event.kind is EventKind.DEPLOYMENT_ROLLED_BACK:
            assert event.intent_id in ended
            continue
        assert event.intent_id not in ended, event
        if event.kind in LAST_WORDS:
            ended.add(event.intent_id)


@many
@given(scripts())
def test_every_drift_that_closes_had_opened_and_no_two_are_open_at_once(script: Script) -> None:
    opened: dict[str, Event] = {}
    for event in play(Fleet(), script):
        if event.kind is EventKind.DRIFT_OPENED:
            opened[event.id] = event
        if event.kind is EventKind.DRIFT_CLOSED:
            first = opened.pop(event.causes[0])
            assert first.target == event.target
            assert event.details["seconds"] >= 0


@many
@given(scripts())
def test_nothing_is_late_or_missed_that_nobody_could_have_seen(script: Script) -> None:
    observed = set()
    governed = {}
    for said_event in play(Fleet(), script):
        if said_event.kind is EventKind.OBSERVATION_REPORTED:
            observed.add(said_event.target)
        if said_event.kind is EventKind.CONFIG_CHANGED:
            governed = said_event.details["policies"]
        if said_event.kind in {EventKind.DEPLOYMENT_LATE, EventKind.DEPLOYMENT_MISSED}:
            assert said_event.target in observed
            assert not said_event.backfilled
            environment = said_event.target.environment
            rules = governed["environments"].get(environment, governed["default"])
            assert rules["governed_by"] in {None, said_event.model.value}


@many
@given(scripts(longest=15))
def test_conclusions_are_written_as_json(script: Script) -> None:
    for event in play(Fleet(), script):
        msgspec.json.encode(event)
        assert event.effective_at is None or event.effective_at <= event.received_at
        assert event.received_at >= START


def end_state(fleet: Fleet) -> dict[Target, object]:
    """What does not depend on the order within a poll: declared, running, drifting, pending, and the tracks' clocks."""
    _, targets = fleet.take_changes()
    return {
        target: (
            [
                (mine.standing.id, [each.id for each in mine.open if not each.followed]) if mine.standing else None
                for mine in (state.gitops, state.api)
            ],
            state.live and (state.live.artifacts, state.live.phase),
            state.running,
            [(each.since, each.until, each.opened_id) for each in state.episodes],
            state.track_at,
        )
        for target, state in targets.items()
    }


@st.composite
def polls(draw: st.DrawFn) -> tuple[Script, Script]:
    """A script, and the same with the facts of each moment interleaved otherwise.

    What one source or observer says about one target keeps its order. So does everything about one target where the two models or
    two observers speak at once: there the order of the log decides by design (who came first, which report is the newest).
    Losses, returns and policies concern many targets and stay where they are.
    """
    script = draw(scripts())
    shuffled: Script = []
    for _, group in groupby(script, key=lambda said: (said.at, getattr(said.fact, "target", None) is None)):
        queues: dict[object, Script] = {}
        for said in group:
            queues.setdefault(getattr(said.fact, "target", None), []).append(said)
        while queues:
            key = draw(st.sampled_from(list(queues)))
            shuffled.append(queues[key].pop(0))
            if not queues[key]:
                del queues[key]
    return script, shuffled


@many
@given(polls())
def test_the_order_in_which_targets_are_read_within_a_poll_does_not_matter(both: tuple[Script, Script]) -> None:
    one, other = Fleet(), Fleet()
    assert {event.id for event in play(one, both[0])} == {event.id for event in play(other, both[1])}
    assert end_state(one) == end_state(other)


def declared(number: int, version: str, *, model: Model, backfilled: bool = False) -> IntentDeclared:
    return IntentDeclared(
        id=f"{model}-{number}",
        model=model,
        target=TARGETS[0],
        artifacts=(ImageRef("ghcr.io/acme/shop", version),),
        declared_at=START + timedelta(minutes=number),
        source=SOURCES[model][0],
        backfilled=backfilled,
    )


def reported(version: str) -> ObservationReported:
    images = (ImageRef("ghcr.io/acme/shop", version),)
    return ObservationReported(target=TARGETS[0], artifacts=images, phase=Phase.LIVE, source=OBSERVERS[0])


@many
@given(st.permutations(["landing", "call", "report"]))
def test_within_a_poll_the_two_models_and_the_observer_may_come_in_any_order(order: list[str]) -> None:
    # Which conclusions are drawn depends on it: seen before it is declared, the deployment is explained afterwards or adopted.
    facts: dict[str, Fact] = {
        "landing": declared(1, "v2", model=Model.GITOPS),
        "call": declared(1, "v2", model=Model.API),
        "report": reported("v2"),
    }
    # A configured governing model: unsaid, it would change with the first landing, between two facts of this poll.
    config = ConfigChanged(digest="one", policies=Policies(default=Policy(governed_by=Model.GITOPS)))
    fleet = Fleet()
    play(fleet, [Said(START, config)])
    events = play(
        fleet, [Said(START, reported("v1")), *(Said(START + timedelta(minutes=1), facts[each]) for each in order)]
    )
    kinds = Counter(event.kind for event in events)
    assert kinds[EventKind.DEPLOYMENT_SUCCEEDED] == kinds[EventKind.MODELS_AGREED] == 1
    assert fleet.next_deadline() is None
    assert fleet.drifting() == 0


def long_lives() -> dict[str, Callable[[int], list[Fact]]]:
    lost = SourceLost(source=SourceRef("git", "infra"), model=Model.GITOPS)
    return {
        "history": lambda n: [declared(n, f"v{n}", model=Model.GITOPS, backfilled=True)],
        "intents that never succeed": lambda n: [declared(n, f"v{n}", model=Model.GITOPS)],
        "shadows": lambda n: [declared(n, f"v{n}", model=Model.API)],
        "both models at odds": lambda n: [
            declared(n, f"v{n}", model=Model.API),
            declared(n, f"x{n}", model=Model.GITOPS),
        ],
        "deployments": lambda n: [declared(n, f"v{n}", model=Model.GITOPS), reported(f"v{n}")],
        "a flapping target while its source is lost": lambda n: [lost, reported(f"v{n % 2}")],
        "changes that nothing declares": lambda n: [reported(f"v{n}")],
    }


@pytest.mark.parametrize("life", long_lives())
@pytest.mark.parametrize("observed", [True, False])
def test_what_is_remembered_of_a_target_does_not_grow_with_its_history(life: str, observed: bool) -> None:
    fleet = Fleet()
    config = ConfigChanged(digest="one", policies=Policies(default=Policy(governed_by=Model.GITOPS)))
    play(fleet, [Said(START, config), *([Said(START, reported("v0"))] if observed else [])])
    sizes = []
    for number in range(1, 1201):
        at = START + timedelta(minutes=number)
        play(fleet, [Said(at, fact) for fact in long_lives()[life](number)])
        if number in {600, 1200}:
            parts = encode_parts(*fleet.take_changes())
            sizes.append(sum(map(len, parts.values())))
    assert sizes[1] <= sizes[0] * 1.05
    assert sizes[1] < 250_000
