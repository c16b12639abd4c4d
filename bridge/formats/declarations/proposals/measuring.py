"""How much of a history a set of rules explains: targets at the tip, bumps, and the image-looking changes that it does not see."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bridge.domain.names import ImageRef, Target
from bridge.formats.declarations.declaration import Declaration, Unreadable
from bridge.formats.declarations.rules import RuleSet, RuleSettings

_REMEMBERED = 4096  # parsed files: the state after one change is the state before the next


@dataclass(frozen=True, slots=True)
class Bump:
    """One image-looking change of one file: its blobs before and after, as opaque keys of the content."""

    path: str
    before: bytes
    after: bytes


@dataclass(slots=True)
class Explained:
    """What one rule explains. ``targets``: declared at the tip; ``bumps``: changes of a file that moved a declared image."""

    targets: set[Target] = field(default_factory=set)
    bumps: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """Of each rule, in their order; ``bumps``: how many changes some rule explains.

    By path, the number of the other changes: ``uncovered`` in files that no rule reads, ``unmoved`` in files that one does.
    """

    rules: Sequence[Explained]
    bumps: int
    uncovered: Mapping[str, int]
    unmoved: Mapping[str, int]


def measure(
    rules: Sequence[RuleSettings],
    tip: Mapping[str, bytes],
    bumps: Iterable[Bump],
    read: Callable[[bytes], bytes | None],
) -> Measured:
    """Read the tip's files (path to blob) and the changes by each rule."""
    sets = [RuleSet([rule]) for rule in rules]
    explained = [Explained() for _ in rules]

    @lru_cache(maxsize=_REMEMBERED)
    def declared(number: int, path: str, blob: bytes) -> Mapping[Target, frozenset[ImageRef]]:
        data = read(blob)
        try:
            return _by_target(sets[number].read(path, data)) if data is not None else {}
        except Unreadable:
            return {}

    for number, one in enumerate(sets):
        for path, blob in tip.items():
            if one.matches(path):
                explained[number].targets.update(declared(number, path, blob))
    total = 0
    uncovered: Counter[str] = Counter()
    unmoved: Counter[str] = Counter()
    for bump in bumps:
        reading = [number for number, one in enumerate(sets) if one.matches(bump.path)]
        moved = [
            each for each in reading if declared(each, bump.path, bump.before) != declared(each, bump.path, bump.after)
        ]
        for number in moved:
            explained[number].bumps += 1
        if moved:
            total += 1
        else:
            (unmoved if reading else uncovered)[bump.path] += 1
    return Measured(explained, total, uncovered, unmoved)


def _by_target(declarations: Iterable[Declaration]) -> Mapping[Target, frozenset[ImageRef]]:
    found: defaultdict[Target, set[ImageRef]] = defaultdict(set)
    for declaration in declarations:
        found[declaration.target].add(declaration.image)
    return {target: frozenset(images) for target, images in found.items()}
