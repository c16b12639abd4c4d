"""An event of Flux: a source has news, or a Kustomization or HelmRelease went on.

Shape: fluxcd/pkg ``apis/event/v1beta1`` (Flux 2.9). Events name no images and delivery is at most once, so that a report tells
times and links only; what runs is read by an observer. The keys of ``metadata`` come stripped of their prefix.

An event tells the namespace of Flux's object, not that of the workloads, which mappings mean: the metadata may, as ``namespace``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from adapters.hooks.flux.settings import FluxHookSettings
from bridge.domain.facts import ObservationReported
from bridge.domain.legs import tell
from bridge.domain.linking import INTENT_LABEL
from bridge.domain.names import Phase
from bridge.formats.hook_body import read_body
from bridge.formats.hook_reports import HookReporter, read_time
from bridge.formats.mapping import Subject
from bridge.formats.signatures import is_signed_by, presents_secret
from bridge.ports import Hint, HookMessage, HookRequest

_SOURCES = frozenset({"GitRepository", "OCIRepository", "Bucket"})
_APPLIERS = frozenset({"Kustomization", "HelmRelease"})
_DONE = frozenset({"ReconciliationSucceeded", "InstallSucceeded", "UpgradeSucceeded", "RollbackSucceeded"})
_DRIFT = frozenset({"DriftDetected", "DriftCorrected", "DriftCorrectionFailed"})  # a warning is of severity error too
_HEALTHY = "Health check passed"
# main@sha1:<hash>, latest@sha256:<digest>, and main/<hash> of old versions.
_REVISION = re.compile(r"(?:[@:/]|\A)(?P<hash>[0-9a-f]{40}|[0-9a-f]{64})\Z")


class _InvolvedObject(msgspec.Struct):
    kind: str
    name: str
    namespace: str = ""


class _Event(msgspec.Struct):
    involvedObject: _InvolvedObject  # noqa: N815 - as in the API
    severity: str
    timestamp: str
    reason: str
    message: str = ""
    metadata: dict[str, str] | None = None


_event = msgspec.json.Decoder(_Event)


class FluxDecoder:
    """Implements ``HookDecoder``."""

    def __init__(self, settings: FluxHookSettings) -> None:
        """``settings`` map Kustomizations and HelmReleases to targets."""
        self._settings = settings
        self._reporter = HookReporter("flux", settings)

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``X-Signature``, else by ``Authorization``.

        Flux signs with the bytes of its Secret as they are, while a secret's file is read without the newline at its end.
        """
        signature = request.headers.get("x-signature")
        if signature is None:
            return presents_secret(request.headers, secrets)
        return is_signed_by(request.body, signature, [*secrets, *(f"{secret}\n" for secret in secrets)])

    def decode(self, request: HookRequest) -> HookMessage | None:
        """A hint for news of a source, a report of progress; None for the rest."""
        event = read_body(_event, request.headers, request.body)
        kind = event.involvedObject.kind
        if kind in _SOURCES:
            # The event does not tell the repository's address: it wakes the sources that the hook names.
            if event.severity == "error" or not self._settings.wakes:
                return None
            return HookMessage(event.reason, (Hint((), None, _revision(event)),))
        report = self._report(event) if kind in _APPLIERS else None
        return None if report is None else HookMessage(event.reason, (), (report,))

    def _report(self, event: _Event) -> ObservationReported | None:
        told = event.metadata or {}
        phase = _phase(event)
        if phase is None:
            return None
        at = read_time(event.timestamp, "timestamp")
        thing = event.involvedObject
        applied = (at, f"{thing.kind} event {event.reason}"[:100])
        return self._reporter.report(
            Subject(
                thing.kind,
                thing.name,
                told.get("namespace") or thing.namespace,
                told.get("cluster") or self._settings.cluster,
            ),
            phase,
            at,
            intent_id=told.get(INTENT_LABEL),
            revision=_revision(event),
            legs=tell(applied=applied if phase is not Phase.FAILED and _HEALTHY not in event.message else None),
            details={
                "objects": [f"{thing.kind}/{thing.namespace}/{thing.name}"],
                "reason": event.reason,
                "message": event.message if phase is Phase.FAILED else None,
            },
        )


def _phase(event: _Event) -> Phase | None:
    """How far it is. A Kustomization that does not wait is reconciled when it is applied, not when it is live."""
    if event.reason in _DRIFT:
        return None  # somebody changed what was deployed: no deployment failed
    if event.severity == "error":
        return Phase.FAILED
    if event.reason == "Progressing":
        return Phase.LIVE if event.message.startswith(_HEALTHY) else Phase.PROGRESSING
    if event.reason in _DONE:
        return Phase.LIVE if event.involvedObject.kind == "HelmRelease" else Phase.PROGRESSING
    return None


def _revision(event: _Event) -> str | None:
    """The commit: of an artifact that was pushed from Git, its origin."""
    told = event.metadata or {}
    match = _REVISION.search(told.get("originRevision") or told.get("revision") or "")
    return match["hash"] if match is not None else None
