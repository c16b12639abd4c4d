"""A snapshot of one moment, written down bit by bit while the fleet goes on.

Ten thousand targets are some hundred milliseconds of encoding, for which no report should wait. So a few targets are encoded at
a time, and one that is about to change before its turn has come is encoded just before.
"""

from __future__ import annotations

from bridge.domain.fleet import RULES_VERSION, Fleet
from bridge.domain.names import Target
from bridge.formats.snapshot_v1 import encode_parts
from bridge.ports import Snapshot


class SnapshotTaking:
    """Begins with what changed since the last one was begun. The fleet may be fed meanwhile, by the task that calls this."""

    def __init__(self, fleet: Fleet, position: int) -> None:
        """Of ``fleet`` as it is now, which is what the log says up to ``position``."""
        state, targets = fleet.take_changes()
        self._position = position
        self._parts = encode_parts(state, {})
        self._left = targets
        fleet.before_change = self._encode

    def go_on(self, targets: int | None = None) -> Snapshot | None:
        """Encode so many targets more (None: all that are left); the snapshot, once it is complete."""
        count = len(self._left) if targets is None else min(targets, len(self._left))
        for _ in range(count):
            self._encode(next(iter(self._left)))
        return None if self._left else Snapshot(RULES_VERSION, self._parts, self._position)

    def _encode(self, target: Target) -> None:
        if (state := self._left.pop(target, None)) is not None:
            self._parts |= encode_parts(None, {target: state})
