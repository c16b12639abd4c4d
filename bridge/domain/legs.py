"""The legs of a deployment: declared, noticed by the CD system, sync started, applied, live; each with who said so.

Observers put what they know under ``details.legs`` of their reports (``tell``); the first statement of a moment in the log holds.
Nothing is guessed: a leg with an end that nobody told, or with ends that contradict each other, has no length but a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from bridge.domain.events import Event, EventKind
from bridge.domain.matching import match_artifacts
from bridge.domain.names import ImageRef, Phase, SourceRef
from bridge.domain.times import format_time, parse_time

DETAIL = "legs"  # the key in the details of an observation
NOT_TOLD, CONTRADICTORY = "not_told", "contradictory_times"


class Moment(StrEnum):
    """The ends of the legs, in order."""

    DECLARED = "declared"  # the wish, by its source's clock
    NOTICED = "noticed"  # the CD system first knew of the wished state
    SYNC_STARTED = "sync_started"  # it began to act
    APPLIED = "applied"  # the new objects were in the cluster
    LIVE = "live"  # all of it runs


LEGS: tuple[tuple[str, Moment, Moment], ...] = tuple((f"{a}_to_{b}", a, b) for a, b in pairwise(Moment))
_TOLD = (Moment.NOTICED, Moment.SYNC_STARTED, Moment.APPLIED)  # the others are told by the events themselves


@dataclass(frozen=True, slots=True)
class Claim:
    """A moment as somebody told it: the source of the report, and where that source read it."""

    at: datetime
    source: SourceRef | None
    said_by: str | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """The length of one leg in seconds, or why there is none."""

    seconds: float | None
    reason: str | None


def tell(**moments: tuple[datetime, str] | None) -> dict[str, dict[str, str]]:
    """The value for ``details.legs``: ``tell(noticed=(time, "GitRepository status.artifact"))``; None leaves a moment out."""
    names = {each.value for each in _TOLD}
    assert moments.keys() <= names, f"expected some of {sorted(names)}"
    return {
        name: {"at": format_time(told[0]), "said_by": told[1]} for name, told in moments.items() if told is not None
    }


def told_by(observation: Event) -> dict[Moment, Claim]:
    """The moments that an observation tells; what is malformed is not told."""
    given = observation.details.get(DETAIL)
    claims: dict[Moment, Claim] = {}
    for moment in _TOLD:
        claim = given.get(moment.value) if isinstance(given, Mapping) else None
        if isinstance(claim, Mapping) and (at := _time(claim.get("at"))) is not None:
            said_by = claim.get("said_by")
            claims[moment] = Claim(at, observation.source, said_by if isinstance(said_by, str) else None)
    return claims


def is_about(observation: Event, ids: frozenset[str], revision: str | None, artifacts: tuple[ImageRef, ...]) -> bool:
    """Whether an observation of the target is about the intent: it names one of ``ids``, or its commit, or shows its artifacts."""
    if observation.intent_id is not None and observation.intent_id in ids:
        return True
    told = observation.source.revision if observation.source is not None else None
    if told is not None and told == revision:
        return True
    return bool(artifacts) and match_artifacts(artifacts, observation.artifacts).is_full


def shows_live(observation: Event) -> bool:
    """Whether it decides what the target runs."""
    return observation.details.get("phase") == Phase.LIVE and observation.details.get("aside") is not True


@dataclass(slots=True)
class LegBook:
    """What is told of one intent, report by report in order of position."""

    ids: frozenset[str]
    revision: str | None
    artifacts: tuple[ImageRef, ...]
    claims: dict[Moment, Claim] = field(default_factory=dict)

    @classmethod
    def of(cls, intent: Event, *also: str) -> LegBook:
        """Begin with its declaration; ``also`` are ids that mean the same deployment."""
        assert intent.kind is EventKind.INTENT_DECLARED
        revision = intent.source.revision if intent.source is not None else None
        book = cls(frozenset({intent.id, *also}), revision, intent.artifacts)
        if intent.declared_at is not None:
            book.claims[Moment.DECLARED] = Claim(intent.declared_at, intent.source)
        return book

    def read(self, observation: Event) -> bool:
        """Take in what an observation tells, if it is about the intent; whether it was."""
        if not is_about(observation, self.ids, self.revision, self.artifacts):
            return False
        for moment, claim in told_by(observation).items():
            self.claims.setdefault(moment, claim)
        return True

    def live(self, at: datetime | None, source: SourceRef | None) -> None:
        """Say from when on it ran, and who observed it."""
        if at is not None:
            self.claims.setdefault(Moment.LIVE, Claim(at, source))


def measure(claims: Mapping[Moment, Claim]) -> dict[str, Leg]:
    """The length of each leg. Where all are known they add up to the time from declared to live."""
    return {name: _measure(claims.get(begin), claims.get(end)) for name, begin, end in LEGS}


def total(legs: Iterable[Leg]) -> float | None:
    """Their sum in seconds; None unless each has a length."""
    lengths = [leg.seconds for leg in legs]
    return None if None in lengths else round(sum(each for each in lengths if each is not None), 6)


def _measure(begin: Claim | None, end: Claim | None) -> Leg:
    if begin is None or end is None:
        return Leg(None, NOT_TOLD)
    seconds = (end.at - begin.at).total_seconds()
    return Leg(seconds, None) if seconds >= 0 else Leg(None, CONTRADICTORY)


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return parse_time(text)
    except ValueError:
        return None
