"""What one target ran and was meant to run at a time, from the newest event of each of its tracks.

The events are chosen by the log (effective by the time asked for, known by the time asked for); here they are only read
together. The policies are those in force at the asking: a target's past is judged by its present governing model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.events import Event, EventKind, Track
from bridge.domain.matching import Match, match_artifacts, same_artifacts
from bridge.domain.names import Model, Phase, Target
from bridge.domain.outcomes import governing_model
from bridge.domain.policies import Policies

TRACK_OF_MODEL: Mapping[Model, Track] = {Model.GITOPS: Track.GITOPS, Model.API: Track.API}
_PHASE_OF_KIND: Mapping[EventKind, Phase] = {
    EventKind.DEPLOYMENT_STARTED: Phase.STARTED,
    EventKind.DEPLOYMENT_FAILED: Phase.FAILED,
    EventKind.DEPLOYMENT_REMOVED: Phase.GONE,
}


@dataclass(frozen=True, slots=True)
class TrackEvent:
    """The event that began the state of one track, with its place in the log."""

    position: int
    effective_at: datetime
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """One target at one time. ``running`` None with ``observed`` True: it is gone; with False: nobody ever looked.

    ``declared`` holds only declarations that stand; a withdrawn one is left out. ``in_sync`` and ``models_agree`` are None
    where a side is unknown.
    """

    target: Target
    governed_by: Model | None
    observed: bool
    running: TrackEvent | None
    rollout: TrackEvent | None
    declared: Mapping[Model, TrackEvent]
    matched_by: Match | None
    in_sync: bool | None
    models_agree: bool | None
    drift: TrackEvent | None


def view_target(target: Target, tracks: Mapping[Track, TrackEvent], policies: Policies) -> TargetView:
    """Read the tracks of ``target`` together."""
    seen = tracks.get(Track.RUNNING)
    running = seen if seen is not None and phase_of(seen.event) is not Phase.GONE else None
    spoken = {model: tracks[track] for model, track in TRACK_OF_MODEL.items() if track in tracks}
    declared = {model: latest for model, latest in spoken.items() if latest.event.kind is EventKind.INTENT_DECLARED}
    governed_by = governing_model(target, frozenset(spoken), policies)
    drift = _open_drift(tracks)
    matched_by: Match | None = None
    if governed_by in declared and running is not None:
        matched_by = match_artifacts(declared[governed_by].event.artifacts, running.event.artifacts)
    return TargetView(
        target=target,
        governed_by=governed_by,
        observed=seen is not None,
        running=running,
        rollout=_rollout_under_way(tracks),
        declared=declared,
        matched_by=matched_by,
        in_sync=_is_in_sync(
            governing=spoken.get(governed_by) if governed_by is not None else None,
            seen=seen is not None,
            gone=running is None,
            matches=matched_by is not None and matched_by.is_full and drift is None,
        ),
        models_agree=_do_models_agree(spoken),
        drift=drift,
    )


def phase_of(event: Event) -> Phase:
    """How far the rollout was that ``event`` tells of: the observer's word where there is one, else by the kind."""
    reported = event.details.get("phase")
    if isinstance(reported, str):
        return Phase(reported)
    return _PHASE_OF_KIND.get(event.kind, Phase.LIVE)


def _rollout_under_way(tracks: Mapping[Track, TrackEvent]) -> TrackEvent | None:
    """The rollout that came after what runs; an older one has ended in what runs."""
    rollout, seen = tracks.get(Track.ROLLOUT), tracks.get(Track.RUNNING)
    if rollout is None or (seen is not None and seen.position >= rollout.position):
        return None
    return rollout


def _open_drift(tracks: Mapping[Track, TrackEvent]) -> TrackEvent | None:
    latest = tracks.get(Track.DRIFT)
    return latest if latest is not None and latest.event.kind is EventKind.DRIFT_OPENED else None


def _is_in_sync(*, governing: TrackEvent | None, seen: bool, gone: bool, matches: bool) -> bool | None:
    """Whether what runs is what the governing model means to run; another digest under the same tag is open drift, not sync."""
    if governing is None or not seen:
        return None
    if governing.event.kind is EventKind.INTENT_WITHDRAWN:
        return gone
    return matches


def _do_models_agree(spoken: Mapping[Model, TrackEvent]) -> bool | None:
    """Whether both models declare the same; None unless both ever declared the target. Two withdrawals agree."""
    if len(spoken) < len(Model):
        return None
    gitops, api = spoken[Model.GITOPS].event, spoken[Model.API].event
    if gitops.kind is not api.kind:
        return False
    if gitops.kind is EventKind.INTENT_WITHDRAWN:
        return True
    return same_artifacts(gitops.artifacts, api.artifacts)
