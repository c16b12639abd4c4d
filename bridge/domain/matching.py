"""Does what runs satisfy what was intended? Compared by digest; by tag, with less confidence, where a digest is missing."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from bridge.domain.names import ImageRef, bundle


class Match(StrEnum):
    """How observed artifacts satisfy intended ones, best first."""

    DIGEST = "digest"  # every intended artifact runs, known by its digest
    TAG = "tag"  # every intended artifact runs, at least one known by its tag only
    PARTIAL = "partial"  # some of the intended artifacts run
    NONE = "none"

    @property
    def is_full(self) -> bool:
        """Everything intended runs."""
        return self in {Match.DIGEST, Match.TAG}


def match_image(intended: ImageRef, observed: ImageRef) -> Match:
    """Compare two references: DIGEST, TAG or NONE.

    Equal digests are equal content whatever the registry is called (mirrors, pull-through caches). Different digests
    are different artifacts under whatever tag. Tags are compared only where a digest is missing on one side and
    the repositories are the same or unknown.
    """
    if intended.digest is not None and observed.digest is not None:
        return Match.DIGEST if intended.digest == observed.digest else Match.NONE
    if intended.tag is None or intended.tag != observed.tag:
        return Match.NONE
    if intended.repository is None or observed.repository is None or intended.repository == observed.repository:
        return Match.TAG
    return Match.TAG if intended.canonical_repository == observed.canonical_repository else Match.NONE


def match_artifacts(intended: Sequence[ImageRef], observed: Sequence[ImageRef]) -> Match:
    """Compare a bundle with what runs; what runs besides it (injected sidecars, say) does not count against it."""
    if len(intended) == len(observed) == 1:
        return match_image(intended[0], observed[0])
    worst, found = Match.DIGEST, 0
    for wanted in intended:
        best = _best(wanted, observed)
        if best is Match.NONE:
            continue
        found += 1
        if best is Match.TAG:
            worst = Match.TAG
    if found == 0:
        return Match.NONE
    return worst if found == len(intended) else Match.PARTIAL


def same_artifacts(one: Sequence[ImageRef], other: Sequence[ImageRef]) -> bool:
    """Whether two observed sets are the same artifacts: neither has one that the other lacks."""
    if one == other:
        return True
    return len(one) == len(other) and match_artifacts(one, other).is_full and match_artifacts(other, one).is_full


def is_step_towards(intended: Sequence[ImageRef], observed: Sequence[ImageRef], before: Sequence[ImageRef]) -> bool:
    """Whether all that changed since ``before`` is part of what is intended: a bundle on its way, not all there yet."""
    changed = [image for image in observed if _best(image, before) is Match.NONE]
    return bool(changed) and all(
        any(match_image(wanted, image) is not Match.NONE for wanted in intended) for image in changed
    )


def pin(intended: Sequence[ImageRef], observed: Sequence[ImageRef]) -> tuple[ImageRef, ...]:
    """The intended artifacts with the digests (or tags) that were seen to run: what the intent means from then on."""
    if intended == observed:
        return bundle(intended)
    pinned = []
    for wanted in intended:
        seen = max(observed, key=lambda image: _RANK[match_image(wanted, image)], default=wanted)
        if match_image(wanted, seen) is Match.NONE:
            seen = wanted
        pinned.append(
            ImageRef(wanted.repository or seen.repository, wanted.tag or seen.tag, seen.digest or wanted.digest)
        )
    return bundle(pinned)


def shares_tag(one: Sequence[ImageRef], other: Sequence[ImageRef]) -> bool:
    """Whether two sets differ by digests only: each tag of one stands in the other for the same repository."""
    tags = {(image.canonical_repository, image.tag) for image in one}
    if not tags or any(tag is None for _, tag in tags):
        return False
    return tags == {(image.canonical_repository, image.tag) for image in other}


_RANK = {Match.NONE: 0, Match.TAG: 1, Match.DIGEST: 2}


def _best(image: ImageRef, candidates: Sequence[ImageRef]) -> Match:
    best = Match.NONE
    for candidate in candidates:
        found = match_image(image, candidate)
        if found is Match.DIGEST:
            return found
        if found is Match.TAG:
            best = found
    return best
