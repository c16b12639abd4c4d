"""Facts: what comes in from outside. A fact carries claims; our own times are added when it is received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import TypeAlias

from bridge.domain.names import ImageRef, Model, Phase, SourceRef, Target
from bridge.domain.policies import Policies
from bridge.domain.values import value

Details: TypeAlias = Mapping[str, object]  # JSON-ready: str, int, float, bool, None, lists and string-keyed dicts


@value(kw_only=True)
class IntentDeclared:
    """A declared wish that ``target`` run ``artifacts`` (sorted by ``names.bundle``).

    ``id`` is deterministic: the same declaration read twice has the same one. None lets the core derive it from the target,
    the artifacts and the standing intent of the same model, so that repeating what stands says nothing new and going
    back to an older version does. ``backfilled``: read from history, no deadline applies.
    """

    id: str | None
    model: Model
    target: Target
    artifacts: tuple[ImageRef, ...]
    previous_artifacts: tuple[ImageRef, ...] = ()
    declared_at: datetime
    source: SourceRef
    actor: str | None = None
    backfilled: bool = False
    details: Details = field(default_factory=dict)


@value(kw_only=True)
class IntentWithdrawn:
    """The declaration of ``target`` disappeared from its source; ``previous_artifacts`` is what it declared."""

    id: str
    model: Model
    target: Target
    previous_artifacts: tuple[ImageRef, ...] = ()
    declared_at: datetime
    source: SourceRef
    actor: str | None = None
    backfilled: bool = False
    details: Details = field(default_factory=dict)


@value(kw_only=True)
class ObservationReported:
    """An observer's report of what ``target`` runs.

    ``id`` None (the usual case) lets the core derive it from the observer's previous report of the target and the content
    (artifacts, phase and link), so that an unchanged report adds nothing and v1, v2, v1 are three facts.

    ``intent_id`` is the intent that the observed system itself carries along: a claim, of any text. ``source.revision`` is the
    commit that it has synced, where it tells. ``pushed``: it was posted by a hook, so that it may come late, twice or out of
    order; what an observer reads, and what is newer, then wins. ``backfilled``: read from a
    history, it is recorded and nothing is concluded from it; its ``artifacts`` may be empty, for histories name revisions only.

    A report with the phase ``noticed`` is about the intent that it names, else about the newest that declares its artifacts;
    it is recorded once an intent.
    """

    id: str | None = None
    target: Target
    artifacts: tuple[ImageRef, ...]
    phase: Phase
    source: SourceRef  # the observer
    source_time: datetime | None = None
    actor: str | None = None
    intent_id: str | None = None
    pushed: bool = False
    backfilled: bool = False
    details: Details = field(default_factory=dict)


@value(kw_only=True)
class SourceLost:
    """A source of intents (``model`` set) or an observer (``model`` None) can't be read any more.

    With ``source.path`` set only one file of it is lost (it does not parse), and only ``targets`` are affected.
    ``details`` says why; for a file under the key ``unreadable``.
    """

    source: SourceRef
    model: Model | None
    targets: tuple[Target, ...] = ()
    details: Details = field(default_factory=dict)


@value(kw_only=True)
class SourceReturned:
    """The source, or the file of it, can be read again."""

    source: SourceRef
    model: Model | None
    targets: tuple[Target, ...] = ()
    details: Details = field(default_factory=dict)


@value(kw_only=True)
class SourceRewritten:
    """The history of a source was replaced: ``details`` holds old_tip, new_tip and merge_base (None: nothing in common)."""

    id: str
    source: SourceRef
    model: Model
    details: Details = field(default_factory=dict)


@value(kw_only=True)
class ConfigChanged:
    """The rules under which everything later is judged. ``digest`` names the whole configuration, secrets left out."""

    digest: str
    policies: Policies
    details: Details = field(default_factory=dict)


Fact: TypeAlias = (
    IntentDeclared
    | IntentWithdrawn
    | ObservationReported
    | SourceLost
    | SourceReturned
    | SourceRewritten
    | ConfigChanged
)
