"""What Flux applied and what became of it, by target: keeps objects and workloads, and says what is news. Pure: no I/O, no clock.

The images are those of the workloads that Flux labelled as its own. They are live when the workloads are rolled out and Flux is not
at work on their objects: a release whose test still runs, or a Kustomization that waits for health, is no success yet. What was
live stays so until the images change. Where workloads can't be read, only images that the object itself names are known; none is
made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from adapters.kubernetes_client import Change, Verb
from adapters.kubernetes_workloads.bundles import Part, sum_up
from adapters.kubernetes_workloads.containers import WorkloadKey
from adapters.kubernetes_workloads.kinds import Kind
from adapters.observers.flux.reconciled import FluxKey, Reconciled
from adapters.observers.flux.reports import Entry, Images, Reporter, Verdict
from adapters.observers.flux.sources import Noticed
from adapters.observers.flux.standing import Stand, read_time
from adapters.observers.flux.workloads import Workload
from bridge.domain.events import derive_id
from bridge.domain.facts import ObservationReported
from bridge.domain.matching import same_artifacts
from bridge.domain.names import ImageRef, Phase, SourceRef, Target

Artifacts = tuple[ImageRef, ...]


@dataclass(slots=True)
class Memory:
    """What is remembered of one target between two reports."""

    objects: dict[FluxKey, None] = field(default_factory=dict)
    live: Artifacts | None = None  # what was live last
    failed: dict[FluxKey, str] = field(default_factory=dict)  # the attempt of each object whose failure was told
    failed_images: Artifacts | None = None  # of the last failure: what runs instead is not what failed
    at_start: dict[FluxKey, str] = field(default_factory=dict)  # the attempt of each object when the bridge started


@dataclass(slots=True)
class Book:
    """The Flux objects of one cluster. ``apply_objects`` and ``apply_workloads`` take changes in order and return what is news."""

    source: SourceRef
    cluster: str
    told: dict[Target, tuple[Artifacts, Phase]] = field(default_factory=dict)  # the last word on each
    noticed: Noticed = field(default_factory=Noticed)
    objects: dict[FluxKey, Reconciled] = field(default_factory=dict)
    started: bool = False  # from now on changes are news; before, the state is only being collected
    unmapped: dict[FluxKey, None] = field(default_factory=dict)
    unread: set[tuple[Kind, str | None]] = field(default_factory=set)  # (kind, namespace) that can't be read
    read: frozenset[Kind] = frozenset()  # the kinds that are watched
    namespaces: frozenset[str] = frozenset()  # the only ones that are watched; empty: all
    same_content: int = 0  # new revisions that changed nothing of an object
    new_content: int = 0  # deployments of an object, whether or not an image changed
    _entries: dict[WorkloadKey, Entry] = field(default_factory=dict)
    _seen: set[WorkloadKey] = field(default_factory=set)
    _by_flux: dict[FluxKey, dict[WorkloadKey, None]] = field(default_factory=dict)
    _targets: dict[Target, Memory] = field(default_factory=dict)
    _departed: dict[FluxKey, Target] = field(default_factory=dict)  # deleted objects whose workloads are still there
    _unreported: dict[Target, None] = field(default_factory=dict)
    _count: int = 0
    _reporter: Reporter = field(init=False)

    def __post_init__(self) -> None:
        """Begin to report."""
        self._reporter = Reporter(self.source, self.cluster, self.noticed)

    def apply_objects(self, changes: Iterable[Change[Reconciled]]) -> list[ObservationReported]:
        """Take changes of Kustomizations and HelmReleases in."""
        return [fact for change in changes for target in self._take_object(change) for fact in self._news(target)]

    def apply_workloads(self, changes: Iterable[Change[Workload]]) -> list[ObservationReported]:
        """Take changes of workloads in: each is judged, also one that the next undoes."""
        return [fact for change in changes for target in self._take_workload(change) for fact in self._news(target)]

    def first_targets(self, *, followed_on: bool) -> list[Target]:
        """The targets that ``report`` is to be asked for once the state was read; each once.

        What was told before and is not there any more is gone, unless everything since was watched (``followed_on``).
        """
        targets = list(self._unreported)
        self._unreported.clear()
        if not followed_on:
            targets += [target for target in self.told if target not in self._targets]
        return targets

    def report(self, targets: Sequence[Target]) -> list[ObservationReported]:
        """What these run after a start, where it was not told before it; before that the history of those never told of."""
        facts: list[ObservationReported] = []
        for target in targets:
            self._remember(target)
            if target not in self.told and (memory := self._targets.get(target)) is not None:
                facts += (fact for each in self._objects_of(memory) for fact in self._reporter.past(target, each))
            facts += self._news(target)
        return facts

    def without_images(self) -> list[FluxKey]:
        """Mapped objects of which no image can be known."""
        return [
            key
            for key, found in self.objects.items()
            if found.target is not None and not self._by_flux.get(key) and not found.named and self._is_unseen(found)
        ]

    # --- taking in -------------------------------------------------------------------------------------------------

    def _take_object(self, change: Change[Reconciled]) -> list[Target]:
        kept, known = change.kept, self.objects.get(change.kept.key)
        before = known.target if known is not None else None
        if change.verb is Verb.DELETED:
            self.objects.pop(kept.key, None)
            self.unmapped.pop(kept.key, None)
            if before is not None and self._by_flux.get(kept.key):
                self._departed[kept.key] = before
                return []
            self._unlink(before, kept.key)
            return [] if before is None else [before]
        self.objects[kept.key] = kept
        self._reporter.note_attempt(kept)
        self._departed.pop(kept.key, None)
        if kept.target is None:
            self.unmapped[kept.key] = None
        else:
            self.unmapped.pop(kept.key, None)
        if before != kept.target:
            self._unlink(before, kept.key)
        if known is not None:
            self._count_content(known, kept)
        if kept.target is not None:
            self._targets.setdefault(kept.target, Memory()).objects[kept.key] = None
            if not self.started:
                self._unreported[kept.target] = None
        return [each for each in dict.fromkeys((before, kept.target)) if each is not None]

    def _count_content(self, known: Reconciled, kept: Reconciled) -> None:
        old, new = known.deployed, kept.deployed
        if old is None or new is None or known.uid != kept.uid:
            return
        if old.content != new.content:
            self.new_content += 1
        elif known.applied != kept.applied:
            self.same_content += 1

    def _take_workload(self, change: Change[Workload]) -> list[Target]:
        workload, known = change.kept, self._entries.get(change.kept.key)
        self._seen.add(workload.key)
        owners = []
        if known is not None and known.workload.flux is not None:
            owners.append(known.workload.flux)
        if change.verb is Verb.DELETED or workload.flux is None:
            self._entries.pop(workload.key, None)
        else:
            owners.append(workload.flux)
            self._note(known, workload)
        touched: dict[Target, None] = {}
        for owner in dict.fromkeys(owners):
            keys = self._by_flux.setdefault(owner, {})
            entry = self._entries.get(workload.key)
            if entry is not None and entry.workload.flux == owner:
                keys[workload.key] = None
            else:
                keys.pop(workload.key, None)
            if (target := self._target_of(owner)) is not None:
                touched[target] = None
            if not keys:
                del self._by_flux[owner]
                self._unlink(self._departed.pop(owner, None), owner)
        return list(touched)

    def _target_of(self, owner: FluxKey) -> Target | None:
        found = self.objects.get(owner)
        return found.target if found is not None else self._departed.get(owner)

    def _note(self, known: Entry | None, workload: Workload) -> None:
        self._count += 1
        entry = known or Entry(workload)
        entry.take(workload, self._count, first=known is None)
        self._entries[workload.key] = entry

    def _remember(self, target: Target) -> None:
        """Take from the log what the cluster can't tell: that these images were live before. Old failures were told then."""
        memory = self._targets.get(target)
        if memory is None:
            return
        artifacts, phase = self.told.get(target, ((), Phase.GONE))
        for found in self._objects_of(memory):
            memory.at_start[found.key] = found.attempt
            if found.standing.stand is Stand.FAILED or found.standing.rolled_back or phase is Phase.FAILED:
                memory.failed[found.key] = found.attempt
        if phase is Phase.FAILED:
            memory.failed_images = artifacts
        if phase is not Phase.LIVE:
            return
        memory.live = artifacts
        entries = [entry for found in self._objects_of(memory) for entry in self._entries_of(found.key)]
        parts = [entry.to_part() for entry in entries]
        if parts and same_artifacts(artifacts, sum_up(parts)[0]):
            for entry in entries:
                if entry.phase is not Phase.FAILED:
                    entry.phase, entry.live_images = Phase.LIVE, entry.texts

    def _unlink(self, target: Target | None, key: FluxKey) -> None:
        if target is not None and (memory := self._targets.get(target)) is not None:
            memory.objects.pop(key, None)
            memory.failed.pop(key, None)

    # --- judging ---------------------------------------------------------------------------------------------------

    def _news(self, target: Target) -> Iterator[ObservationReported]:
        if not self.started:
            return
        memory = self._targets.get(target)
        if memory is None or not memory.objects:
            yield from self._gone(target)
            return
        objects = self._objects_of(memory)
        for found in objects:
            if _failed_unseen(found) and memory.failed.get(found.key) != found.attempt:
                memory.failed[found.key] = found.attempt
                yield from self._tell(target, _failed_attempt(found, self.source.name))
        verdict = self._judge(memory, objects, self.told.get(target))
        if verdict is None:
            return
        if verdict.phase is Phase.FAILED:
            memory.failed |= {each.key: each.attempt for each in objects if each.standing.stand is Stand.FAILED}
            memory.failed_images = verdict.artifacts
            told = self.told.get(target)
            if told is not None and not same_artifacts(told[0], verdict.artifacts):
                yield from self._tell(target, verdict.begun())
        yield from self._tell(target, verdict)
        if verdict.phase is Phase.LIVE:
            memory.live = verdict.artifacts

    def _judge(
        self, memory: Memory, objects: Sequence[Reconciled], told: tuple[Artifacts, Phase] | None
    ) -> Verdict | None:
        """What to say of a target now; None: nothing that is certain."""
        if any(self._lacks_workloads(found) for found in objects):
            return None  # Flux applied a workload of which its watch has not told yet
        entries = [entry for key in memory.objects for entry in self._entries_of(key)]
        named = [each for each in objects if not self._by_flux.get(each.key) and self._is_unseen(each) and each.named]
        parts = [*(entry.to_part() for entry in entries), *(_named_part(each) for each in named)]
        images = Images(tuple(entries), tuple(named))
        if not parts:
            if told is None or not told[0] or any(self._is_unseen(each) for each in objects):
                return None
            return Verdict((), Phase.GONE, tuple(objects), images, "its workloads were deleted")
        artifacts, phase, reason = sum_up(parts)
        if not artifacts:
            return None
        verdict = Verdict(artifacts, phase, tuple(objects), images, reason)
        was_live = memory.live is not None and same_artifacts(memory.live, artifacts)
        for found in objects:
            if found.standing.reached and (found.is_new_attempt or not was_live):
                was_told = memory.failed.get(found.key) == found.attempt
                if memory.at_start.get(found.key) == found.attempt and _wrote_later(entries, found):
                    continue  # a feed that goes on where it was tells of a failure once more, after newer images were seen
                if not was_told or memory.failed_images == artifacts:
                    return verdict.failed(found.standing)
        if phase is Phase.LIVE:
            acting = any(each.standing.stand is Stand.ACTING for each in objects)
            return None if acting and not was_live else verdict
        return (
            None if told == (artifacts, Phase.FAILED) else verdict
        )  # it failed until it is live, however often it is tried

    def _gone(self, target: Target) -> Iterator[ObservationReported]:
        self._targets.pop(target, None)
        yield from self._tell(target, Verdict((), Phase.GONE, (), Images(), "its Flux objects were deleted"))
        self.told.pop(target, None)

    def _tell(self, target: Target, verdict: Verdict) -> Iterator[ObservationReported]:
        told = self.told.get(target)
        if told == (verdict.artifacts, verdict.phase):
            return
        if verdict.phase is Phase.GONE and (told is None or told[1] is Phase.GONE):
            return
        self.told[target] = (verdict.artifacts, verdict.phase)
        yield self._reporter.report(target, verdict)

    def _objects_of(self, memory: Memory) -> list[Reconciled]:
        return [self.objects[key] for key in memory.objects if key in self.objects]

    def _entries_of(self, key: FluxKey) -> list[Entry]:
        return [self._entries[each] for each in self._by_flux.get(key, ())]

    def _lacks_workloads(self, found: Reconciled) -> bool:
        keys = found.inventory or ()
        return not found.remote and any(key not in self._seen and self._is_read(key) for key in keys)

    def _is_unseen(self, found: Reconciled) -> bool:
        """Whether workloads of the object may be there that can't be read."""
        if found.remote or not self.read:
            return True
        keys = found.inventory
        if keys is None:
            return bool(self.unread)
        return any(not self._is_read(key) for key in keys)

    def _is_read(self, key: WorkloadKey) -> bool:
        if key.kind not in self.read or (self.namespaces and key.namespace not in self.namespaces):
            return False
        return (key.kind, None) not in self.unread and (key.kind, key.namespace) not in self.unread


