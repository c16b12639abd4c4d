"""The body of our notification template, as far as it is read: parts of an Application's metadata, spec and status.

Shapes: argo-cd ``pkg/apis/application/v1alpha1/types.go`` (3.x). Go writes what is not set as null.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

_Images = Annotated[list[str], msgspec.Meta(max_length=1000)]


class Destination(msgspec.Struct):
    """Where the application is deployed to."""

    server: str | None = None
    name: str | None = None
    namespace: str | None = None


class AppSource(msgspec.Struct):
    """A source of the application; a chart's repository is no Git repository."""

    repoURL: str | None = None  # noqa: N815 - as in the API
    chart: str | None = None


class Initiator(msgspec.Struct):
    """Who began an operation."""

    username: str | None = None
    automated: bool | None = None


class Info(msgspec.Struct):
    """What the caller of a sync gave along."""

    name: str | None = None
    value: str | None = None


class SyncOperation(msgspec.Struct, rename="camel"):
    """What was to be synced; ``resources`` are named only by a partial sync."""

    revision: str | None = None
    dry_run: bool | None = None
    resources: list[msgspec.Raw] | None = None
    auto_heal_attempts_count: int | None = None


class Operation(msgspec.Struct, rename="camel"):
    """What the operation was asked to do."""

    initiated_by: Initiator | None = None
    info: Annotated[list[Info], msgspec.Meta(max_length=100)] | None = None
    sync: SyncOperation | None = None


class SyncedResource(msgspec.Struct, rename="camel"):
    """One object of a sync; ``images`` since 3.1."""

    sync_phase: str | None = None
    status: str | None = None
    images: _Images | None = None


class SyncResult(msgspec.Struct):
    """What was synced."""

    revision: str | None = None
    resources: Annotated[list[SyncedResource], msgspec.Meta(max_length=10_000)] | None = None


class OperationState(msgspec.Struct, rename="camel"):
    """The last operation. Times have a grain of one second."""

    phase: str | None = None
    message: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    operation: Operation | None = None
    sync_result: SyncResult | None = None


class Health(msgspec.Struct, rename="camel"):
    """``last_transition_time`` since 3.0."""

    status: str | None = None
    last_transition_time: str | None = None


class Sync(msgspec.Struct):
    """How what runs compares with what is declared; ``revision`` is the one compared, perhaps not deployed."""

    status: str | None = None
    revision: str | None = None


class Summary(msgspec.Struct):
    """The images of all live pods, old ones and those of jobs among them."""

    images: _Images | None = None


class Notification(msgspec.Struct, rename="camel"):
    """One notification: version 1 of the template."""

    v: int
    app: str
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    destination: Destination | None = None
    source: AppSource | None = None
    sources: Annotated[list[AppSource], msgspec.Meta(max_length=100)] | None = None
    sync: Sync | None = None
    health: Health | None = None
    summary: Summary | None = None
    reconciled_at: str | None = None  # of the last comparison
    operation_state: OperationState | None = None
