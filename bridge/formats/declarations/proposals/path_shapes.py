"""Paths generalised into few path patterns: what varies like services or applications becomes a capture, the rest stays.

A path becomes parts: its directories, the head of its file name, and the tail (``api`` and ``.values.yaml``). Shapes that are
equal but for one part are merged into one whose part is a wildcard.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bridge.formats.declarations.proposals.environment_places import Place
from bridge.formats.declarations.proposals.environment_words import CONTAINERS

WILD = "\0"  # stands for what varies
ENVIRONMENT = "\1"
DEEP = "**"

_FEWEST_ABOVE = 3  # directories above the environment are merged when so many differ, or two right above it
_GENERIC = re.compile(
    r"(?:values[-_]?\d*|kustomization|config|images?|tags?|release|versions?|docker-compose|compose|app(?:lication)?|)\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A path with marks. ``environment_at``: the part that holds the environment, None for none.

    ``paths``: the files that it stands for; ``choices``: the environments of theirs.
    """

    parts: tuple[str, ...]
    environment_at: int | None
    paths: frozenset[str]
    choices: frozenset[str] = field(default=frozenset())

    @property
    def wild(self) -> list[int]:
        """The parts that vary."""
        return [index for index, part in enumerate(self.parts) if WILD in part]


def shape_of(path: str, place: Place | None, *, any_name: str | None) -> Shape:
    """The shape of one path. ``any_name``: below the environment (or the first directory) all files so called are meant."""
    segments = path.split("/")
    if place is not None:
        before = WILD + place.before[-1:] if place.before and place.segment < len(segments) - 1 else place.before
        after = place.after[:1] + WILD if place.after and place.segment < len(segments) - 1 else place.after
        segments[place.segment] = before + ENVIRONMENT + after
    *directories, file = segments
    head, tail = _cut(file)
    at = None if place is None else min(place.segment, len(directories))
    if any_name is not None and (place is None or place.segment < len(directories)):
        kept = directories[:1] if place is None else directories[: place.segment + 1]
        below = [DEEP] if len(directories) > len(kept) or not kept else []
        directories, head, tail = kept + below, any_name, tail[tail.rfind(".") :] if "." in tail else tail
    if place is not None and place.segment == len(segments) - 1:
        at = len(directories) + (ENVIRONMENT in tail)
    choices = frozenset({place.environment}) if place is not None else frozenset[str]()
    return Shape((*directories, head, tail), at, frozenset({path}), choices)


def merge_shapes(shapes: Iterable[Shape], *, wild_heads: bool) -> list[Shape]:
    """Few shapes for many. ``wild_heads``: the head of a file's name is what the service is called."""
    merged = _unite(_with_wild_head(shape) if wild_heads else shape for shape in shapes)
    while True:
        candidates = [group for shape_group in _families(merged) for group in _mergeable(shape_group)]
        if not candidates:
            return merged
        position, best = max(candidates, key=lambda each: (_rank(each[1][0], each[0]), len(each[1]), each[1][0].parts))
        parts = (*best[0].parts[:position], WILD, *best[0].parts[position + 1 :])
        merged = _unite([replace(shape, parts=parts) if shape in best else shape for shape in merged])


def merge_depths(shapes: Sequence[Shape]) -> list[Shape]:
    """Shapes that look at any depth below a directory take in those that look right below it."""
    deep = {(shape.parts[:-3], shape.parts[-1]) for shape in shapes if shape.parts[-3:-2] == (DEEP,)}
    return _unite(
        replace(shape, parts=(*shape.parts[:-2], DEEP, *shape.parts[-2:]))
        if shape.parts[-3:-2] != (DEEP,) and (shape.parts[:-2], shape.parts[-1]) in deep
        else shape
        for shape in shapes
    )


def is_generic(head: str) -> bool:
    """Whether a file's name says what it is for, not whose: ``values``, ``kustomization``."""
    return _GENERIC.match(head) is not None


def _cut(file: str) -> tuple[str, str]:
    """``api.values.yaml`` as ``api`` and ``.values.yaml``; the environment belongs to the tail, with the sign before it."""
    at = file.find(ENVIRONMENT)
    dot = file.find(".", 1)
    if at >= 0 and (dot < 0 or at < dot):
        start = at - 1 if at > 0 and file[at - 1] in "-_." else at
        return file[:start], file[start:]
    return (file, "") if dot < 0 else (file[:dot], file[dot:])


def _with_wild_head(shape: Shape) -> Shape:
    head = shape.parts[-2]
    if is_generic(head) or WILD in head or "*" in head or ENVIRONMENT in head:
        return shape
    return replace(shape, parts=(*shape.parts[:-2], WILD, shape.parts[-1]))


def _unite(shapes: Iterable[Shape]) -> list[Shape]:
    united: dict[tuple[tuple[str, ...], int | None], Shape] = {}
    for shape in shapes:
        key = shape.parts, shape.environment_at
        known = united.get(key)
        united[key] = (
            shape
            if known is None
            else replace(shape, paths=known.paths | shape.paths, choices=known.choices | shape.choices)
        )
    return list(united.values())


def _families(shapes: Sequence[Shape]) -> list[list[Shape]]:
    families: defaultdict[tuple[int, int | None, str], list[Shape]] = defaultdict(list)
    for shape in shapes:
        families[len(shape.parts), shape.environment_at, shape.parts[-1]].append(shape)
    return list(families.values())


def _mergeable(family: Sequence[Shape]) -> list[tuple[int, list[Shape]]]:
    """Every (position, shapes that differ only there) that is worth merging."""
    found: list[tuple[int, list[Shape]]] = []
    for position in range(len(family[0].parts) - 2):
        alike: defaultdict[tuple[tuple[str, ...], tuple[str, ...]], list[Shape]] = defaultdict(list)
        for shape in family:
            part = shape.parts[position]
            if part != DEEP and ENVIRONMENT not in part:
                alike[shape.parts[:position], shape.parts[position + 1 :]].append(shape)
        found += [(position, group) for group in alike.values() if len(group) >= _fewest(group[0], position)]
    return found


def _fewest(shape: Shape, position: int) -> int:
    above = _right_above(shape)
    return 2 if above is None or position >= above else _FEWEST_ABOVE


def _rank(shape: Shape, position: int) -> tuple[int, int]:
    """Below the environment first, then right above it, then from right to left."""
    at = shape.environment_at
    return (0 if at is None or position > at else -1, position)


def _right_above(shape: Shape) -> int | None:
    """The directory above the environment, passing over one that only holds environments; None without an environment."""
    at = shape.environment_at
    if at is None:
        return None
    above = min(at, len(shape.parts) - 2) - 1
    return above - 1 if above > 0 and shape.parts[above].lower() in CONTAINERS else above
