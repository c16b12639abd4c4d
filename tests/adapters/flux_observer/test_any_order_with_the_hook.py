"""Flux posts what its observer also watches: early, late, twice or never, with restarts in between, the log concludes the same."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.events import FACT_KINDS, Event
from bridge.domain.facts import Fact, IntentDeclared
from bridge.domain.fleet import Fleet
from bridge.domain.names import Model, SourceRef, Target, parse_image
from bridge.formats.event_v1_facts import to_fact
from tests.adapters.flux_observer.test_any_order import ACTS, AT, FEEDS, Act, Bridge, lived
from tests.support.fake_kubernetes.store import Entry
from tests.support.flux import HELM_RELEASES, KUSTOMIZATIONS, commit
from tests.support.report_deliveries import JSON, decoder, flux, request

POSTED = {KUSTOMIZATIONS: "Kustomization", HELM_RELEASES: "HelmRelease"}


class BridgeWithHook(Bridge):
    """Takes what Flux posts, and what Git declares; a restart begins with the log's facts alone."""

    def take(self, facts: list[Fact]) -> None:
        known = {event.id for event in self.events}
        for fact in facts:
            if getattr(fact, "id", None) not in known:
                self.events += self.fleet.receive(fact, at=AT).events

    def posted(self, event: dict[str, Any]) -> None:
        message = decoder("flux").decode(request(JSON, event))
        self.take(list(message.reports) if message is not None else [])

    def restart(self, seen: int, lags: Any) -> None:
        self.fleet = Fleet()
        again: list[Event] = []
        for event in self.events:
            if event.kind in FACT_KINDS:
                again += self.fleet.receive(to_fact(event), at=event.received_at).events
        assert again == self.events
        super().restart(seen, lags)

    @property
    def concluded(self) -> list[tuple[str, ...]]:
        made = [event for event in self.events if event.kind not in FACT_KINDS]
        return sorted((str(each.kind), str(each.target), str(each.artifacts), each.intent_id or "") for each in made)


def posts(entry: Entry) -> list[dict[str, Any]]:
    """What notification-controller sends of a condition: an event of severity error, or of information."""
    kind = POSTED.get(entry.resource)
    if kind is None:
        return []
    status = entry.obj.get("status", {})
    revision = {"revision": status["lastAttemptedRevision"]} if "lastAttemptedRevision" in status else {}
    thing = {"kind": kind, "namespace": "production", "name": entry.obj["metadata"]["name"]}
    return [
        flux(
            involvedObject=thing,
            severity="error" if each["status"] == "False" else "info",
            reason=each["reason"],
            message=each["message"],
            timestamp=each["lastTransitionTime"],
            metadata=revision,
        )
        for each in status.get("conditions", ())
    ]


def wishes(acts: list[Act], number: int) -> list[Fact]:
    """What Git declares for both services before the act of this number, at the commit that Flux then syncs."""
    if number >= len(acts):
        return []
    name = f"v{number + 1}"
    return [
        IntentDeclared(
            id=f"{service}-{name}",
            model=Model.GITOPS,
            target=Target(service, "production"),
            artifacts=(parse_image(f"ghcr.io/acme/{service}:{name}"),),
            declared_at=AT,
            source=SourceRef("git", "infra", commit(name)),
        )
        for service in ("shop", "cart")
    ]


def begins(acts: list[Act]) -> dict[int, int]:
    """The number of each act, by the write that it begins with."""
    return {len(lived(acts[:number])): number for number in range(len(acts))}


lives = st.lists(st.sampled_from(ACTS), min_size=1, max_size=4)
quick = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(acts=lives, chance=st.randoms(use_true_random=False), from_the_start=st.booleans())
def test_posts_and_restarts_change_no_conclusion(acts: list[Act], chance: Any, from_the_start: bool) -> None:
    entries, starts = lived(acts), begins(acts)
    quiet, bridge = BridgeWithHook(entries), BridgeWithHook(entries)
    first = 0 if from_the_start else min(starts)
    for index in range(len(entries)):
        for each in (quiet, bridge):
            if index in starts:
                each.take(wishes(acts, starts[index]))
            each.see(index)
        if index < first:
            continue
        for _ in range(chance.randint(0, 2)):
            told = entries[chance.randint(max(0, index - 10), min(index + 4, len(entries) - 1))]
            for post in posts(told):
                bridge.posted(post)
        deed = chance.random()
        if deed < 0.1:
            bridge.list_again(index + 1)
        elif deed < 0.2:
            bridge.restart(index + 1, [chance.randint(0, 3) for _ in FEEDS])
    assert bridge.concluded == quiet.concluded
