"""A snapshot shows one moment, however long it takes and whatever happens meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.fleet import RULES_VERSION, Fleet
from bridge.formats.snapshot_v1 import decode_parts, encode_parts
from bridge.ports import Snapshot
from bridge.runtime.snapshots import SnapshotTaking
from tests.support.scripts import Script, play, scripts


@given(scripts(), st.data())
def test_what_happens_while_it_is_taken_is_not_in_it(script: Script, data: st.DataObject) -> None:
    begun, each = data.draw(st.integers(0, len(script))), data.draw(st.integers(0, 2))
    fleet, moment = Fleet(), Fleet()
    play(fleet, script[:begun])
    play(moment, script[:begun])
    taking = SnapshotTaking(fleet, begun)
    taken: Snapshot | None = None
    for said in script[begun:]:
        play(fleet, [said])
        taken = taken or taking.go_on(each)
    taken = taken or taking.go_on()
    expected = encode_parts(*moment.take_changes())
    assert taken == Snapshot(RULES_VERSION, taken.parts if taken else {}, begun)
    if expected:
        assert decode_parts(taken.parts) == decode_parts(expected)


@given(scripts(), st.data())
def test_one_after_the_other_they_add_up_to_the_whole(script: Script, data: st.DataObject) -> None:
    fleet, parts = Fleet(), dict[str, str]()
    first, second = sorted((data.draw(st.integers(0, len(script))), data.draw(st.integers(0, len(script)))))
    play(fleet, script[:first])
    taking = SnapshotTaking(fleet, first)
    play(fleet, script[first:second])
    for snapshot in (taking.go_on(), SnapshotTaking(fleet, second).go_on()):
        assert snapshot is not None
        parts |= snapshot.parts
    whole = Fleet()
    play(whole, script[:second])
    expected = encode_parts(*whole.take_changes())
    if expected:
        assert decode_parts(parts) == decode_parts(expected)
