"""Builders of events for the tests of event logs: deterministic, one microsecond-exact second apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bridge.domain.events import Event, EventKind, Track, derive_id
from bridge.domain.names import ImageRef, Model, SourceRef, Target
from bridge.ports import Append

T0 = datetime(2026, 8, 21, 16, 40, 39, 120113, tzinfo=UTC)
SHOP = Target("shop", "production")
FOREVER = datetime(9000, 1, 1, tzinfo=UTC)
_T = TypeVar("_T")


def second(number: float) -> datetime:
    return T0 + timedelta(seconds=number)


def make_event(number: int, **changes: Any) -> Event:
    event = Event(
        id=derive_id("test", str(number)),
        kind=EventKind.INTENT_DECLARED,
        received_at=second(number),
        target=SHOP,
        model=Model.GITOPS,
        artifacts=(ImageRef("ghcr.io/acme/shop", f"v{number}"),),
        previous_artifacts=(ImageRef(None, f"v{number - 1}", "sha256:" + "ab" * 32),),
        declared_at=second(number - 30),
        intent_id=derive_id("test", str(number)),
        causes=(derive_id("cause", str(number)),),
        actor="Zoë",
        source=SourceRef("git", "infra", "b939f1d93084ff7b010b01ad29102d61534b26a6", "apps/shop.yaml"),
        details={"labels": {"b": [1, 2.5, None], "a": "é\u2028\n"}},
        track=Track.GITOPS,
        effective_at=second(number - 30),
    )
    return replace(event, **changes)


def batch(first: int, count: int = 1, **changes: Any) -> Append:
    return Append([make_event(number, **changes) for number in range(first, first + count)], second(first + count))


async def collect(chunks: AsyncIterator[Sequence[_T]]) -> list[_T]:
    return [row async for chunk in chunks for row in chunk]
