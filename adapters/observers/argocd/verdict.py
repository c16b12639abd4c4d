"""What one Application runs and how far it is, from its last operation, its health, and what it ran before. Pure.

Images are taken from what the last sync applied; where Argo CD does not tell that (before 3.1), from the summary of its pods. The
summary also corrects the sync: where the Application is out of sync at the very revision that was synced, and all its pods run
another version, somebody changed it. Once live with some images an Application stays live until they change: pods that crash and
a sync that only changes settings are health and housekeeping, no deployment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adapters.observers.argocd.decode import Application, Operation, read_moment
from bridge.domain.matching import same_artifacts
from bridge.domain.names import ImageRef, Phase, bundle

Images = tuple[ImageRef, ...]
_RUNNING = frozenset({"Running", "Terminating"})
_FAILED = frozenset({"Failed", "Error"})


class Trust(StrEnum):
    """Where images were read, best first."""

    SYNC = "sync"  # what the operation applied
    BOTH = "sync and summary"  # it applied a part; the rest runs
    SUMMARY = "summary"  # the images of all pods that there are
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an Application runs. No artifacts: a sync failed before anybody knew its images."""

    artifacts: Images
    phase: Phase
    trust: Trust
    at: datetime | None = None
    reason: str | None = None


@dataclass(slots=True)
class Memory:
    """What is remembered of an Application between two looks at it. After a restart ``recall`` makes it of what the log has."""

    live: Images = ()  # with which it is live, as was told; empty: it is on its way
    wanted: Images = ()  # of the last verdict, whatever its phase
    base: Images = ()  # what it ran before the operation that is known last
    applied: Images = ()  # what it should run after it
    operation: str = ""  # when that began
    arrived: str = ""  # the operation whose images were live
    failed: bool = False  # whether it failed


def recall(app: Application, told: Images, phase: Phase) -> Memory:
    """The memory of an Application of which that was told last."""
    memory = Memory(wanted=told, base=told, applied=told, failed=phase is Phase.FAILED)
    if phase is not Phase.LIVE:
        return memory
    memory.live = told
    operation = app.operation
    if operation is not None and operation.images:
        synced = _overlaid(told, operation.images) if not operation.complete else operation.images
        if _is_live(memory, synced) or _changed_since(app, operation, synced) == told:
            memory.arrived = operation.started
    return memory


def judge(app: Application, memory: Memory) -> Verdict | None:
    """The verdict on a newer state of the Application; None: it tells nothing new. ``memory`` moves on."""
    operation = app.operation
    if operation is None or operation.dry_run:
        verdict = _from_summary(app, memory, None)
    else:
        images, trust = _applied(app, operation, memory)
        if operation.phase in _RUNNING:
            verdict = _running(operation, images, trust, memory)
        elif operation.phase in _FAILED:
            verdict = _failed(app, operation, images, trust, memory)
        elif images:
            verdict = _succeeded(app, operation, images, trust, memory)
        else:
            verdict = _from_summary(app, memory, operation)
    if verdict is not None:
        memory.wanted = verdict.artifacts
        memory.live = verdict.artifacts if verdict.phase is Phase.LIVE else ()
    return verdict


def _applied(app: Application, operation: Operation, memory: Memory) -> tuple[Images, Trust]:
    """What the Application runs once the operation is through: all that it lists, or that on top of what ran before."""
    if operation.started != memory.operation:
        memory.base = () if memory.failed else memory.applied or memory.live
        memory.operation = operation.started
    memory.failed = operation.phase in _FAILED
    if not operation.images:
        memory.applied = memory.base
        return (), Trust.UNKNOWN
    trust = Trust.SYNC
    images = operation.images
    if not operation.complete or operation.phase in _RUNNING:
        base = memory.base
        if not base:
            base, trust = _unambiguous(app.running), Trust.BOTH
        images = _overlaid(base, images)
        trust = Trust.SYNC if images == operation.images else trust
    memory.applied = images
    return images, trust


def _running(operation: Operation, images: Images, trust: Trust, memory: Memory) -> Verdict | None:
    if not images or _is_live(memory, images):
        return None
    reason = f"retry {operation.retries}: {operation.message}" if operation.retries else None
    return Verdict(images, Phase.STARTED, trust, read_moment(operation.started), reason)


def _failed(app: Application, operation: Operation, images: Images, trust: Trust, memory: Memory) -> Verdict | None:
    at = read_moment(operation.finished)
    if images:
        return None if _is_live(memory, images) else Verdict(images, Phase.FAILED, trust, at, operation.message)
    if operation.partial or not (app.running or memory.wanted):
        return None  # it was not about images: one resource put back, or an Application without workloads
    return Verdict((), Phase.FAILED, Trust.UNKNOWN, at, operation.message)


