"""What runs, by target: keeps every workload and what its pods pulled, and says what is news. Pure: no I/O, no clock.

Several workloads and containers of one service are one deployment of several artifacts. It is live when all of them are; while one
image repository stands in two versions in two workloads, the older is on its way out and the whole is progressing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.kubernetes_client import Change, Verb
from adapters.kubernetes_workloads.bundles import Part, sum_up
from adapters.kubernetes_workloads.containers import WorkloadKey
from adapters.kubernetes_workloads.kinds import Kind
from adapters.kubernetes_workloads.remembered import Remembered
from adapters.observers.kubernetes.pods import Pod
from adapters.observers.kubernetes.workloads import Workload
from bridge.domain.facts import ObservationReported
from bridge.domain.legs import DETAIL, tell
from bridge.domain.matching import same_artifacts
from bridge.domain.names import ImageRef, Phase, SourceRef, Target, bundle
from bridge.domain.times import parse_time

_SHOWN = 10  # workloads named in one event


@dataclass(slots=True)
class Entry(Remembered[Workload]):
    """One workload and what is remembered of it."""

    digests: dict[str, str] = field(default_factory=dict)  # by image as written
    mixed: str | None = None  # an image of which pods run two digests

    def to_part(self) -> Part:
        """What it adds to its target."""
        return Part(self.changed, tuple(self.artifacts()), self.phase, self.workload.progress.reason, self.mixed)

    def artifacts(self) -> Iterator[ImageRef]:
        """The images with their digests, as far as they are known."""
        for text, reference in self.workload.images:
            if reference is not None:
                digest = reference.digest or self.digests.get(text)
                yield ImageRef(reference.repository, reference.tag, digest)


@dataclass(slots=True)
class Book:
    """The workloads of one cluster. ``apply`` and ``apply_pod`` take changes in order and return what is news, in order."""

    source: SourceRef
    cluster: str
    told: dict[Target, tuple[tuple[ImageRef, ...], Phase]] = field(default_factory=dict)  # the last word on each
    entries: dict[WorkloadKey, Entry] = field(default_factory=dict)
    started: bool = False  # from now on changes are news; before, the state is only being collected
    unmapped: dict[WorkloadKey, None] = field(default_factory=dict)
    _targets: dict[Target, dict[WorkloadKey, None]] = field(default_factory=dict)
    _pods: dict[WorkloadKey, dict[str, Pod]] = field(default_factory=dict)
    _unreported: dict[Target, None] = field(default_factory=dict)
    _count: int = 0

    def apply(self, changes: Iterable[Change[Workload]]) -> list[ObservationReported]:
        """Take changes of workloads in: each is judged, also one that the next undoes."""
        return [fact for change in changes for target in self._take(change) for fact in self._news(target, change)]

    def apply_pods(self, changes: Iterable[Change[Pod]]) -> list[ObservationReported]:
        """Take changes of pods in: a digest may have come to be known, or be another."""
        facts: list[ObservationReported] = []
        for change in changes:
            for key in change.kept.owners:
                pods = self._pods.setdefault(key, {})
                if change.verb is Verb.DELETED:
                    pods.pop(change.kept.uid, None)
                else:
                    pods[change.kept.uid] = change.kept
                if not pods:
                    del self._pods[key]
                entry = self.entries.get(key)
                if entry is not None and self._weigh_pods(entry) and entry.workload.target is not None:
                    facts += self._news(entry.workload.target)
        return facts

    def first_targets(self, *, followed_on: bool) -> list[Target]:
        """The targets that ``report`` is to be asked for once the state was read; each once.

        What was told before and is not there any more is gone, unless everything since was watched (``followed_on``): then its
        end was seen, and was none (a Job that was cleaned up).
        """
        targets = list(self._unreported)
        self._unreported.clear()
        if not followed_on:
            targets += [target for target in self.told if target not in self._targets]
        return targets

    def report(self, targets: Sequence[Target]) -> list[ObservationReported]:
        """What these run after a start, where it was not told before it."""
        facts: list[ObservationReported] = []
        for target in targets:
            self._remember(target)
            facts += self._news(target)
        return facts

    def unreadable(self) -> list[str]:
        """Images that are none, with their workloads; a few of them."""
        wrong = (
            f"{key}: {image.text[:100]}"
            for key, entry in self.entries.items()
            for image in entry.workload.images
            if image.reference is None and entry.workload.target is not None
        )
        return [each for each, _ in zip(wrong, range(_SHOWN), strict=False)]

    # --- taking in -------------------------------------------------------------------------------------------------

    def _take(self, change: Change[Workload]) -> list[Target]:
        """Note the change; return the targets that it concerns."""
        workload = change.kept
        known = self.entries.get(workload.key)
        before = known.workload.target if known is not None else None
        if change.verb is Verb.DELETED:
            self.entries.pop(workload.key, None)
            self.unmapped.pop(workload.key, None)
            self._unlink(before, workload.key)
            return [] if before is None else [before]
        if workload.target is None and not workload.owned and workload.images:
            self.unmapped[workload.key] = None
        else:
            self.unmapped.pop(workload.key, None)
        if before != workload.target:
            self._unlink(before, workload.key)
        if workload.target is None:
            self.entries.pop(workload.key, None)
            return [] if before is None else [before]
        self._targets.setdefault(workload.target, {})[workload.key] = None
        if not self.started:
            self._unreported[workload.target] = None
        self._note(known, workload)
        return [workload.target] if before is None or before == workload.target else [before, workload.target]

    def _note(self, known: Entry | None, workload: Workload) -> None:
        self._count += 1
        entry = known or Entry(workload)
        entry.take(workload, self._count, first=known is None)
        self.entries[workload.key] = entry
        self._weigh_pods(entry)

    def _remember(self, target: Target) -> None:
        """Take from the log what the cluster can't tell: that these images were live before, and their digests."""
        artifacts, phase = self.told.get(target, ((), Phase.GONE))
        known = {(image.canonical_repository, image.tag): image.digest for image in artifacts if image.digest}
        entries = [self.entries[key] for key in self._targets.get(target, {})]
        for entry in entries:
            for text, reference in entry.workload.images:
                digest = reference and known.get((reference.canonical_repository, reference.tag))
                if digest and text not in entry.digests:
                    entry.digests[text] = digest
        now = bundle(image for entry in entries for image in entry.artifacts())
        if phase is Phase.LIVE and same_artifacts(artifacts, now):
            for entry in entries:
                if entry.phase is not Phase.FAILED:
                    entry.phase, entry.live_images = Phase.LIVE, entry.texts

    def _unlink(self, target: Target | None, key: WorkloadKey) -> None:
        if target is not None and (keys := self._targets.get(target)) is not None:
            keys.pop(key, None)

    def _weigh_pods(self, entry: Entry) -> bool:
        """Read the digests off the pods; the last known one stays while no pod tells. Whether anything changed."""
        before = dict(entry.digests), entry.mixed
        texts = entry.texts
        entry.digests = {text: digest for text, digest in entry.digests.items() if text in texts}
        entry.mixed = None
        newest: dict[str, tuple[bool, str, str]] = {}
        running: dict[str, str] = {}
        for pod in self._pods.get(entry.workload.key, {}).values():
            for text, digest in pod.digests:
                if text not in texts:
                    continue
                newest[text] = max(newest.get(text, (False, "", "")), (pod.running, pod.created, digest))
                if pod.running and running.setdefault(text, digest) != digest:
                    entry.mixed = text
        entry.digests |= {text: digest for text, (_, _, digest) in newest.items()}
        return before != (entry.digests, entry.mixed)

    # --- telling ---------------------------------------------------------------------------------------------------

    def _news(self, target: Target, change: Change[Workload] | None = None) -> Iterator[ObservationReported]:
        if not self.started:
            return
        entries = self._speaking_for(target)
        if not entries:
            yield from self._gone(target, change)
            return
        artifacts, phase, reason = sum_up([entry.to_part() for entry in entries])
        if not artifacts or self.told.get(target) == (artifacts, phase):
            return
        self.told[target] = (artifacts, phase)
        newest = max(entries, key=lambda entry: entry.changed)
        yield ObservationReported(
            target=target,
            artifacts=artifacts,
            phase=phase,
            source=self.source,
            source_time=_claimed_time(entries, newest, phase),
            actor=newest.workload.owner.manager if newest.workload.owner is not None else None,
            intent_id=newest.workload.intent,
            details=self._details(entries, newest, reason),
        )

    def _speaking_for(self, target: Target) -> list[Entry]:
        """The lasting workloads of a target; where it has none, its newest Job: a Job beside them is a step of their rollout."""
        keys = self._targets.get(target, {})
        entries = [self.entries[key] for key in keys]
        lasting = [entry for entry in entries if entry.workload.key.kind is not Kind.JOB]
        if lasting or not entries:
            return lasting
        return [max(entries, key=lambda entry: (entry.workload.created, entry.workload.key.name))]

    def _gone(self, target: Target, change: Change[Workload] | None) -> Iterator[ObservationReported]:
        self._targets.pop(target, None)
        told = self.told.pop(target, None)
        if told is None or told[1] is Phase.GONE:
            return
        was = change.before.key if change is not None and change.before is not None else None
        if was is not None and was.kind is Kind.JOB:
            return  # a Job that was cleaned up has done its work
        details: dict[str, object] = {"cluster": self.cluster, "workloads": [] if was is None else [str(was)]}
        yield ObservationReported(target=target, artifacts=(), phase=Phase.GONE, source=self.source, details=details)

    def _details(self, entries: Sequence[Entry], newest: Entry, reason: str | None) -> dict[str, object]:
        workload = newest.workload
        names = [str(entry.workload.key) for entry in entries[:_SHOWN]]
        details: dict[str, object] = {"cluster": self.cluster, "workloads": names}
        if workload.owner is not None:
            owner = workload.owner
            details["image_owner"] = {
                "manager": owner.manager,
                "operation": owner.operation,
                "time": owner.time,
                "hand": owner.hand.value,
            }
        applied = _owned_since(newest)
        if applied is not None:
            details[DETAIL] = tell(applied=(applied, f"{workload.key.kind.value} managedFields"))
        said = {"reason": reason, "revision": workload.revision}
        return details | {key: value[:300] for key, value in said.items() if value}


def _claimed_time(entries: Sequence[Entry], newest: Entry, phase: Phase) -> datetime | None:
    times = [entry.workload.progress.at for entry in entries if entry.workload.progress.at is not None]
    if phase in {Phase.LIVE, Phase.FAILED}:
        return max(times, default=None)
    return _owned_since(newest)


def _owned_since(entry: Entry) -> datetime | None:
    """When the images were last written into the workload, by whoever owns them."""
    owner = entry.workload.owner
    if owner is None or owner.time is None:
        return None
    try:
        return parse_time(owner.time)
    except ValueError:
        return None
