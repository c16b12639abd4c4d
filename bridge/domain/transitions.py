"""Every legal move of the core on one screen; the reconciler only looks moves up. A missing pair is a bug, loudly.

An intent of the governing model moves through INTENT_MOVES, what its target runs moves through RUNNING_MOVES. The rules
are those of the design's "Words"; the golden scenarios decide where prose is unclear.
"""

from __future__ import annotations

from enum import StrEnum, auto

from bridge.domain.events import EventKind


class IntentPhase(StrEnum):
    """How far an intent is."""

    WAITING = auto()  # declared; nothing of it was seen
    ROLLING = auto()  # its rollout was seen to begin
    BROKEN = auto()  # its rollout failed; a retry may still succeed
    MISSED = auto()  # its last deadline passed; it may be done after all
    DONE = auto()  # nothing more is concluded about it


class Sign(StrEnum):
    """What happened to an intent."""

    ROLLOUT = auto()  # a rollout of it was seen under way, or a part of the bundle live
    LIVE = auto()  # all of it runs
    FAILURE = auto()  # its rollout was reported as failed
    OVERTAKEN = auto()  # a later intent succeeded first
    LATE = auto()  # late_after has passed
    TOO_LATE = auto()  # missed_after has passed


INTENT_MOVES: dict[tuple[IntentPhase, Sign], tuple[IntentPhase, EventKind | None]] = {
    (IntentPhase.WAITING, Sign.ROLLOUT): (IntentPhase.ROLLING, EventKind.DEPLOYMENT_STARTED),
    (IntentPhase.WAITING, Sign.LIVE): (IntentPhase.DONE, EventKind.DEPLOYMENT_SUCCEEDED),
    (IntentPhase.WAITING, Sign.FAILURE): (IntentPhase.BROKEN, EventKind.DEPLOYMENT_FAILED),
    (IntentPhase.WAITING, Sign.OVERTAKEN): (IntentPhase.DONE, EventKind.DEPLOYMENT_SUPERSEDED),
    (IntentPhase.WAITING, Sign.LATE): (IntentPhase.WAITING, EventKind.DEPLOYMENT_LATE),
    (IntentPhase.WAITING, Sign.TOO_LATE): (IntentPhase.MISSED, EventKind.DEPLOYMENT_MISSED),
    (IntentPhase.ROLLING, Sign.ROLLOUT): (IntentPhase.ROLLING, None),
    (IntentPhase.ROLLING, Sign.LIVE): (IntentPhase.DONE, EventKind.DEPLOYMENT_SUCCEEDED),
    (IntentPhase.ROLLING, Sign.FAILURE): (IntentPhase.BROKEN, EventKind.DEPLOYMENT_FAILED),
    (IntentPhase.ROLLING, Sign.OVERTAKEN): (IntentPhase.DONE, EventKind.DEPLOYMENT_SUPERSEDED),
    (IntentPhase.ROLLING, Sign.LATE): (IntentPhase.ROLLING, EventKind.DEPLOYMENT_LATE),
    (IntentPhase.ROLLING, Sign.TOO_LATE): (IntentPhase.MISSED, EventKind.DEPLOYMENT_MISSED),
    # A failure is an outcome: no deadline follows it, a retry of the same artifacts is no second start or failure.
    (IntentPhase.BROKEN, Sign.ROLLOUT): (IntentPhase.BROKEN, None),
    (IntentPhase.BROKEN, Sign.LIVE): (IntentPhase.DONE, EventKind.DEPLOYMENT_SUCCEEDED),
    (IntentPhase.BROKEN, Sign.FAILURE): (IntentPhase.BROKEN, None),
    (IntentPhase.BROKEN, Sign.OVERTAKEN): (IntentPhase.DONE, None),
    # Missed is an outcome too, but it may be done after all, or fail after all.
    (IntentPhase.MISSED, Sign.ROLLOUT): (IntentPhase.MISSED, None),
    (IntentPhase.MISSED, Sign.LIVE): (IntentPhase.DONE, EventKind.DEPLOYMENT_SUCCEEDED),
    (IntentPhase.MISSED, Sign.FAILURE): (IntentPhase.BROKEN, EventKind.DEPLOYMENT_FAILED),
    (IntentPhase.MISSED, Sign.OVERTAKEN): (IntentPhase.DONE, None),
}


class Running(StrEnum):
    """What is known of what a target runs."""

    UNSEEN = auto()  # no observer has reported it
    EXPLAINED = auto()  # it runs the baseline, or what an intent explains
    UNEXPLAINED = auto()  # it runs something that no intent explains


class Saw(StrEnum):
    """What a report that a target is live, or gone, turned out to be."""

    SAME = auto()  # what it ran before
    INTENDED = auto()  # what a pending intent wants
    STEP = auto()  # a part of what the newest pending intent wants, and nothing else new
    EXPECTED = auto()  # what ran before the unexplained change
    OTHER = auto()  # nothing that explains it


class Act(StrEnum):
    """What the reconciler does about it."""

    BASELINE = auto()
    SUCCEED = auto()
    START = auto()
    SUSPECT = auto()  # wait for an explanation, then call it out-of-band
    END_RETURNED = auto()  # the unexplained episode ended: it runs what it should again
    END_DEPLOYED = auto()  # the unexplained episode ended: an intent was deployed over it


RUNNING_MOVES: dict[tuple[Running, Saw], tuple[Running, tuple[Act, ...]]] = {
    (Running.UNSEEN, Saw.SAME): (Running.EXPLAINED, (Act.BASELINE,)),
    (Running.UNSEEN, Saw.INTENDED): (Running.EXPLAINED, (Act.BASELINE,)),
    (Running.UNSEEN, Saw.STEP): (Running.EXPLAINED, (Act.BASELINE,)),
    (Running.UNSEEN, Saw.EXPECTED): (Running.EXPLAINED, (Act.BASELINE,)),
    (Running.UNSEEN, Saw.OTHER): (Running.EXPLAINED, (Act.BASELINE,)),
    (Running.EXPLAINED, Saw.SAME): (Running.EXPLAINED, ()),
    (Running.EXPLAINED, Saw.INTENDED): (Running.EXPLAINED, (Act.SUCCEED,)),
    (Running.EXPLAINED, Saw.STEP): (Running.EXPLAINED, (Act.START,)),
    (Running.EXPLAINED, Saw.EXPECTED): (Running.EXPLAINED, ()),  # back from a step that went no further
    (Running.EXPLAINED, Saw.OTHER): (Running.UNEXPLAINED, (Act.SUSPECT,)),
    (Running.UNEXPLAINED, Saw.SAME): (Running.UNEXPLAINED, ()),
    (Running.UNEXPLAINED, Saw.INTENDED): (Running.EXPLAINED, (Act.END_DEPLOYED, Act.SUCCEED)),
    (Running.UNEXPLAINED, Saw.STEP): (Running.EXPLAINED, (Act.END_DEPLOYED, Act.START)),
    (Running.UNEXPLAINED, Saw.EXPECTED): (Running.EXPLAINED, (Act.END_RETURNED,)),
    (Running.UNEXPLAINED, Saw.OTHER): (Running.UNEXPLAINED, (Act.SUSPECT,)),
}
