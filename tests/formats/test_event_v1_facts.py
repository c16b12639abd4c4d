"""A fact's event leads back to the fact."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.events import CONCLUSION_KINDS, Event, EventKind
from bridge.domain.facts import (
    ConfigChanged,
    Fact,
    IntentDeclared,
    IntentWithdrawn,
    ObservationReported,
    SourceLost,
    SourceReturned,
    SourceRewritten,
)
from bridge.domain.names import ImageRef, Model, Phase, SourceRef, Target
from bridge.domain.policies import Policies, Policy
from bridge.formats.event_v1 import decode_body, encode_body
from bridge.formats.event_v1_facts import to_fact

_AT = datetime(2026, 8, 21, 16, 41, 2, 120113, tzinfo=UTC)
_SHOP, _SOURCE = Target("shop", "production"), SourceRef("git", "infra", "b939", "a/b")
_V1, _V2 = (ImageRef("shop", "v1"),), (ImageRef("shop", "v2", "sha256:" + "0" * 64),)
_POLICIES = Policies(
    default=Policy(late_after=timedelta(microseconds=1500001)),
    environments={"staging": Policy(governed_by=Model.API, missed_after=timedelta(days=400))},
)
_INTENT: dict[str, Any] = {
    "id": "i1", "model": Model.API, "target": _SHOP, "previous_artifacts": _V1, "declared_at": _AT, "source": _SOURCE,
    "actor": "ci", "backfilled": True, "details": {"reason": "x"},
}  # fmt: skip
_LOSS: dict[str, Any] = {"source": _SOURCE, "model": Model.GITOPS, "targets": (_SHOP,), "details": {"unreadable": "x"}}
_TARGETS: dict[str, object] = {"targets": [{"service": "shop", "environment": "production"}]}

CASES: list[tuple[EventKind, Fact, dict[str, object]]] = [
    (EventKind.INTENT_DECLARED, IntentDeclared(artifacts=_V2, **_INTENT), {}),
    (EventKind.INTENT_WITHDRAWN, IntentWithdrawn(**_INTENT), {}),
    (
        EventKind.OBSERVATION_REPORTED,
        ObservationReported(
            id="o1", target=_SHOP, artifacts=_V1, phase=Phase.LIVE, source=_SOURCE, source_time=_AT, details={"a": 1}
        ),
        {"phase": "live"},
    ),
    (EventKind.SOURCE_LOST, SourceLost(**_LOSS), _TARGETS),
    (EventKind.SOURCE_RETURNED, SourceReturned(**(_LOSS | {"model": None})), _TARGETS),
    (
        EventKind.SOURCE_REWRITTEN,
        SourceRewritten(id="r1", source=_SOURCE, model=Model.GITOPS, details={"old_tip": "a"}),
        {},
    ),
    (
        EventKind.CONFIG_CHANGED,
        ConfigChanged(digest="d1", policies=_POLICIES, details={"file": "x"}),
        {"digest": "d1", "policies": _POLICIES.to_details()},
    ),
]


def event_of(kind: EventKind, fact: Fact, added: dict[str, object]) -> Event:
    """The event of a fact, as the core makes it: the parts with the same name, and the others in details."""
    shared = {field.name for field in fields(fact)} & {field.name for field in fields(Event)}
    parts: dict[str, Any] = {name: getattr(fact, name) for name in shared}
    return Event(
        **({"id": "derived"} | parts | {"kind": kind, "received_at": _AT, "details": {**fact.details, **added}})
    )


def stored(event: Event) -> Event:
    return decode_body(encode_body(event, position=1, recorded_at=_AT)).event


@pytest.mark.parametrize(("kind", "fact", "added"), CASES)
def test_every_fact_comes_back_from_its_stored_event(kind: EventKind, fact: Fact, added: dict[str, object]) -> None:
    assert to_fact(stored(event_of(kind, fact, added))) == fact


@pytest.mark.parametrize("kind", sorted(CONCLUSION_KINDS))
def test_a_conclusion_is_no_fact(kind: EventKind) -> None:
    with pytest.raises(ValueError, match="conclusion"):
        to_fact(Event(id="c1", kind=kind, received_at=_AT, target=_SHOP))


@pytest.mark.parametrize(
    ("case", "changes", "words"),
    [
        (0, {"target": None}, "service and environment"),
        (0, {"model": None}, "model"),
        (0, {"declared_at": None}, "declared_at"),
        (1, {"source": None}, "source"),
        (2, {"details": {"phase": "sleeping"}}, "details.phase"),
        (2, {"details": {"phase": ["live"]}}, "details.phase"),
        (2, {"details": {}}, "details.phase"),
        (3, {"details": {"targets": 1}}, "details.targets"),
        (3, {"details": {"targets": [{"service": "shop"}]}}, "details.targets"),
        (3, {"details": {"targets": [7]}}, "details.targets"),
        (6, {"details": {"policies": {}}}, "details.digest"),
        (6, {"details": {"digest": "d1"}}, "details.policies"),
        (6, {"details": {"digest": "d1", "policies": {"environments": []}}}, "environments is not a mapping"),
        (6, {"details": {"digest": "d1", "policies": {"default": {"late_after": "15m"}}}}, "late_after"),
        (6, {"details": {"digest": "d1", "policies": {"default": {"late_after": True}}}}, "late_after"),
        (6, {"details": {"digest": "d1", "policies": {"default": {"late_after": 1e300}}}}, "late_after"),
        (6, {"details": {"digest": "d1", "policies": {"default": {"governed_by": "pull"}}}}, "pull"),
    ],
)
def test_a_part_that_the_fact_needs_and_the_event_lacks_is_named(
    case: int, changes: dict[str, Any], words: str
) -> None:
    kind, fact, added = CASES[case]
    broken = event_of(kind, fact, added)
    parts = {field.name: getattr(broken, field.name) for field in fields(Event)}
    with pytest.raises(ValueError, match=words):
        to_fact(Event(**(parts | changes)))


def test_an_environment_without_a_policy_of_its_own_has_the_default_one() -> None:
    assert _POLICIES.policy_of("staging") == _POLICIES.environments["staging"]
    assert _POLICIES.policy_of("production") == _POLICIES.default


def test_a_policy_of_an_older_version_keeps_the_defaults_it_did_not_know() -> None:
    assert Policies.from_details({"default": {"late_after": 60}}) == Policies(
        default=Policy(late_after=timedelta(minutes=1))
    )