def _wrote_later(entries: Sequence[Entry], found: Reconciled) -> bool:
    """Whether the images were written after the failure, as the cluster's clock has it."""
    written = (read_time(entry.workload.owner.time) for entry in entries if entry.workload.owner is not None)
    at = found.standing.at
    return at is not None and any(time is not None and time > at for time in written)


def _failed_unseen(found: Reconciled) -> bool:
    """An attempt that failed without being seen in the workloads: it never reached them, or was taken back."""
    if found.standing.rolled_back:
        return True
    return found.standing.stand is Stand.FAILED and not found.standing.reached and found.is_new_attempt


def _failed_attempt(found: Reconciled, observer: str) -> Verdict:
    """The images that were meant are known only where the object names them."""
    images = Images((), (found,) if found.named else ())
    said = Verdict(found.named, Phase.FAILED, (found,), images).failed(found.standing)
    parts = (observer, str(found.key), found.uid, found.attempt, found.applied or "", "failed")
    return replace(said, id=derive_id("observation", *parts))


def _named_part(found: Reconciled) -> Part:
    """Of workloads that can't be read Flux alone says how far they are."""
    match found.standing.stand:
        case Stand.SETTLED if not (found.standing.waits or found.standing.rolled_back):
            phase = Phase.LIVE
        case Stand.FAILED if found.standing.reached:
            phase = Phase.FAILED
        case _:
            phase = Phase.STARTED
    return Part(("", 0), found.named, phase, found.standing.reason)
