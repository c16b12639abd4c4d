"""Deployments that nobody watched, from ``status.history``: the full syncs that succeeded, with their times. Pure.

The history names revisions, not images: those are known as far as the Application's own source set them.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.observers.argocd.decode import Application, Past, read_moment
from bridge.domain.events import derive_id
from bridge.domain.facts import ObservationReported
from bridge.domain.names import Phase, SourceRef


def deployments_before(app: Application, since: str | None, source: SourceRef) -> Iterator[ObservationReported]:
    """What the history has besides what stands now: all of it at the first contact, else what is newer than ``since``."""
    for past in app.history:
        if not _is_current(app, past) and (since is None or past.deployed > since):
            yield from _fact(app, past, source)


def deployments_missed(before: Application, app: Application, source: SourceRef) -> Iterator[ObservationReported]:
    """What came into the history between two looks, besides what stands now."""
    if before.uid != app.uid:
        return
    last = before.history[-1].id if before.history else -1
    for past in app.history:
        if past.id > last and not _is_current(app, past):
            yield from _fact(app, past, source)


def _is_current(app: Application, past: Past) -> bool:
    """Whether it is the operation that the Application still shows: that one is observed, not remembered."""
    operation = app.operation
    if operation is None:
        return False
    return past.started == operation.started if past.started else past.deployed == operation.finished


def _fact(app: Application, past: Past, source: SourceRef) -> Iterator[ObservationReported]:
    if app.target is None:
        return
    yield ObservationReported(
        id=derive_id("argocd-history", source.name, app.uid, str(past.id)),
        target=app.target,
        artifacts=past.images,
        phase=Phase.LIVE,
        source=source,
        source_time=read_moment(past.deployed),
        actor=past.actor,
        backfilled=True,
        details={
            "applications": [str(app.key)],
            "project": app.project,
            "destination": app.destination,
            "images_from": "source" if past.images else "unknown",
            "history_id": past.id,
            "started_at": past.started,
            "revision": past.revisions[0] if len(past.revisions) == 1 else None,
            "revisions": list(past.revisions),
        },
    )
