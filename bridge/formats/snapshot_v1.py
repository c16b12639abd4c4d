"""The state of the core as JSON texts, one for the fleet and one for each target, and back: what a start-up begins from.

The texts are for the version of the core that wrote them (``fleet.RULES_VERSION``): another version replays the log instead.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bridge.domain.fleet import FleetState
from bridge.domain.names import Target
from bridge.domain.target_state import TargetState

_FLEET = "fleet"
_TARGET = "target\0"

_encode = msgspec.json.Encoder().encode
_decode_fleet = msgspec.json.Decoder(FleetState).decode
_decode_target = msgspec.json.Decoder(TargetState).decode


def encode_parts(state: FleetState | None, targets: Mapping[Target, TargetState]) -> dict[str, str]:
    """Write what ``Fleet.take_changes`` gave: a part under ``fleet`` unless ``state`` is None, and one for each target.

    Raises:
        ValueError: a name or a text in it can't be written as UTF-8; the text says in which part.
    """
    parts = {} if state is None else {_FLEET: _text(_FLEET, state)}
    for target, each in targets.items():
        key = f"{_TARGET}{target.environment}\0{target.service}"
        parts[key] = _text(key, each)
    return parts


def decode_parts(parts: Mapping[str, str]) -> tuple[FleetState, dict[Target, TargetState]]:
    """Read the parts of one snapshot, as ``Fleet`` takes them.

    Raises:
        ValueError: a part is malformed or unknown, or the fleet's is not there; the text names it.
    """
    if _FLEET not in parts:
        msg = "the snapshot has no part 'fleet': replay the log from its first row"
        raise ValueError(msg)
    state, targets = FleetState(), {}
    for key, text in parts.items():
        try:
            if key == _FLEET:
                state = _decode_fleet(text)
                continue
            each = _decode_target(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
            msg = f"part {key!r} of the snapshot can't be read: {error}"
            raise ValueError(msg) from error
        if key != f"{_TARGET}{each.environment}\0{each.service}":
            msg = f"part {key!r} of the snapshot holds {each.environment}/{each.service}"
            raise ValueError(msg)
        targets[Target(each.service, each.environment)] = each
    return state, targets


def _text(key: str, state: FleetState | TargetState) -> str:
    try:
        return _encode(state).decode()
    except UnicodeEncodeError as error:
        msg = f"part {key!r} of the snapshot can't be written: {error}"
        raise ValueError(msg) from error
