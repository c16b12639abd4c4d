"""What runs, by target: keeps every Application and what was made of it, and says what is news. Pure: no I/O, no clock.

Several Applications of one service are one deployment: live when all of them are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from adapters.kubernetes_client import Change, Verb
from adapters.observers.argocd.decode import Application, ApplicationKey, Operation, read_moment
from adapters.observers.argocd.past import deployments_before, deployments_missed
from adapters.observers.argocd.verdict import Memory, Trust, Verdict, judge, recall
from bridge.domain.events import derive_id
from bridge.domain.facts import Fact, IntentDeclared, IntentWithdrawn, ObservationReported
from bridge.domain.legs import DETAIL as LEGS
from bridge.domain.legs import tell
from bridge.domain.linking import is_commit, read_link
from bridge.domain.matching import match_artifacts
from bridge.domain.names import ImageRef, Model, Phase, SourceRef, Target, bundle

OVERRIDE = "argocd-override"  # the kind of source that an overridden parameter is
_SHOWN = 10  # Applications named in one event
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Entry:
    """One Application and what is remembered of it."""

    app: Application
    memory: Memory = field(default_factory=Memory)
    verdict: Verdict | None = None
    cascades: bool = False


@dataclass(slots=True)
class Book:
    """The Applications of one Argo CD. ``apply`` takes changes in order and returns what is news, in order."""

    source: SourceRef
    told: dict[Target, tuple[tuple[ImageRef, ...], Phase]] = field(default_factory=dict)  # the last word on each
    history: bool = True
    overrides: bool = True
    entries: dict[ApplicationKey, Entry] = field(default_factory=dict)
    started: bool = False  # from now on changes are news; before, the state is only being collected
    unmapped: dict[ApplicationKey, None] = field(default_factory=dict)
    orphaned: int = 0  # Applications deleted without what they had deployed
    heals: int = 0  # times that Argo CD put back what somebody had changed
    declared: dict[Target, tuple[ImageRef, ...]] = field(default_factory=dict)  # by overrides
    _targets: dict[Target, dict[ApplicationKey, None]] = field(default_factory=dict)
    _unreported: dict[Target, None] = field(default_factory=dict)
    _failed: dict[Target, str] = field(default_factory=dict)  # the operation whose failure was told, without images

    def apply(self, changes: Iterable[Change[Application]]) -> list[Fact]:
        """Take changes in: each is judged, also one that the next undoes."""
        return [fact for change in changes for fact in self._take(change)]

    def first_targets(self, *, followed_on: bool) -> list[Target]:
        """The targets that ``report`` is to be asked for once the state was read; each once.

        What was told before and is not there any more is gone, unless everything since was watched (``followed_on``).
        """
        targets = list(self._unreported)
        self._unreported.clear()
        if not followed_on:
            targets += [target for target in self.told if target not in self._targets]
        return targets

    def report(self, targets: Sequence[Target], since: Mapping[str | None, str | None]) -> list[Fact]:
        """What these run after a start, where it was not told before it; and before that, what their history says.

        ``since``: the newest moment that was told already, by namespace or for all (None); no moment at the first contact.
        """
        facts: list[Fact] = []
        for target in targets:
            entries = self._entries(target)
            if self.history:
                for entry in entries:
                    facts += deployments_before(entry.app, _moment_of(entry, since), self.source)
            first_contact = target not in self.told
            self._remember(target, entries, since)
            facts += self._declarations(target, None, backfilled=first_contact)
            facts += self._news(target)
        return facts

    def unreadable(self) -> list[str]:
        """Images that are none, with their Applications; a few of them."""
        wrong = (f"{key}: {text}" for key, entry in self.entries.items() for text in entry.app.unreadable)
        return [each for each, _ in zip(wrong, range(_SHOWN), strict=False)]

    # --- taking in -------------------------------------------------------------------------------------------------

    def _take(self, change: Change[Application]) -> Iterator[Fact]:
        app = change.kept
        known = self.entries.get(app.key)
        before = known.app.target if known is not None else None
        if change.verb is Verb.DELETED:
            yield from self._delete(app, known)
            return
        if app.target is None:
            self.unmapped[app.key] = None
            self.entries.pop(app.key, None)
        else:
            self.unmapped.pop(app.key, None)
            self._targets.setdefault(app.target, {})[app.key] = None
            self._note(known, app)
        if before is not None and before != app.target:
            self._unlink(before, app.key)
            yield from self._declarations(before, app)
            yield from self._news(before)
        if app.target is None:
            return
        if not self.started:
            self._unreported[app.target] = None
            return
        if self.history and change.before is not None:
            yield from deployments_missed(change.before, app, self.source)
        yield from self._declarations(app.target, app)
        yield from self._news(app.target)

    def _note(self, known: Entry | None, app: Application) -> None:
        entry = known or Entry(app)
        operation = app.operation
        if (
            known is not None
            and operation is not None
            and operation.heals
            and operation.started != entry.memory.operation
        ):
            self.heals += 1
        self.entries[app.key] = entry
        entry.app = app
        entry.cascades = app.cascades or entry.cascades
        entry.verdict = judge(app, entry.memory) or entry.verdict

    def _remember(self, target: Target, entries: Sequence[Entry], since: Mapping[str | None, str | None]) -> None:
        """Take from the log what Argo CD can't tell: that these images were live before, or were changed after their sync."""
        artifacts, phase = self.told.get(target, ((), Phase.GONE))
        if not artifacts:
            if phase is Phase.FAILED and entries:
                newest = max(entries, key=_began)
                if _began(newest) <= (_moment_of(newest, since) or ""):
                    self._failed[target] = _began(newest)
            return
        alone = len(entries) == 1
        for entry in entries:
            own = artifacts if alone else bundle(_those_of(entry.app, artifacts))
            entry.memory = recall(entry.app, own, phase)
            said = judge(entry.app, entry.memory)
            entry.verdict = said or Verdict(own, phase, Trust.UNKNOWN)

    def _delete(self, app: Application, known: Entry | None) -> Iterator[Fact]:
        self.unmapped.pop(app.key, None)
        entry = self.entries.pop(app.key, None)
        target = known.app.target if known is not None else app.target
        if target is None:
            return
        self._unlink(target, app.key)
        yield from self._declarations(target, app)
        cascades = app.cascades or (entry is not None and entry.cascades)
        if not cascades:
            # Its workloads run on, and nobody here sees them any more.
            self.orphaned += 1
            if not self._targets.get(target):
                self._targets.pop(target, None)
                self.told.pop(target, None)
            return
        yield from self._news(target)

    def _unlink(self, target: Target, key: ApplicationKey) -> None:
        if (keys := self._targets.get(target)) is not None:
            keys.pop(key, None)

    def _entries(self, target: Target) -> list[Entry]:
        return [self.entries[key] for key in self._targets.get(target, {})]

    # --- telling ---------------------------------------------------------------------------------------------------

    def _news(self, target: Target) -> Iterator[Fact]:
        if not self.started:
            return
        entries = self._entries(target)
        if not entries:
            yield from self._gone(target)
            return
        told = [(entry, entry.verdict) for entry in entries if entry.verdict is not None]
        if not told:
            return
        newest, verdict = _sum_up(told)
        if not verdict.artifacts and verdict.phase is Phase.FAILED:
            yield from self._failed_unknown(target, newest, verdict)
        elif verdict.artifacts and self.told.get(target) != (verdict.artifacts, verdict.phase):
            yield self._report(target, newest, verdict, entries)

    def _failed_unknown(self, target: Target, entry: Entry, verdict: Verdict) -> Iterator[Fact]:
        """A sync that failed before its images were known; another one after it is another failure, and says so by beginning."""
        operation = entry.app.operation
        if operation is None or self._failed.get(target) == operation.started:
            return
        self._failed[target] = operation.started
        if self.told.get(target) == ((), Phase.FAILED):
            began = Verdict((), Phase.STARTED, Trust.UNKNOWN, read_moment(operation.started))
            yield self._report(target, entry, began, [entry])
        yield self._report(target, entry, verdict, [entry])

    def _report(self, target: Target, newest: Entry, verdict: Verdict, entries: Sequence[Entry]) -> ObservationReported:
        self.told[target] = (verdict.artifacts, verdict.phase)
        operation = newest.app.operation
        return ObservationReported(
            target=target,
            artifacts=verdict.artifacts,
            phase=verdict.phase,
            source=replace(self.source, revision=_revision(newest.app)),
            source_time=verdict.at,
            intent_id=_intent(newest.app),
            actor=operation.actor if operation is not None and verdict.trust is not Trust.SUMMARY else None,
            details=_details(newest.app, verdict, entries),
        )

    def _gone(self, target: Target) -> Iterator[Fact]:
        self._targets.pop(target, None)
        told = self.told.pop(target, None)
        if told is not None and told[1] is not Phase.GONE:
            yield ObservationReported(target=target, artifacts=(), phase=Phase.GONE, source=self.source)

    def _declarations(self, target: Target, app: Application | None, *, backfilled: bool = False) -> Iterator[Fact]:
        """What overrides declare for the target, where that is new. ``app``: the Application that changed."""
        if not self.overrides or not self.started:
            return
        found = [(entry.app, entry.app.override) for entry in self._entries(target)]
        set_by = [(each, override) for each, override in found if override is not None]
        images = bundle(image for _, override in set_by for image in override.images)
        before = self.declared.get(target, ())
        if images == before:
            return
        self.declared[target] = images
        told = self.told.get(target, ((), Phase.GONE))[0]
        if app is None and not backfilled and match_artifacts(images, told).is_full:
            return  # a restart: it was declared before, and did what it was meant to
        if not images:
            del self.declared[target]
            if app is not None:
                yield self._withdrawn(target, app, before)
            return
        by, override = max(set_by, key=lambda each: each[1].at or "")
        yield IntentDeclared(
            id=None,
            model=Model.API,
            target=target,
            artifacts=images,
            previous_artifacts=before,
            declared_at=read_moment(override.at) or read_moment(by.reconciled) or _LONG_AGO,
            source=self._place(by),
            actor=override.manager,
            backfilled=backfilled,
            details={"application": str(by.key), "destination": by.destination},
        )

    def _withdrawn(self, target: Target, app: Application, before: tuple[ImageRef, ...]) -> IntentWithdrawn:
        occurrence = (self.source.name, app.uid, app.version, *map(str, before))
        return IntentWithdrawn(
            id=derive_id(OVERRIDE, "withdrawn", *occurrence),
            model=Model.API,
            target=target,
            previous_artifacts=before,
            declared_at=read_moment(app.reconciled) or _LONG_AGO,
            source=self._place(app),
            details={"application": str(app.key), "destination": app.destination},
        )

    def _place(self, app: Application) -> SourceRef:
        return SourceRef(OVERRIDE, self.source.name, None, f"{app.key} spec.source")


