"""What is known about the world beside deployments: when a registry took an artifact, and which incidents there were.

They are no events: nothing is concluded from them, and the kinds of events are a closed set. They are kept beside the log, in the
same transactions; taking the same note twice, or notes of one thing in another order, leaves the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, TypeAlias

from bridge.domain.names import ImageRef, SourceRef, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A registry took ``artifact``, whose repository is known."""

    artifact: ImageRef
    published_at: datetime
    source: SourceRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something went wrong, until ``ended_at`` (None: it goes on). ``target`` is None where the sender names none that is known.

    ``id`` is derived from the sender's own, so that its later deliveries change this one.
    """

    id: str
    title: str
    started_at: datetime
    source: SourceRef
    ended_at: datetime | None = None
    target: Target | None = None
    severity: str | None = None


Note: TypeAlias = Publication | Incident


def merge_incident(known: Incident | None, told: Incident) -> Incident:
    """What holds after both, in whichever order they came: the earliest start, and an end stays an end."""
    if known is None:
        return told
    ends = [each.ended_at for each in (known, told) if each.ended_at is not None]
    return replace(
        known,
        started_at=min(known.started_at, told.started_at),
        ended_at=min(ends, default=None),
        target=known.target or told.target,
        severity=known.severity or told.severity,
    )


class PublicationKey(NamedTuple):
    """What publications are told apart by; "" stands for a part that is not known."""

    repository: str  # with Docker Hub's defaults spelt out
    tag: str
    digest: str

    @classmethod
    def of(cls, artifact: ImageRef) -> PublicationKey:
        """The key of a published artifact."""
        return cls(artifact.canonical_repository or "", artifact.tag or "", artifact.digest or "")


class Publications:
    """Looks up when artifacts were published, in what the log keeps about some of them."""

    def __init__(self, found: Iterable[tuple[PublicationKey, datetime]]) -> None:
        """Take rows in any order; of one key only one may come."""
        self._by_digest: dict[str, datetime] = {}
        self._by_tag: dict[tuple[str, str], dict[str, datetime]] = {}
        for key, at in found:
            if key.digest:
                self._by_digest[key.digest] = min(at, self._by_digest.get(key.digest, at))
            if key.tag:
                digests = self._by_tag.setdefault((key.repository, key.tag), {})
                digests[key.digest] = min(at, digests.get(key.digest, at))

    def published_at(self, artifacts: Sequence[ImageRef]) -> datetime | None:
        """When the last of them was published; None unless it is known of each, without doubt.

        A tag that was published with several digests says nothing of when the one that ran was.
        """
        times = [self._one(each) for each in artifacts]
        known = [each for each in times if each is not None]
        return max(known) if known and len(known) == len(times) else None

    def _one(self, artifact: ImageRef) -> datetime | None:
        if artifact.digest is not None:
            return self._by_digest.get(artifact.digest)
        found: Mapping[str, datetime] = self._by_tag.get((artifact.canonical_repository or "", artifact.tag or ""), {})
        digests = [digest for digest in found if digest]
        return None if len(digests) > 1 or not found else min(found.values())
