"""What several workloads of one service run together, and how far they are together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bridge.domain.names import ImageRef, Phase, bundle


class Part(NamedTuple):
    """One workload. ``changed`` orders the workloads by when their images changed last."""

    changed: tuple[str, int]
    artifacts: tuple[ImageRef, ...]
    phase: Phase
    reason: str | None = None
    mixed: str | None = None  # an image of which pods run two digests


def sum_up(parts: Sequence[Part]) -> tuple[tuple[ImageRef, ...], Phase, str | None]:
    """What the workloads of one target run together, how far they are, and why they are no further.

    While one image repository stands in two versions in two workloads, the older is on its way out and the whole is progressing.
    """
    artifacts, behind = _join(parts)
    phases = {part.phase for part in parts}
    reason = next((part.reason for part in parts if part.phase is not Phase.LIVE and part.reason), None)
    mixed = next((part.mixed for part in parts if part.mixed), None)
    if phases == {Phase.LIVE}:
        if behind is None and mixed is None:
            return artifacts, Phase.LIVE, None
        return artifacts, Phase.PROGRESSING, behind or f"pods run two digests of {mixed}"
    for phase in (Phase.FAILED, Phase.STARTED):
        if phase in phases:
            return artifacts, phase, reason
    return artifacts, Phase.PROGRESSING, reason


def _join(parts: Sequence[Part]) -> tuple[tuple[ImageRef, ...], str | None]:
    """The newest version of each repository; and which one stands in two."""
    by_repository: dict[str | None, list[tuple[tuple[str, int], frozenset[ImageRef]]]] = {}
    for part in parts:
        own: dict[str | None, set[ImageRef]] = {}
        for image in part.artifacts:
            own.setdefault(image.canonical_repository, set()).add(image)
        for repository, found in own.items():
            by_repository.setdefault(repository, []).append((part.changed, frozenset(found)))
    artifacts: set[ImageRef] = set()
    behind = None
    for repository, versions in by_repository.items():
        _, newest = max(versions, key=lambda version: (version[0], len(version[1])))
        artifacts |= newest
        for _, images in versions:
            if _version_names(images) <= _version_names(newest):
                continue
            if _version_names(newest) <= _version_names(images):
                artifacts |= images
            else:
                behind = f"two versions of {repository} in workloads of one service"
    return bundle(artifacts), behind


def _version_names(images: Iterable[ImageRef]) -> frozenset[str]:
    """Tags, and digests where there is no tag: a digest that only one workload's pods have told so far is no other version."""
    return frozenset(image.tag or image.digest or "" for image in images)
