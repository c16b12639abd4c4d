"""Hypothesis strategies for scripts: facts at moments, and time that passes, over a few targets and every kind of fact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TypeAlias

from hypothesis import strategies as st

from bridge.domain.events import FACT_KINDS, Event
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
from bridge.domain.fleet import Fleet
from bridge.domain.names import ImageRef, Model, Phase, SourceRef, Target, bundle
from bridge.domain.policies import Policies, Policy

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGETS = (Target("shop", "production"), Target("shop", "staging"), Target("team/pay", "production"))
OBSERVERS = (SourceRef("http", "argo"), SourceRef("kubernetes", "cluster"))
SOURCES = {
    Model.GITOPS: (SourceRef("git", "infra", "a" * 40, "prod.yaml"), SourceRef("git", "apps")),
    Model.API: (SourceRef("api", "ci"),),
}


@dataclass(frozen=True)
class Said:
    """A fact at a moment, or (fact None) time that passes to it."""

    at: datetime
    fact: Fact | None


Script: TypeAlias = list[Said]

_minutes = st.integers(0, 40).map(lambda n: timedelta(minutes=n))
_claims = st.integers(-3600, 1200).map(lambda n: timedelta(seconds=n))
_digests = [None, *("sha256:" + sha256(bytes([n])).hexdigest() for n in range(3))]
_images = st.builds(
    ImageRef,
    st.sampled_from(["ghcr.io/acme/shop", "ghcr.io/acme/worker", None]),
    st.sampled_from(["v1", "v2", "v3"]),
    st.sampled_from(_digests),
)
_versions = st.sampled_from([(ImageRef("ghcr.io/acme/shop", f"v{n}"),) for n in range(1, 4)])
artifacts = _versions | st.lists(_images, min_size=1, max_size=3).map(bundle)
targets = st.sampled_from(TARGETS)
models = st.sampled_from(Model)
_some_minutes = st.integers(1, 60).map(lambda n: timedelta(minutes=n))
policies = st.builds(
    Policy,
    governed_by=st.sampled_from([None, *Model]),
    late_after=_some_minutes,
    missed_after=_some_minutes,
    out_of_band_grace=_some_minutes,
    pairing_window=_some_minutes,
)


@st.composite
def intents(draw: st.DrawFn, at: datetime, number: int) -> IntentDeclared | IntentWithdrawn:
    model = draw(models)
    said = {
        "id": f"intent-{number}",
        "model": model,
        "target": draw(targets),
        "declared_at": at + draw(_claims),
        "source": replace(draw(st.sampled_from(SOURCES[model])), revision=draw(st.sampled_from([None, "c1", "c2"]))),
        "actor": draw(st.sampled_from([None, "ann"])),
        "backfilled": draw(st.booleans()) and draw(st.booleans()),
    }
    if draw(st.integers(0, 7)) == 0:
        return IntentWithdrawn(**said, previous_artifacts=draw(artifacts))
    if model is Model.API and draw(st.booleans()):
        said["id"] = None
    details = draw(st.sampled_from([{}, {}, {"reason": "rollback"}]))
    return IntentDeclared(**said, artifacts=draw(artifacts), details=details)


@st.composite
def observations(draw: st.DrawFn, at: datetime, number: int) -> ObservationReported:
    phase = draw(st.sampled_from([Phase.LIVE, Phase.LIVE, Phase.LIVE, *Phase]))
    pushed = draw(st.integers(0, 3)) == 0
    source = SourceRef("argocd", "hook:cd") if pushed else draw(st.sampled_from(OBSERVERS))
    return ObservationReported(
        id=f"observation-{number}" if pushed else draw(st.sampled_from([None, f"observation-{number}"])),
        target=draw(targets),
        artifacts=() if pushed and draw(st.booleans()) else draw(artifacts),
        phase=phase,
        source=replace(source, revision=draw(st.sampled_from([None, None, "c1", "c2"]))),
        source_time=draw(st.none() | _claims.map(lambda claim: at + claim)),
        intent_id=draw(st.none() | st.integers(0, number).map(lambda other: f"intent-{other}")),
        pushed=pushed,
        backfilled=not pushed and draw(st.integers(0, 7)) == 0,
        details=draw(st.sampled_from([{}, {"health": "ok"}])),
    )


@st.composite
def losses(draw: st.DrawFn) -> SourceLost | SourceReturned:
    kind = draw(st.sampled_from([SourceLost, SourceReturned]))
    model = draw(st.sampled_from([None, *Model]))
    if model is None:
        return kind(source=draw(st.sampled_from(OBSERVERS)), model=None)
    source = SourceRef("git", draw(st.sampled_from(SOURCES[model])).name)
    if model is Model.GITOPS and draw(st.booleans()):
        some = draw(st.lists(targets, min_size=1, max_size=2, unique=True))
        return kind(source=SourceRef("git", source.name, None, "prod.yaml"), model=model, targets=tuple(some))
    return kind(source=source, model=model)


@st.composite
def facts(draw: st.DrawFn, at: datetime, number: int) -> Fact | None:
    match draw(st.integers(0, 19)):
        case 0 | 1 | 2:
            return None
        case 3 | 4:
            return draw(losses())
        case 5:
            new = Policies(default=draw(policies), environments={"staging": draw(policies)})
            return ConfigChanged(digest=draw(st.sampled_from(["one", "two", f"{number}"])), policies=new)
        case 6:
            source = draw(st.sampled_from(SOURCES[Model.GITOPS]))
            return SourceRewritten(id=f"rewrite-{number}", source=source, model=Model.GITOPS, details={"new_tip": "b"})
        case kind if kind % 2:
            return draw(observations(at, number))
        case _:
            return draw(intents(at, number))


@st.composite
def scripts(draw: st.DrawFn, longest: int = 25) -> Script:
    """Every kind of fact, in our clock's order; the first is a configuration with short limits."""
    at = START
    script: Script = [Said(at, ConfigChanged(digest="zero", policies=Policies(default=draw(policies))))]
    for number in range(draw(st.integers(1, longest))):
        at += draw(_minutes)
        script.append(Said(at, draw(facts(at, number))))
    script.append(Said(at + timedelta(hours=3), None))
    return script


def play(fleet: Fleet, script: Iterable[Said]) -> list[Event]:
    events: list[Event] = []
    for said in script:
        events += fleet.tick(said.at) if said.fact is None else fleet.receive(said.fact, at=said.at).events
    return events


def facts_of(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event.kind in FACT_KINDS]
