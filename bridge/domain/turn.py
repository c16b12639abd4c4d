"""One step of one target: its state, the limits that hold, the moment, and what was concluded so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.events import Event, EventKind, Track, derive_id
from bridge.domain.facts import Details
from bridge.domain.names import ImageRef, Model, SourceRef, Target
from bridge.domain.policies import Policy
from bridge.domain.target_state import Artifacts, IntentRecord, TargetState

_FACTS_REMEMBERED = 64


def image_details(artifacts: Artifacts) -> list[dict[str, str | None]]:
    """Artifacts as they stand in details: the same shape as in the record itself."""
    return [{"repository": image.repository, "tag": image.tag, "digest": image.digest} for image in artifacts]


def governing_model(policy: Policy, *, gitops_declares: bool, api_declares: bool) -> Model:
    """The model that a target is judged against: the configured one, else the only one in use, else GitOps."""
    if policy.governed_by is not None:
        return policy.governed_by
    return Model.API if api_declares and not gitops_declares else Model.GITOPS


@dataclass(slots=True)
class Turn:
    """Made for one fact or one deadline and thrown away after it."""

    state: TargetState
    policy: Policy
    at: datetime
    events: list[Event] = field(default_factory=list)

    @property
    def target(self) -> Target:
        """Whose turn it is."""
        return Target(self.state.service, self.state.environment)

    @property
    def governing(self) -> Model:
        """The model that deadlines and drift are judged against."""
        return governing_model(
            self.policy,
            gitops_declares=self.state.gitops.standing is not None,
            api_declares=self.state.api.standing is not None,
        )

    def effective(self, track: Track, claimed: datetime) -> datetime:
        """Place a claimed time in a track: not before the state that it follows, not after we learned of it."""
        moment = min(claimed, self.at)
        last = self.state.track_at.get(track)
        if last is not None and moment < last:
            moment = last
        self.state.track_at[track] = moment
        return moment

    def remember(self, fact_id: str) -> None:
        """Keep the id of an accepted fact, so that its repetition is seen at once."""
        recent = self.state.recent
        recent[fact_id] = None
        if len(recent) > _FACTS_REMEMBERED:
            del recent[next(iter(recent))]

    def conclude(
        self,
        kind: EventKind,
        *,
        about: str,
        causes: tuple[str, ...],
        intent: IntentRecord | None = None,
        model: Model | None = None,
        artifacts: tuple[ImageRef, ...] = (),
        previous: tuple[ImageRef, ...] = (),
        source_time: datetime | None = None,
        actor: str | None = None,
        details: Details | None = None,
        track: Track | None = None,
        effective_at: datetime | None = None,
        source: SourceRef | None = None,
    ) -> Event:
        """Append one conclusion; ``about`` is the id of the occurrence that it is the only one of its kind for."""
        event = Event(
            id=derive_id(kind, self.state.service, self.state.environment, about),
            kind=kind,
            received_at=self.at,
            target=self.target,
            model=intent.model if intent is not None else model,
            artifacts=artifacts,
            previous_artifacts=previous,
            declared_at=intent.declared_at if intent is not None else None,
            source_time=source_time,
            intent_id=intent.id if intent is not None else None,
            causes=causes,
            actor=intent.actor if intent is not None else actor,
            backfilled=intent.backfilled if intent is not None else False,
            source=source,
            details=details or {},
            track=track,
            effective_at=effective_at,
        )
        self.events.append(event)
        return event