def _those_of(app: Application, artifacts: Iterable[ImageRef]) -> Iterator[ImageRef]:
    """The artifacts of a target that are this Application's, by their repositories."""
    synced = app.operation.images if app.operation is not None else ()
    own = {image.canonical_repository for image in (*synced, *app.running)}
    return (image for image in artifacts if image.canonical_repository in own)


def _sum_up(told: Sequence[tuple[Entry, Verdict]]) -> tuple[Entry, Verdict]:
    """What the Applications of one target run together and how far they are, and the one of them that says so."""
    unknown = [each for each in told if not each[1].artifacts]
    newest, verdict = max(unknown or told, key=lambda each: _began(each[0]))
    if unknown or len(told) == 1:
        return newest, verdict
    artifacts: dict[str | None, frozenset[ImageRef]] = {}
    behind = None
    for _, each in sorted(told, key=lambda one: _began(one[0]), reverse=True):
        own: dict[str | None, set[ImageRef]] = {}
        for image in each.artifacts:
            own.setdefault(image.canonical_repository, set()).add(image)
        for repository, images in own.items():
            if artifacts.setdefault(repository, frozenset(images)) != images:
                behind = f"two versions of {repository} in Applications of one service"
    together = bundle(image for images in artifacts.values() for image in images)
    phases = {each.phase for _, each in told}
    if phases == {Phase.LIVE}:
        if behind is not None:
            return newest, replace(verdict, artifacts=together, phase=Phase.PROGRESSING, reason=behind)
        return newest, replace(verdict, artifacts=together, at=_latest(each.at for _, each in told))
    for phase in (Phase.FAILED, Phase.STARTED):
        if phase in phases:
            newest, verdict = next(each for each in told if each[1].phase is phase)
            return newest, replace(verdict, artifacts=together)
    return newest, replace(verdict, artifacts=together, phase=Phase.PROGRESSING)


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in times if at is not None), default=None)


