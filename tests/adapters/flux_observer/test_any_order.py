"""Whatever order, repetition and restart the feeds bring, the log tells the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.events import Event
from bridge.domain.facts import ObservationReported
from bridge.domain.fleet import Fleet
from tests.adapters.flux_observer.cluster import Watcher, made, short
from tests.support.fake_kubernetes.store import Entry, Key, Store
from tests.support.flux import HELM_RELEASES, KUSTOMIZATIONS, FluxCluster, revision
from tests.support.workloads import DEPLOYMENTS

AT = datetime(2026, 3, 1, 13, tzinfo=UTC)
FEEDS = (KUSTOMIZATIONS, HELM_RELEASES, DEPLOYMENTS)
Act = Callable[[FluxCluster, str, str], None]


def shop(number: str) -> str:
    return f"ghcr.io/acme/shop:{number}"


def cart(number: str) -> str:
    return f"ghcr.io/acme/cart:{number}"


def deployed(cluster: FluxCluster, number: str, _live: str) -> None:
    cluster.attempt("shop", revision(number))
    cluster.apply(KUSTOMIZATIONS, "shop", "shop", shop(number))
    cluster.workloads.roll("shop", updated=1)
    cluster.workloads.complete("shop")
    cluster.succeed("shop", number, "shop")


def applied_without_waiting(cluster: FluxCluster, number: str, _live: str) -> None:
    cluster.attempt("shop", revision(number))
    cluster.apply(KUSTOMIZATIONS, "shop", "shop", shop(number))
    cluster.succeed("shop", number, "shop")
    cluster.workloads.complete("shop")


def noise(cluster: FluxCluster, number: str, live: str) -> None:
    cluster.attempt("shop", revision(number))
    cluster.succeed("shop", live, "shop")


def build_failed(cluster: FluxCluster, number: str, live: str) -> None:
    cluster.attempt("shop", revision(number))
    cluster.fail("shop", "BuildFailed")
    cluster.attempt("shop", revision(number))
    cluster.fail("shop", "BuildFailed")
    cluster.attempt("shop", revision(f"{number} mended"))
    cluster.succeed("shop", live, "shop")


def health_failed(cluster: FluxCluster, number: str, live: str) -> None:
    cluster.attempt("shop", revision(number))
    cluster.apply(KUSTOMIZATIONS, "shop", "shop", shop(number))
    cluster.fail("shop", "HealthCheckFailed")
    cluster.attempt("shop", revision(number))
    cluster.fail("shop", "HealthCheckFailed")
    deployed(cluster, f"{number}-mended", live)


def changed_by_hand(cluster: FluxCluster, number: str, live: str) -> None:
    cluster.workloads.set_images("shop", shop(f"{number}-by-hand"), manager="kubectl-set")
    cluster.apply(KUSTOMIZATIONS, "shop", "shop", shop(live))
    cluster.workloads.complete("shop")


def upgraded(cluster: FluxCluster, number: str, _live: str) -> None:
    cluster.upgrade("cart", "1.0.0", number)
    cluster.apply(HELM_RELEASES, "cart", "cart", cart(number))
    cluster.workloads.complete("cart")
    cluster.released("cart")


def upgrade_failed(cluster: FluxCluster, number: str, live: str) -> None:
    cluster.upgrade("cart", "1.0.0", number)
    cluster.apply(HELM_RELEASES, "cart", "cart", cart(number))
    cluster.released("cart", "failed", "UpgradeFailed")
    cluster.apply(HELM_RELEASES, "cart", "cart", cart(live))
    cluster.workloads.complete("cart")
    cluster.rolled_back("cart", "Helm upgrade failed")


ACTS: tuple[Act, ...] = (
    deployed,
    applied_without_waiting,
    noise,
    build_failed,
    health_failed,
    changed_by_hand,
    upgraded,
    upgrade_failed,
)
_SHOP_MOVES = {deployed: "{}", applied_without_waiting: "{}", health_failed: "{}-mended"}


def lived(acts: Sequence[Act]) -> list[Entry]:
    """Every write of a life in which these things happen one after the other."""
    store = Store()
    cluster = FluxCluster(store)
    cluster.kustomization("shop")
    cluster.release("cart")
    deployed(cluster, "v0", "")
    upgraded(cluster, "v0", "")
    live = {"shop": "v0", "cart": "v0"}
    for number, act in enumerate(acts, start=1):
        name = f"v{number}"
        act(cluster, name, live["cart" if act in {upgraded, upgrade_failed} else "shop"])
        if act in _SHOP_MOVES:
            live["shop"] = _SHOP_MOVES[act].format(name)
        elif act is upgraded:
            live["cart"] = name
    return store.history


@dataclass
class Bridge:
    """An observer that can be restarted, and the log beside it."""

    entries: Sequence[Entry]
    events: list[Event] = field(default_factory=list)
    fleet: Fleet = field(default_factory=Fleet)
    watcher: Watcher = field(default_factory=lambda: Watcher(made()))
    told_at: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # by feed: the entry of its last fact

    def record(self, facts: Sequence[ObservationReported]) -> None:
        """As the recorder does: what the log knows by its id is not taken in again."""
        known = {event.id for event in self.events}
        for fact in facts:
            if fact.id is None or fact.id not in known:
                self.events += self.fleet.receive(fact, at=AT).events

    def see(self, index: int) -> None:
        found = self.watcher.see(self.entries[index])
        if found:
            self.told_at[self.entries[index].resource] = index + 1
        self.record(found)

    def list_again(self, seen: int) -> None:
        for entry in self.state(seen, None):
            assert self.watcher.see(entry) == [], "what is listed again is known"

    def state(self, seen: int, resource: str | None) -> list[Entry]:
        """The newest write of each object among the first ``seen``."""
        newest: dict[tuple[str, Key], Entry] = {}
        for entry in self.entries[:seen]:
            if resource in {None, entry.resource}:
                newest[entry.resource, entry.key] = entry
        return list(newest.values())

    def restart(self, seen: int, lags: Sequence[int]) -> None:
        """Each feed lists its state at its cursor, which is never before the last fact that it told, and follows on from there."""
        self.watcher = Watcher(made(), self.fleet.reported("eu"), started=False)
        cursors = {feed: max(self.told_at[feed], seen - lag) for feed, lag in zip(FEEDS, lags, strict=True)}
        for feed, cursor in cursors.items():
            for entry in self.state(cursor, feed):
                assert self.watcher.see(entry) == []
        self.watcher.book.started = True
        self.record(self.watcher.book.report(self.watcher.book.first_targets(followed_on=True)))
        for index in range(seen):
            if index >= cursors[self.entries[index].resource]:
                self.see(index)

    @property
    def told(self) -> dict[str, list[str]]:
        """Everything in the log about each service, in its order."""
        told: dict[str, list[str]] = defaultdict(list)
        for event in self.events:
            assert event.target is not None
            images = " ".join(map(short, event.artifacts))
            told[event.target.service].append(f"{event.kind} {images} {event.details.get('phase', '')}")
        return told


def in_peace(entries: Sequence[Entry]) -> Bridge:
    bridge = Bridge(entries)
    for index in range(len(entries)):
        bridge.see(index)
    return bridge


lives = st.lists(st.sampled_from(ACTS), min_size=1, max_size=5)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(acts=lives, chance=st.randoms(use_true_random=False))
def test_repetitions_relists_and_restarts_change_nothing(acts: list[Act], chance: object) -> None:
    entries = lived(acts)
    clean, bridge = in_peace(entries), Bridge(entries)
    for index in range(len(entries)):
        bridge.see(index)
        deed = chance.random()  # type: ignore[attr-defined]
        if deed < 0.1:
            bridge.see(index)
        elif deed < 0.2:
            bridge.list_again(index + 1)
        elif deed < 0.3:
            bridge.restart(index + 1, [chance.randint(0, 3) for _ in FEEDS])  # type: ignore[attr-defined]
    assert bridge.told == clean.told


@quick
@given(acts=lives, chance=st.randoms(use_true_random=False))
def test_feeds_that_overtake_each_other_end_in_the_same_words(acts: list[Act], chance: object) -> None:
    """A feed that lags may hide a moment in which something was live; never where it ends."""
    entries, first = lived(acts), len(lived([]))
    waiting = {
        feed: [index for index in range(first, len(entries)) if entries[index].resource == feed] for feed in FEEDS
    }
    bridge, clean = Bridge(entries), in_peace(entries)
    for index in range(first):
        bridge.see(index)
    while any(waiting.values()):
        feed = chance.choice([feed for feed, left in waiting.items() if left])  # type: ignore[attr-defined]
        bridge.see(waiting[feed].pop(0))
    assert bridge.fleet.reported("eu") == clean.fleet.reported("eu")
    for service, words in clean.told.items():
        assert begun(bridge.told[service]) == begun(words), "no change of images is missed"


def begun(words: Sequence[str]) -> list[str]:
    """What was begun, in its order; begun again after a failed attempt at something else is still the same."""
    return [word for word, _ in groupby(word for word in words if word.endswith(" started"))]
