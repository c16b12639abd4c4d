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
    """What one rule explains. ``targets``: declared at the tip; ``bumps``: landings' changes of what a target is declared to run."""

    targets: set[Target] = field(default_factory=set)
    bumps: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """Of each rule, in their order; ``bumps``: how many changes some rule explains; ``unexplained``: path to number of changes."""

    rules: Sequence[Explained]
    bumps: int
    unexplained: Mapping[str, int]


def measure(
    rules: Sequence[RuleSettings], tip: Mapping[str, bytes], bumps: Iterable[Bump], read: Callable[[bytes], bytes | None]
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
    unexplained: Counter[str] = Counter()
    for bump in bumps:
        seen = False
        for number, one in enumerate(sets):
            if one.matches(bump.path) and declared(number, bump.path, bump.before) != declared(number, bump.path, bump.after):
                explained[number].bumps += 1
                seen = True
        total += seen
        if not seen:
            unexplained[bump.path] += 1
    return Measured(explained, total, unexplained)


def _by_target(declarations: Iterable[Declaration]) -> Mapping[Target, frozenset[ImageRef]]:
    found: defaultdict[Target, set[ImageRef]] = defaultdict(set)
    for declaration in declarations:
        found[declaration.target].add(declaration.image)
    return {target: frozenset(images) for target, images in found.items()}