def _moment_of(entry: Entry, since: Mapping[str | None, str | None]) -> str | None:
    """Up to when the Applications of its namespace were told of."""
    return since.get(entry.app.key.namespace, since.get(None))


def _began(entry: Entry) -> str:
    return entry.app.operation.started if entry.app.operation is not None else ""


def _details(app: Application, verdict: Verdict, entries: Sequence[Entry]) -> dict[str, object]:
    details: dict[str, object] = {
        "applications": [str(entry.app.key) for entry in entries[:_SHOWN]],
        "project": app.project,
        "destination": app.destination,
        "images_from": verdict.trust.value,
        "health": app.health,
        "sync": app.sync,
    }
    operation = app.operation
    if operation is not None:
        said = {
            "started_at": operation.started,
            "finished_at": operation.finished,
            "phase": operation.phase,
            "revisions": list(operation.revisions),
            "automated": operation.automated,
            "partial": operation.partial or None,
            "self_heal": operation.heals or None,
            "retries": operation.retries or None,
            "rollback_to": operation.rollback_to,
        }
        details["operation"] = {key: value for key, value in said.items() if value is not None}
        if legs := _legs(app, operation):
            details[LEGS] = legs
    if verdict.reason:
        details["reason"] = verdict.reason
    return details


def _intent(app: Application) -> str | None:
    """The intent that the last sync carries, or else the Application."""
    return read_link((app.operation.intent if app.operation is not None else None) or app.intent)


def _revision(app: Application) -> str | None:
    """The one commit that the last sync applied; of several sources none is the infra repository's for certain."""
    revisions = app.operation.revisions if app.operation is not None else ()
    return revisions[0] if len(revisions) == 1 and is_commit(revisions[0]) else None


def _legs(app: Application, operation: Operation) -> dict[str, dict[str, str]]:
    """A sync that Argo CD began by itself follows from the comparison before it; later ones move that time on."""
    started, compared = read_moment(operation.started), read_moment(app.reconciled)
    follows = operation.automated and operation.phase == "Running"
    noticed = compared if follows and started is not None and compared is not None and compared <= started else None
    finished = read_moment(operation.finished) if operation.phase == "Succeeded" and not operation.partial else None
    return tell(
        noticed=(noticed, "reconciledAt before the automated sync") if noticed is not None else None,
        sync_started=(started, "operationState.startedAt") if started is not None else None,
        applied=(finished, "operationState.finishedAt") if finished is not None else None,
    )
