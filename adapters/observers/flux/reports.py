"""From what was judged to the fact that is recorded, with everything that Flux tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from adapters.kubernetes_workloads.bundles import Part
from adapters.kubernetes_workloads.kinds import NAMES
from adapters.kubernetes_workloads.ownership import Hand, ImageOwner
from adapters.kubernetes_workloads.remembered import Remembered
from adapters.observers.flux.reconciled import FluxKey, Reconciled, name_workload
from adapters.observers.flux.revisions import parse_revision
from adapters.observers.flux.sources import Noticed
from adapters.observers.flux.standing import Stand, Standing, read_time
from adapters.observers.flux.workloads import Workload
from bridge.domain.events import derive_id
from bridge.domain.facts import ObservationReported
from bridge.domain.legs import DETAIL, tell
from bridge.domain.names import ImageRef, Phase, SourceRef, Target

_SHOWN = 10  # objects and workloads named in one event
_LONGEST = 300  # characters of a text that somebody else wrote


@dataclass(slots=True)
class Entry(Remembered[Workload]):
    """One workload and what is remembered of it."""

    def to_part(self) -> Part:
        """What it adds to its target."""
        artifacts = tuple(image.reference for image in self.workload.images if image.reference is not None)
        return Part(self.changed, artifacts, self.phase, self.workload.progress.reason)


@dataclass(frozen=True, slots=True)
class Images:
    """Where the images come from: workloads, or objects that name them."""

    entries: tuple[Entry, ...] = ()
    named: tuple[Reconciled, ...] = ()

    @property
    def origin(self) -> str:
        """In a word."""
        found = ["workloads"] if self.entries else []
        return ", ".join(found + sorted({each.names_images_in for each in self.named})) or "unknown"

    @property
    def newest(self) -> Entry | None:
        """The workload whose images changed last."""
        return max(self.entries, key=lambda entry: entry.changed, default=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a target."""

    artifacts: tuple[ImageRef, ...]
    phase: Phase
    objects: tuple[Reconciled, ...]
    images: Images
    reason: str | None = None
    at: datetime | None = None  # when Flux says that it came to this
    id: str | None = None  # where the same may be found anew after a restart

    def failed(self, standing: Standing) -> Verdict:
        """The same, as a failure that Flux tells of."""
        return replace(self, phase=Phase.FAILED, reason=standing.reason, at=standing.at)

    def begun(self) -> Verdict:
        """The beginning of what failed before anything else of it was seen."""
        return replace(self, phase=Phase.STARTED, reason=None, at=None)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes facts."""

    source: SourceRef
    cluster: str
    noticed: Noticed
    foreign: dict[Target, str] = field(default_factory=dict)  # who changed images past Flux, until Flux puts them back
    begun_at: dict[FluxKey, tuple[str, datetime]] = field(
        default_factory=dict
    )  # attempt of each object, and when it began

    def report(self, target: Target, verdict: Verdict) -> ObservationReported:
        """The fact."""
        newest = verdict.images.newest
        owner = newest.workload.owner if newest is not None else None
        intent, carrier = _intent(verdict)
        details = {**self._details(verdict), **self._drift(target, owner)}
        if carrier is not None:
            details["intent_in"] = carrier
        return ObservationReported(
            id=verdict.id,
            target=target,
            artifacts=verdict.artifacts,
            phase=verdict.phase,
            source=replace(self.source, revision=_commit(verdict)),
            source_time=_claimed_time(verdict, owner),
            actor=owner.manager if owner is not None else None,
            intent_id=intent,
            details=details,
        )

    def past(self, target: Target, found: Reconciled) -> Iterator[ObservationReported]:
        """What the object's history says, oldest first. Which images ran no history tells."""
        for past in reversed(found.history):
            parts = (self.source.name, found.uid, past.content, past.status, str(past.version), past.first or "")
            yield ObservationReported(
                id=derive_id("flux-history", *parts),
                target=target,
                artifacts=(),
                phase=Phase.LIVE if past.succeeded else Phase.FAILED,
                source=self.source,
                source_time=read_time(past.first if past.version is None else past.last),
                backfilled=True,
                details={
                    "cluster": self.cluster,
                    "objects": [str(found.key)],
                    "images_from": "unknown",
                    **past.to_details(),
                },
            )

    def _details(self, verdict: Verdict) -> dict[str, object]:
        details: dict[str, object] = {
            "cluster": self.cluster,
            "objects": [str(each.key) for each in verdict.objects[:_SHOWN]],
            "workloads": [name_workload(entry.workload.key) for entry in verdict.images.entries[:_SHOWN]],
            "images_from": verdict.images.origin,
        }
        if verdict.reason:
            details["reason"] = verdict.reason[:_LONGEST]
        if verdict.objects:
            chosen = _telling(verdict.objects)
            details |= self._revision(chosen, verdict.phase, verdict.images.newest)
            suspended = [str(each.key) for each in verdict.objects if each.suspended]
            if suspended:
                details["suspended"] = suspended[:_SHOWN]
        return details

    def note_attempt(self, found: Reconciled) -> None:
        """Remember when Flux began with something new: its condition tells it only while it is at work."""
        if found.standing.stand is Stand.ACTING and found.is_new_attempt and found.standing.at is not None:
            known = self.begun_at.get(found.key)
            if known is None or known[0] != found.attempt:
                self.begun_at[found.key] = (found.attempt, found.standing.at)

    def _legs(self, found: Reconciled, revision: str | None, newest: Entry | None) -> dict[str, dict[str, str]]:
        """When the CD system noticed the revision, began with it, and had applied it; each with where it is read."""
        told: dict[str, tuple[datetime, str]] = {}
        if (noticed := self.noticed.noticed_at(found.source, revision)) is not None:
            told["noticed"] = noticed, f"{found.source.kind if found.source else ''} status.artifact"
        attempt, began = self.begun_at.get(found.key, ("", None))
        if began is not None and attempt == found.attempt:
            told["sync_started"] = began, f"{found.key.kind} Ready=Unknown"
        owner = newest.workload.owner if newest is not None else None
        written = read_time(owner.time) if owner is not None and owner.hand is Hand.CD else None
        if written is not None and newest is not None:
            told["applied"] = written, f"{NAMES[newest.workload.key.kind]} managedFields"
        return tell(**told)

    def _revision(self, found: Reconciled, phase: Phase, newest: Entry | None) -> dict[str, object]:
        """Which revision it is about, when Flux noticed and applied it, and which intent it carries."""
        revision = told_revision(found, phase)
        about_attempt = revision is not None and revision == found.attempted
        details: dict[str, object] = {}
        if revision is not None:
            details["revision"] = (parse_revision(revision).commit or revision)[
                :_LONGEST
            ]  # as intents from Git name it
            details["flux_revision"] = revision[:_LONGEST]
        details |= self.noticed.tell(found.source, revision)
        if legs := self._legs(found, revision, newest):
            details[DETAIL] = legs
        if found.origin and (not about_attempt or found.attempted == found.applied):
            details["origin_revision"] = found.origin[:_LONGEST]
        deployed = found.deployed
        if phase is Phase.LIVE and deployed is not None:
            details["content"] = deployed.content
            if deployed.version is not None:
                details["release"] = deployed.version
        if found.drifted is not None:
            details["drift"] = found.drifted
        return details

    def _drift(self, target: Target, owner: ImageOwner | None) -> dict[str, object]:
        """Who wrote the images; and where Flux put them back, after whom."""
        if owner is None:
            return {}
        hand = owner.hand
        details: dict[str, object] = {
            "image_owner": {
                "manager": owner.manager,
                "operation": owner.operation,
                "time": owner.time,
                "hand": hand.value,
            }
        }
        if hand is not Hand.CD:
            self.foreign[target] = owner.manager
        elif (manager := self.foreign.pop(target, None)) is not None:
            details["corrects"] = f"images written by {manager}"
        return details


