"""All that the core remembers of one target: plain data, written to snapshots as it is.

Every list is bounded, so that memory depends on the number of targets and of open obligations, never on the length of the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.names import ImageRef, Model, Phase
from bridge.domain.transitions import IntentPhase, Running

Artifacts = tuple[ImageRef, ...]


@dataclass(slots=True, kw_only=True)
class IntentRecord:
    """An intent that something may still be concluded about. A withdrawal is one whose wish is that nothing runs."""

    id: str
    model: Model
    artifacts: Artifacts
    declared_at: datetime
    received_at: datetime
    source_name: str
    actor: str | None
    reason: str | None
    backfilled: bool
    withdrawal: bool = False
    revision: str | None = None  # the commit that declared it, for a Git intent
    noticed: bool = False  # a CD system is known to have read it
    phase: IntentPhase = IntentPhase.WAITING
    # Deadlines run from here. It moves on by the length of every gap in observation; None: there is no deadline.
    watch_from: datetime | None = None
    late: bool = False
    missed: bool = False
    failed: bool = False
    gap: bool = False
    followed: bool = False  # replaced while nothing could be concluded about it: it is never superseded
    pair_id: str | None = None  # the other model's intent for the same deployment
    pair_declared_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class ModelState:
    """What one model declares for the target."""

    standing: IntentRecord | None = None  # the newest, satisfied or not
    open: list[IntentRecord] = field(default_factory=list)  # oldest first
    unpaired: list[IntentRecord] = field(default_factory=list)  # not yet declared by the other model, oldest first
    sources: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Seen:
    """An accepted observation."""

    id: str
    artifacts: Artifacts
    phase: Phase
    live_at: datetime  # the observer's claim, no later than we learned of it
    received_at: datetime
    actor: str | None = None
    intent_id: str | None = None  # the intent that the observed system names
    revision: str | None = None  # the commit that it has synced


@dataclass(slots=True, kw_only=True)
class Report:
    """The last report of one observer, or of one hook (``pushed``): an equal one adds nothing."""

    id: str
    artifacts: Artifacts
    phase: Phase
    intent_id: str | None = None
    revision: str | None = None
    pushed: bool = False


@dataclass(slots=True, kw_only=True)
class Suspicion:
    """An observation that no intent explains yet."""

    seen: Seen
    previous: Artifacts
    grace_from: datetime  # moves on by the length of every loss of the governing source
    same_tag: bool = False
    earlier_version: bool = False
    gap: bool = False
    called: bool = False  # out-of-band was concluded
    after: str = ""  # the intent that explained what ran before, where the report itself was beyond doubt until then


@dataclass(slots=True, kw_only=True)
class Episode:
    """A span in which something unexplained ran."""

    since: datetime
    suspicions: list[Suspicion] = field(default_factory=list)
    opened_id: str | None = None  # the drift.opened event
    until: datetime | None = None
    reason: str | None = None


@dataclass(slots=True, kw_only=True)
class Divergence:
    """The two models' newest declarations differ since then; ``opened`` once that was concluded."""

    since: datetime
    intent_id: str
    opened: bool = False
    opened_id: str | None = None


@dataclass(slots=True, kw_only=True)
class TargetState:
    """One target."""

    service: str
    environment: str
    gitops: ModelState = field(default_factory=ModelState)
    api: ModelState = field(default_factory=ModelState)
    running: Running = Running.UNSEEN
    observed_from: datetime | None = None
    current: Seen | None = None  # the newest report, whatever its phase
    live: Seen | None = None  # the newest that said what runs (or that nothing does)
    expected: Artifacts | None = None  # what should run as far as observations were explained; () after a removal
    versions: list[Artifacts] = field(default_factory=list)  # what was live and explained, in order of first sight
    reports: dict[str, Report] = field(default_factory=dict)  # by observer
    episodes: list[Episode] = field(default_factory=list)  # the last may be unfinished
    divergence: Divergence | None = None
    lost_observers: dict[str, datetime] = field(default_factory=dict)
    lost_sources: dict[str, datetime] = field(default_factory=dict)  # "model:name" or "model:name:path"
    gap_since_report: bool = False
    track_at: dict[str, datetime] = field(default_factory=dict)
    recent: dict[str, None] = field(default_factory=dict)  # ids of the newest facts, oldest first

    def of(self, model: Model) -> ModelState:
        """The state of one model."""
        return self.gitops if model is Model.GITOPS else self.api
