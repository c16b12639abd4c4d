"""An Argo CD notification: what the application runs, and that its repository may have news.

Notifications are level-triggered: phases in between may be missing, and one may come again at any time. What was synced is read
off the sync's own result (Argo CD 3.1 and newer), else off the summary of live pods once nothing else is rolling out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from adapters.hooks.argocd.body import Destination, Notification, OperationState
from adapters.hooks.argocd.settings import ArgocdHookSettings
from bridge.domain.facts import ObservationReported
from bridge.domain.legs import tell
from bridge.domain.linking import INTENT_ANNOTATION, INTENT_INFO
from bridge.domain.names import Phase
from bridge.errors import Refused
from bridge.formats.argocd_clusters import ClusterNames
from bridge.formats.hook_body import read_body
from bridge.formats.hook_reports import HookReporter, latest, read_images, time_or_none
from bridge.formats.mapping import Subject
from bridge.formats.signatures import presents_secret
from bridge.ports import Hint, HookMessage, HookRequest

_VERSION = 1  # of the template
_MAIN_PHASES = frozenset({None, "", "Sync"})  # of a sync; what PreSync and PostSync run is no part of the service
_FAILED = frozenset({"Failed", "Error"})

_notification = msgspec.json.Decoder(Notification)


class ArgocdDecoder:
    """Implements ``HookDecoder``."""

    def __init__(self, settings: ArgocdHookSettings) -> None:
        """``settings`` map applications to targets."""
        self._reporter = HookReporter("argocd", settings)
        self._clusters = ClusterNames(settings.clusters, settings.cluster)

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``Authorization``."""
        return presents_secret(request.headers, secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """A report where an operation or the health tells something, a hint where a sync is due or under way."""
        told = read_body(_notification, request.headers, request.body)
        if told.v != _VERSION:
            msg = f"v: the template is of version {told.v}, expected {_VERSION}: update the notification template"
            raise Refused(msg, field="v")
        report = self._report(told)
        hints = _hints(told)
        if report is None and not hints:
            return None
        phase = (told.operation_state.phase if told.operation_state is not None else None) or "none"
        return HookMessage(f"operation {phase}", hints, (report,) if report is not None else ())

    def _report(self, told: Notification) -> ObservationReported | None:
        state = told.operation_state or OperationState()
        operation = state.operation
        sync = operation.sync if operation is not None else None
        if sync is not None and (sync.dry_run or sync.auto_heal_attempts_count):
            return None  # a self-heal puts back what was there, again and again where somebody else holds on to it
        phase, at = _progress(told, state)
        if phase is None or at is None:
            return None
        partial = sync is not None and bool(sync.resources)
        images, origin = _images(told, state, phase, partial=partial)
        started, finished = _times(state)
        by = operation.initiated_by if operation is not None else None
        automated = by is not None and bool(by.automated)
        return self._reporter.report(
            self._subject(told),
            phase,
            at,
            artifacts=read_images(images),
            intent_id=_intent(told, state),
            revision=state.sync_result.revision if state.sync_result is not None else None,
            actor=(by.username or ("automated sync" if automated else None)) if by is not None else None,
            legs=tell(
                noticed=_noticed(told, state, started) if automated else None,
                sync_started=(started, "operationState.startedAt") if started is not None else None,
                applied=(finished, "operationState.finishedAt")
                if finished is not None and state.phase == "Succeeded" and not partial
                else None,
            ),
            details={
                "applications": [f"{told.namespace or ''}/{told.app}"],
                "images_from": origin,
                "health": told.health.status if told.health is not None else None,
                "partial": "true" if partial else None,
                "reason": state.message if phase is Phase.FAILED else None,
            },
        )

    def _subject(self, told: Notification) -> Subject:
        where = told.destination or Destination()
        return Subject(
            kind="Application",
            name=told.app,
            namespace=where.namespace or "",
            cluster=self._clusters.name_of(where.name or "", where.server or ""),
            labels=told.labels or {},
            annotations=told.annotations or {},
        )


def _times(state: OperationState) -> tuple[datetime | None, datetime | None]:
    return (
        time_or_none(state.started_at, "operationState.startedAt"),
        time_or_none(state.finished_at, "operationState.finishedAt"),
    )


def _noticed(told: Notification, state: OperationState, started: datetime | None) -> tuple[datetime, str] | None:
    """A sync that Argo CD began by itself follows from the comparison before it; later ones move that time on."""
    compared = time_or_none(told.reconciled_at, "reconciledAt")
    if state.phase != "Running" or compared is None or started is None or compared > started:
        return None
    return compared, "reconciledAt before the automated sync"


def _progress(told: Notification, state: OperationState) -> tuple[Phase | None, datetime | None]:
    """How far the newest operation is, and since when."""
    started, finished = _times(state)
    health = told.health.status if told.health is not None else None
    turned = time_or_none(told.health.last_transition_time if told.health is not None else None, "health")
    if state.phase in {"Running", "Terminating"}:
        return Phase.STARTED, started
    if state.phase in _FAILED:
        return Phase.FAILED, finished or started
    if health == "Healthy":
        return Phase.LIVE, latest(finished, turned)
    if state.phase != "Succeeded":
        return None, None
    # A degraded application that was so before the sync says nothing about this one yet.
    failed = health == "Degraded" and turned is not None and finished is not None and turned >= finished
    return (Phase.FAILED if failed else Phase.PROGRESSING), latest(finished, turned if failed else None)


def _images(told: Notification, state: OperationState, phase: Phase, *, partial: bool) -> tuple[list[str], str | None]:
    """What it runs or is to run, and where that was read."""
    synced = (state.sync_result.resources if state.sync_result is not None else None) or []
    found = [
        image
        for resource in synced
        if resource.sync_phase in _MAIN_PHASES and resource.status != "Pruned"
        for image in resource.images or []
    ]
    if found and not partial:
        return found, "sync"
    live = (told.summary.images if told.summary is not None else None) or []
    return (live, "summary") if live and phase is Phase.LIVE else ([], None)


def _intent(told: Notification, state: OperationState) -> str | None:
    infos = (state.operation.info if state.operation is not None else None) or []
    named = next((info.value for info in infos if info.name == INTENT_INFO and info.value), None)
    return named or (told.annotations or {}).get(INTENT_ANNOTATION)


def _hints(told: Notification) -> tuple[Hint, ...]:
    """Argo CD saw a revision that is not deployed: the repositories may have news."""
    if told.sync is None or told.sync.status != "OutOfSync":
        return ()
    sources = [each for each in (told.source, *(told.sources or ())) if each is not None]
    urls = tuple(dict.fromkeys(each.repoURL for each in sources if each.repoURL and not each.chart))
    return (Hint(urls, None, told.sync.revision or None),) if urls else ()
