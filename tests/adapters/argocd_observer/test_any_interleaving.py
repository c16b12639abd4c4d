"""However the changes of an Argo CD reach the bridge, with repetitions, lists and restarts between them: the log is the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kubernetes_client import Change, KnownObjects, Verb
from adapters.observers.argocd.book import Book
from adapters.observers.argocd.decode import Application, ApplicationReader
from adapters.observers.argocd.settings import ArgocdObserverSettings
from bridge.domain.events import Event
from bridge.domain.facts import Fact
from bridge.domain.fleet import Fleet
from bridge.domain.names import SourceRef
from bridge.formats.mapping import TargetMap
from tests.support.applications import APPLICATIONS, Applications, helm
from tests.support.fake_kubernetes.store import Entry, Store

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("shop", "cart")
describe = ApplicationReader(ArgocdObserverSettings(kind="argocd", name="argo"), TargetMap()).describe


def image(name: str, number: int) -> str:
    return f"ghcr.io/acme/{name}:v{number}"


def deploy(argo: Applications, name: str, number: int) -> None:
    argo.deploy(name, f"r{number}", image(name, number))


def fail(argo: Applications, name: str, number: int) -> None:
    argo.begin(name, f"r{number}", image(name, number))
    argo.finish(name, "Failed", "no")


def fail_unknown(argo: Applications, name: str, number: int) -> None:
    argo.begin(name, f"r{number}")
    argo.finish(name, "Error", "no manifests")


def degrade(argo: Applications, name: str, number: int) -> None:
    argo.begin(name, f"r{number}", image(name, number))
    argo.finish(name)
    argo.look(name, "Degraded", image(name, number), message="deadline")


def heal(argo: Applications, name: str, number: int) -> None:
    argo.look(name, "Healthy", image(name, 100 + number), sync="OutOfSync")
    argo.begin(name, "heal", image(name, number), heals=True)
    argo.finish(name)
    argo.look(name, "Healthy", image(name, number))


def override(argo: Applications, name: str, number: int) -> None:
    argo.set_source(name, helm=helm(image__tag=f"v{number}"))
    deploy(argo, name, number)


def recreate(argo: Applications, name: str, number: int) -> None:
    argo.delete(name)
    argo.create(name)
    deploy(argo, name, number)


ACTS: list[Callable[[Applications, str, int], None]] = [
    deploy, fail, fail_unknown, degrade, heal, override, recreate,
]  # fmt: skip
steps = st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(NAMES), st.integers(1, 3)), min_size=1, max_size=5)


class Bridge:
    """The observer's part and the core, without what carries things between them."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.events: list[Event] = []
        self.at = START + timedelta(hours=1)
        self.moment = ""
        self.known: KnownObjects[Application] = KnownObjects()
        self.book = Book(SourceRef("argocd", "argo"), started=True)

    def restart(self, state: list[Any]) -> None:
        """From the log, with the state as it was when it was left."""
        self.known = KnownObjects()
        self.book = Book(SourceRef("argocd", "argo"), dict(self.fleet.reported("argo")))
        self._take(self._list(state))
        self.book.started = True
        self._record(self.book.report(self.book.first_targets(followed_on=True), {None: self.moment}))

    def list(self, state: list[Any]) -> None:
        self._take(self._list(state))

    def event(self, entry: Entry) -> None:
        described = describe(msgspec.json.encode(entry.obj))
        if not self.known.is_older(described):
            self._take(self.known.take_in(Verb(entry.verb), described))

    def _list(self, state: list[Any]) -> list[Change[Application]]:
        described = [describe(msgspec.json.encode(obj)) for obj in state]
        changes = [change for each in described for change in self.known.take_listed(each)]
        return changes + self.known.forget_others({each.key for each in described})

    def _take(self, changes: list[Change[Application]]) -> None:
        for change in changes:
            self.moment = max(self.moment, change.kept.moment)
        self._record(self.book.apply(changes))

    def _record(self, facts: list[Fact]) -> None:
        for fact in facts:
            self.events += self.fleet.receive(fact, at=self.at).events

    @property
    def told(self) -> list[tuple[Any, ...]]:
        return [
            (event.kind, event.target, event.artifacts, event.details.get("phase"), event.source_time, event.actor)
            for event in self.events
        ]


def write(script: list[tuple[Any, str, int]]) -> list[tuple[Entry, list[Any]]]:
    """Every write of a life, with the state after it."""
    store = Store()
    entries: list[tuple[Entry, list[Any]]] = []
    store.listeners.append(lambda entry: entries.append((entry, list(store.objects[APPLICATIONS].values()))))
    argo = Applications(store)
    for name in NAMES:
        argo.create(name)
        deploy(argo, name, 0)
    for act, name, number in script:
        act(argo, name, number)
    return entries


@settings(max_examples=60, deadline=None)
@given(steps, st.data())
def test_repetitions_lists_and_restarts_between_any_two_changes_change_nothing(
    script: list[tuple[Any, str, int]], data: st.DataObject
) -> None:
    entries = write(script)
    clean, broken = Bridge(), Bridge()
    for entry, _ in entries:
        clean.event(entry)
    disturbances = data.draw(st.lists(st.sampled_from("....rrlRR"), min_size=len(entries), max_size=len(entries)))
    for number, (entry, state) in enumerate(entries):
        broken.event(entry)
        match disturbances[number]:
            case "r":
                late = entries[data.draw(st.integers(max(0, number - 5), number))][0]
                alive = any(obj["metadata"]["uid"] == late.obj["metadata"]["uid"] for obj in state)
                if late.verb != "DELETED" and alive:
                    broken.event(late)
            case "l":
                broken.list(state)
            case "R":
                broken.restart(state)
            case _:
                pass
    assert broken.told == clean.told
