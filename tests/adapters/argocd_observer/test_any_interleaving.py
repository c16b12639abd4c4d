"""However the changes of an Argo CD reach the bridge, and whatever comes between them: the log is the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.argocd_observer.lives import ACTS, NAMES, Bridge, Moment, Script, live

scripts = st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(NAMES), st.integers(1, 3)), min_size=1, max_size=5)


def watched(moments: list[Moment]) -> Bridge:
    """A bridge to which nothing happens but its watch."""
    bridge = Bridge()
    for moment in moments:
        bridge.watch(moment)
    return bridge


@settings(max_examples=60, deadline=None)
@given(scripts, st.data())
def test_repetitions_lists_and_restarts_between_any_two_changes_change_nothing(
    script: Script, data: st.DataObject
) -> None:
    moments = live(script)
    bridge = Bridge()
    disturbances = data.draw(st.lists(st.sampled_from("....rrlRR"), min_size=len(moments), max_size=len(moments)))
    for number, moment in enumerate(moments):
        bridge.watch(moment)
        match disturbances[number]:
            case "r":
                late = moments[data.draw(st.integers(max(0, number - 5), number))].entry
                alive = any(obj["metadata"]["uid"] == late.obj["metadata"]["uid"] for obj in moment.state)
                if late.verb != "DELETED" and alive:
                    bridge.event(late)
            case "l":
                bridge.list(moment.state)
            case "R":
                bridge.restart(moment.state)
            case _:
                pass
    assert bridge.told == watched(moments).told


@settings(max_examples=60, deadline=None)
@given(scripts, st.data())
def test_notifications_early_late_and_repeated_change_nothing_of_what_the_watch_tells(
    script: Script, data: st.DataObject
) -> None:
    moments = live(script, declared=True)
    first = len(live([]))
    bridge = watched(moments[:first])
    for number, moment in enumerate(moments[first:], start=first):
        bridge.watch(moment)
        _disturb(bridge, moments, number, data)
    assert bridge.told == watched(moments).told


@settings(max_examples=100, deadline=None)
@given(scripts, st.data())
def test_notifications_before_the_first_look_lead_to_the_same_conclusions(script: Script, data: st.DataObject) -> None:
    moments = live(script, declared=True)
    bridge = Bridge()
    for number, moment in enumerate(moments):
        bridge.watch(moment)
        _disturb(bridge, moments, number, data)
    assert bridge.concluded == watched(moments).concluded


def _disturb(bridge: Bridge, moments: list[Moment], number: int, data: st.DataObject) -> None:
    """Notifications of any moment up to a few ahead of the watch; a list or a restart."""
    last = min(number + 4, len(moments) - 1)
    for told in data.draw(st.lists(st.integers(max(0, number - 12), last), max_size=3), label=f"notified at {number}"):
        bridge.notified(moments[told].entry)
    match data.draw(st.sampled_from("...lR"), label=f"disturbed at {number}"):
        case "l":
            bridge.list(moments[number].state)
        case "R":
            bridge.restart(moments[number].state)
        case _:
            pass
