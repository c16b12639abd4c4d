"""Which of a target's places count: what is declared for it directly replaces what it would inherit. Pure.

Whichever changed last, the nearer declaration wins, as it does for kustomize and Helm; when it goes, what is inherited holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from bridge.domain.names import ImageRef

PlaceKey: TypeAlias = tuple[str, str, int]  # path, pointer, nth of the same pointer (two rules may read one place)


@dataclass(frozen=True, slots=True)
class Place:
    """One place and what it says. ``changed`` orders landings; ``rank`` puts earlier rules first."""

    key: PlaceKey
    image: ImageRef
    changed: int
    rank: tuple[int, str, int]
    level: int = 0  # 0: declared for the target itself; higher: inherited from further away
    part: str | None = None  # what it replaces of what is inherited, see ``Found`` of the formats
    renames: bool = False  # only the repository; it takes the version of what it replaces


def effective(places: Sequence[Place]) -> Sequence[Place]:
    """The places that nothing nearer replaces, renamed as nearer ones say."""
    if not any(place.renames for place in places):
        return _nearest(places)
    inherited: Sequence[Place] = ()
    for level in sorted({place.level for place in places}, reverse=True):
        here = [place for place in places if place.level == level]
        # One after the other, as kustomize does: an entry may rename what the one before has named.
        for renaming in sorted((place for place in here if place.renames), key=lambda place: place.rank):
            inherited = [_rename(place, renaming) for place in inherited]
        inherited = _nearest([*(place for place in here if not place.renames), *inherited])
    return inherited


def _rename(place: Place, renaming: Place) -> Place:
    """By the name that the image has by now; by the place, where values are merged."""
    by_place = place.part is not None and place.part.startswith("at ") and place.part == renaming.part
    if not by_place and renaming.part != f"image {place.image.repository}":
        return place
    image = ImageRef(renaming.image.repository, place.image.tag, place.image.digest)
    newest = renaming if renaming.changed > place.changed else place
    return replace(place, key=newest.key, image=image, changed=newest.changed)


def _nearest(places: Sequence[Place]) -> Sequence[Place]:
    """The places that nothing nearer replaces. A nearer tag without a repository takes that of the image it replaces."""
    if len({place.level for place in places}) < 2:  # noqa: PLR2004 - all are as near as each other
        return places
    kept: list[Place] = []
    for _, group in groupby(sorted(places, key=lambda place: place.level), key=lambda place: place.level):
        inherited = list(group)
        repositories = {place.image.canonical_repository for place in inherited}
        left = [place for place in inherited if not _is_replaced(place, kept, only_one=len(repositories) == 1)]
        kept += left
    return kept


def _is_replaced(place: Place, nearer: list[Place], *, only_one: bool) -> bool:
    """Whether something nearer stands for the place; ``only_one``: all that is inherited beside it is of one repository."""
    replaced = False
    for index, other in enumerate(nearer):
        if other.level < place.level and _replaces(other, place, only_one=only_one):
            replaced = True
            if other.image.repository is None:
                image = ImageRef(place.image.repository, other.image.tag, other.image.digest)
                nearer[index] = replace(other, image=image)
    return replaced


def _replaces(nearer: Place, place: Place, *, only_one: bool) -> bool:
    if nearer.part is not None and nearer.part in {place.part, f"image {place.image.repository}"}:
        return True
    repository = nearer.image.canonical_repository
    if repository is not None and repository == place.image.canonical_repository:
        return True
    if nearer.part is None:
        return only_one
    # A place that says what it is part of replaces nothing else of the same sort.
    same_sort = place.part is not None and nearer.part.split(" ")[0] == place.part.split(" ")[0]
    return only_one and not same_sort and (repository is None or place.image.repository is None)
