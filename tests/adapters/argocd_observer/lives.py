"""Lives of an Argo CD, write by write, and a bridge without what carries things between its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from adapters.kubernetes_client import Change, KnownObjects, Verb
from adapters.observers.argocd.book import Book
from adapters.observers.argocd.decode import Application, ApplicationReader
from adapters.observers.argocd.settings import ArgocdObserverSettings
from bridge.domain.events import FACT_KINDS, Event
from bridge.domain.facts import Fact, IntentDeclared
from bridge.domain.fleet import Fleet
from bridge.domain.linking import INTENT_INFO
from bridge.domain.names import Model, SourceRef, Target, parse_image
from bridge.formats.event_v1_facts import to_fact
from bridge.formats.mapping import TargetMap
from tests.support.applications import APPLICATIONS, Applications, helm
from tests.support.fake_kubernetes.store import Entry, Object, Store
from tests.support.report_deliveries import JSON, decoder, notify, request

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("shop", "cart")
Act = Callable[[Applications, str, int], None]
Script = list[tuple[Act, str, int]]
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


ACTS: list[Act] = [
    deploy, fail, fail_unknown, degrade, heal, override, recreate,
]  # fmt: skip


DECLARED = {deploy, fail, degrade, recreate}  # such as a commit brings about


def wish(name: str, number: int, intent_id: str, at: datetime) -> IntentDeclared:
    """Git declares the image."""
    return IntentDeclared(
        id=intent_id,
        model=Model.GITOPS,
        target=Target(name, "production"),
        artifacts=(parse_image(image(name, number)),),
        declared_at=at,
        source=SourceRef("git", "infra"),
    )


@dataclass(frozen=True)
class Moment:
    """A write, all that there is after it, and what was declared before it."""

    entry: Entry
    state: list[Object]
    declared: tuple[IntentDeclared, ...] = ()


class Bridge:
    """The observer's part, the hook's and the core."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.events: list[Event] = []
        self.at = START + timedelta(hours=1)
        self.moment = ""
        self.known: KnownObjects[Application] = KnownObjects()
        self.book = Book(SourceRef("argocd", "argo"), started=True)
        self.hook = decoder("argocd")

    def restart(self, state: list[Object]) -> None:
        """From the facts of the log, with the state as it was when it was left."""
        self.fleet = Fleet()
        again: list[Event] = []
        for event in self.events:
            if event.kind in FACT_KINDS:
                again += self.fleet.receive(to_fact(event), at=event.received_at).events
        assert again == self.events
        self.known = KnownObjects()
        self.book = Book(SourceRef("argocd", "argo"), dict(self.fleet.reported("argo")))
        self._take(self._list(state))
        self.book.started = True
        self.record(self.book.report(self.book.first_targets(followed_on=True), {None: self.moment}))

    def list(self, state: list[Object]) -> None:
        self._take(self._list(state))

    def watch(self, moment: Moment) -> None:
        """Its declarations, then its watch event."""
        self.record(moment.declared)
        self.event(moment.entry)

    def event(self, entry: Entry) -> None:
        described = describe(msgspec.json.encode(entry.obj))
        if not self.known.is_older(described):
            self._take(self.known.take_in(Verb(entry.verb), described))

    def notified(self, entry: Entry) -> None:
        """Argo CD posts the Application as it was after a write."""
        message = self.hook.decode(request(JSON, notify(entry.obj)))
        self.record(message.reports if message is not None else ())

    def record(self, facts: Iterable[Fact]) -> None:
        """As the recorder does: what the log knows by its id is not taken in again."""
        known = {event.id for event in self.events}
        for fact in facts:
            if getattr(fact, "id", None) not in known:
                self.events += self.fleet.receive(fact, at=self.at).events

    def _list(self, state: list[Object]) -> list[Change[Application]]:
        described = [describe(msgspec.json.encode(obj)) for obj in state]
        changes = [change for each in described for change in self.known.take_listed(each)]
        return changes + self.known.forget_others({each.key for each in described})

    def _take(self, changes: list[Change[Application]]) -> None:
        for change in changes:
            self.moment = max(self.moment, change.kept.moment)
        self.record(self.book.apply(changes))

    @property
    def told(self) -> list[tuple[Any, ...]]:
        """All but the pushed reports that stand aside."""
        return [
            (event.kind, event.target, event.artifacts, event.details.get("phase"), event.source_time, event.actor)
            for event in self.events
            if not event.details.get("aside")
        ]

    @property
    def concluded(self) -> list[tuple[Any, ...]]:
        """Without an order."""
        made = [event for event in self.events if event.kind not in FACT_KINDS]
        return sorted((str(each.kind), str(each.target), str(each.artifacts), each.intent_id or "") for each in made)


def live(script: Script, *, declared: bool = False) -> list[Moment]:
    """Every write of a life.

    With ``declared``, Git wished each image before it was deployed, and every other sync carries the id of its wish.
    """
    store = Store()
    moments: list[Moment] = []
    wished: list[IntentDeclared] = []

    def write(entry: Entry) -> None:
        moments.append(Moment(entry, list(store.objects[APPLICATIONS].values()), tuple(wished)))
        wished.clear()

    store.listeners.append(write)
    argo = Applications(store)
    for name in NAMES:
        argo.create(name)
        deploy(argo, name, 0)
    for number, (act, name, version) in enumerate(script):
        if declared and act in DECLARED:
            wished.append(wish(name, version, f"wish-{number}", store.now))
        if declared and act is deploy and number % 2:
            carried = [{"name": INTENT_INFO, "value": f"wish-{number}"}]
            argo.deploy(name, f"r{version}", image(name, version), info=carried)
        else:
            act(argo, name, version)
    return moments
