"""Alertmanager's webhook, version 4: each alert of a group is an incident, from ``startsAt`` until it is resolved.

Shape: prometheus.io, "Alerting: configuration", webhook_config. A group is sent again and again while it fires. ``endsAt`` of a
firing alert is when Alertmanager would give it up, no end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from adapters.hooks.alertmanager.settings import AlertmanagerHookSettings
from bridge.domain.events import derive_id
from bridge.domain.side_notes import Incident
from bridge.formats.hook_body import read_body
from bridge.formats.hook_reports import HookReporter, read_time, time_or_none
from bridge.formats.mapping import Subject, TargetMap
from bridge.formats.signatures import presents_secret
from bridge.ports import HookMessage, HookRequest

_LONGEST_TITLE = 300  # characters
_SERVICE_LABELS = ("service", "app", "app_kubernetes_io_name")
_ENVIRONMENT_LABELS = ("environment", "env", "namespace")


class _Alert(msgspec.Struct):
    status: Literal["firing", "resolved"]
    startsAt: str  # noqa: N815 - as it is sent
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    endsAt: str | None = None  # noqa: N815
    fingerprint: str | None = None


class _Group(msgspec.Struct):
    alerts: Annotated[list[_Alert], msgspec.Meta(max_length=1000)]
    status: str = ""


_group = msgspec.json.Decoder(_Group)


class AlertmanagerDecoder:
    """Implements ``HookDecoder``."""

    def __init__(self, settings: AlertmanagerHookSettings) -> None:
        """``settings`` map alerts to targets by their labels."""
        self._source = HookReporter("alertmanager", settings).source
        self._mapping = TargetMap(settings.mapping)

    def is_genuine(self, request: HookRequest, secrets: Sequence[str]) -> bool:
        """By ``Authorization``."""
        return presents_secret(request.headers, secrets)

    def decode(self, request: HookRequest) -> HookMessage | None:
        """One incident an alert."""
        group = read_body(_group, request.headers, request.body)
        notes = tuple(self._incident(alert) for alert in group.alerts)
        return HookMessage(group.status or "alerts", notes=notes) if notes else None

    def _incident(self, alert: _Alert) -> Incident:
        started_at = read_time(alert.startsAt, "alerts.startsAt")
        ended_at = (time_or_none(alert.endsAt, "alerts.endsAt") or started_at) if alert.status == "resolved" else None
        # The fingerprint is that of the labels; old versions do not send it.
        labels = [f"{name}={value}" for name, value in sorted(alert.labels.items())]
        identity = [alert.fingerprint] if alert.fingerprint else labels
        title = alert.annotations.get("summary") or alert.labels.get("alertname") or "alert"
        return Incident(
            id=derive_id("incident", self._source.name, alert.startsAt, *identity),
            title=title[:_LONGEST_TITLE],
            started_at=started_at,
            ended_at=ended_at,
            target=self._mapping.target_of(_subject(alert.labels)),
            severity=(alert.labels.get("severity") or "")[:50] or None,
            source=self._source,
        )


def _subject(labels: dict[str, str]) -> Subject:
    """An alert of no service, or of no environment, belongs to no target."""
    return Subject(
        kind="Alert",
        name=_first(labels, _SERVICE_LABELS),
        namespace=_first(labels, _ENVIRONMENT_LABELS),
        cluster=labels.get("cluster", ""),
        labels=labels,
    )


def _first(labels: dict[str, str], names: Sequence[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")