def _succeeded(app: Application, operation: Operation, images: Images, trust: Trust, memory: Memory) -> Verdict | None:
    compared, finished = _is_compared(app, operation), read_moment(operation.finished)
    if _is_live(memory, images):
        memory.arrived = operation.started
    if compared and app.health == "Healthy":
        changed = _changed_since(app, operation, images)
        arrived = memory.arrived == operation.started or not memory.live
        if changed is not None and not arrived:
            return Verdict(images, Phase.PROGRESSING, trust, finished, "synced, and its pods still run something else")
        memory.arrived = operation.started
        if changed is None:
            return Verdict(images, Phase.LIVE, trust, _live_at(app, operation))
        reason = "out of sync at the synced revision, and its pods run something else"
        return Verdict(changed, Phase.LIVE, Trust.SUMMARY, _live_at(app, operation), reason)
    if _is_live(memory, images):
        return Verdict(images, Phase.LIVE, trust, _live_at(app, operation))
    if memory.arrived == operation.started:
        return None  # it was changed since, and how it does says nothing of the sync
    if not compared:
        return Verdict(images, Phase.PROGRESSING, trust, finished, "synced, and not looked at since")
    match app.health:
        case "Degraded":
            return Verdict(images, Phase.FAILED, trust, _live_at(app, operation), _health(app))
        case "Suspended" if app.running and not _others(app.running, images):
            return Verdict(images, Phase.LIVE, trust, _live_at(app, operation), _health(app))
        case _:
            return Verdict(images, Phase.PROGRESSING, trust, finished, _health(app))


def _from_summary(app: Application, memory: Memory, operation: Operation | None) -> Verdict | None:
    """Nothing but the pods tells the images: while two versions of one image run, it is not known which one was wanted."""
    images = app.running
    if not images or (operation is not None and not _is_compared(app, operation)):
        return None
    if _is_live(memory, images):
        return Verdict(images, Phase.LIVE, Trust.SUMMARY, _live_at(app, operation))
    settled = _unambiguous(images)
    at = _live_at(app, operation)
    if settled != images:
        if memory.live:
            new = _unambiguous(tuple(image for image in images if image not in memory.live))
        else:
            new = tuple(image for image in images if image in memory.wanted)
        told = bundle((*settled, *new))
        reason = "pods of two versions of one image run"
        return Verdict(told, Phase.PROGRESSING, Trust.SUMMARY, at, reason) if told else None
    if app.health in {"Healthy", "Suspended"}:
        return Verdict(images, Phase.LIVE, Trust.SUMMARY, at)
    phase = Phase.FAILED if app.health == "Degraded" else Phase.PROGRESSING
    return Verdict(images, phase, Trust.SUMMARY, at, _health(app))


# --- parts -----------------------------------------------------------------------------------------------------------


def _is_live(memory: Memory, images: Images) -> bool:
    return bool(memory.live) and same_artifacts(memory.live, images)


def _is_compared(app: Application, operation: Operation) -> bool:
    """Whether health speaks of what the operation left behind: Argo CD looked again since it ended."""
    if operation.finished is None:
        return False
    looked = max(app.reconciled or "", app.health_since or "")
    # Times are whole seconds: the look that led to the sync may bear the same one, and finds the Application out of sync.
    return looked > operation.finished or (looked == operation.finished and app.sync == "Synced")


def _changed_since(app: Application, operation: Operation, images: Images) -> Images | None:
    """What runs where somebody changed it after the sync; None where nothing says so."""
    pending = bool(app.compared) and app.compared != operation.revisions
    if app.sync != "OutOfSync" or pending or not app.running:
        return None
    versions = _by_repository(app.running)
    changed = dict.fromkeys(images)
    for repository, wanted in _by_repository(images).items():
        found = versions.get(repository)
        if found is not None and len(found) == 1 and not set(found) & set(wanted):
            for image in wanted:
                del changed[image]
            changed[found[0]] = None
    now = bundle(changed)
    return None if now == images else now


def _live_at(app: Application, operation: Operation | None) -> datetime | None:
    """When it came to this state: not before the operation ended."""
    return _later(app.health_since, operation.finished if operation is not None else None)


def _later(*times: str | None) -> datetime | None:
    return max((at for at in map(read_moment, times) if at is not None), default=None)


def _health(app: Application) -> str:
    return f"{app.health}: {app.health_message}" if app.health_message else app.health


def _by_repository(images: Iterable[ImageRef]) -> dict[str | None, list[ImageRef]]:
    found: dict[str | None, list[ImageRef]] = {}
    for image in images:
        found.setdefault(image.canonical_repository, []).append(image)
    return found


def _overlaid(base: Images, images: Images) -> Images:
    replaced = _by_repository(images)
    return bundle((*images, *(image for image in base if image.canonical_repository not in replaced)))


def _others(running: Images, images: Images) -> bool:
    """Whether pods run another version of one of the images."""
    wanted = _by_repository(images)
    return any(image not in wanted.get(image.canonical_repository, [image]) for image in running)


def _unambiguous(images: Images) -> Images:
    """Those of which only one version is there."""
    return bundle(found[0] for found in _by_repository(images).values() if len(found) == 1)
