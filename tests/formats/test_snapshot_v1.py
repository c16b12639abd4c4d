"""A snapshot is read back as it was, or refused with the part at fault."""

from __future__ import annotations

import pytest

from bridge.domain.fleet import Fleet, FleetState
from bridge.domain.names import Target
from bridge.domain.target_state import TargetState
from bridge.formats.snapshot_v1 import decode_parts, encode_parts

TARGET = Target("team/shop", "production")


def target_state() -> TargetState:
    return TargetState(service=TARGET.service, environment=TARGET.environment)


def test_each_target_has_a_part_and_the_fleet_has_one() -> None:
    parts = encode_parts(FleetState(), {TARGET: target_state()})
    assert list(parts) == ["fleet", "target\0production\0team/shop"]


def test_a_fleet_that_did_not_change_has_no_part() -> None:
    assert encode_parts(None, {}) == {}


def test_the_parts_are_read_back_as_they_were() -> None:
    parts = encode_parts(FleetState(), {TARGET: target_state()})
    assert decode_parts(parts) == (FleetState(), {TARGET: target_state()})
    assert Fleet(*decode_parts(parts)).next_deadline() is None


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "no part 'fleet'"),
        ({"fleet": "{"}, "'fleet' of the snapshot can't be read"),
        ({"fleet": '{"now": "yesterday"}'}, "'fleet' of the snapshot can't be read: .*now"),
        ({"fleet": "{}", "target\0a\0b": "[]"}, "target.*can't be read"),
        ({"fleet": "{}", "target\0a\0b": '{"service":"c","environment":"a"}'}, "holds a/c"),
        ({"fleet": "{}", "else": '{"service":"c","environment":"a"}'}, "'else'"),
        ({"fleet": "[" * 100_000}, "'fleet' of the snapshot can't be read"),
        ({"fleet": '"\ud800"'}, "'fleet' of the snapshot can't be read"),
    ],
)
def test_a_damaged_snapshot_is_refused_with_the_part_at_fault(parts: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode_parts(parts)


def test_a_name_that_is_no_text_is_refused() -> None:
    target = Target("\ud800", "production")
    with pytest.raises(ValueError, match="can't be written"):
        encode_parts(None, {target: TargetState(service=target.service, environment=target.environment)})