def _intent(verdict: Verdict) -> tuple[str | None, str | None]:
    """The intent that the object, else the workload, carries along, and where.

    Annotations stay when somebody else than a CD system writes the images, and mean nothing then.
    """
    newest = verdict.images.newest
    owner = newest.workload.owner if newest is not None else None
    if owner is not None and owner.hand is not Hand.CD:
        return None, None
    if verdict.objects and (found := _telling(verdict.objects)).intent is not None:
        return found.intent, found.intent_in
    if newest is not None and newest.workload.intent is not None:
        return newest.workload.intent, "workload"
    return None, None


def told_revision(found: Reconciled, phase: Phase) -> str | None:
    """The revision that a report of this phase is about: what is being tried, or what was applied."""
    if phase in {Phase.STARTED, Phase.PROGRESSING, Phase.FAILED} and found.attempted is not None:
        return found.attempted
    return found.applied


def _commit(verdict: Verdict) -> str | None:
    """The Git commit that it is about, where there is one."""
    if not verdict.objects:
        return None
    revision = told_revision(_telling(verdict.objects), verdict.phase)
    return parse_revision(revision).commit if revision is not None else None


def _telling(objects: Sequence[Reconciled]) -> Reconciled:
    """The object that the report is about: one that failed, else one at work, else the one that was applied last."""
    order = {Stand.FAILED: 2, Stand.ACTING: 1, Stand.SETTLED: 0}

    def weight(found: Reconciled) -> tuple[int, str]:
        past = found.deployed
        return order[found.standing.stand], (past.last or "") if past is not None else ""

    return max(objects, key=weight)


def _claimed_time(verdict: Verdict, owner: ImageOwner | None) -> datetime | None:
    if verdict.at is not None:
        return verdict.at
    if verdict.phase in {Phase.LIVE, Phase.FAILED}:
        times = [entry.workload.progress.at for entry in verdict.images.entries]
        known = [each for each in times if each is not None]
        known += [] if known else [each.standing.at for each in verdict.objects if each.standing.at is not None]
        return max(known, default=None)
    return read_time(owner.time) if owner is not None else None
