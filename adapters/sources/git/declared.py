"""What the tracked files declare, place by place, and when that is a new intent. Pure.

A *place* is one scalar in one file. Places of one target that name the same repository form a *slot*; the place that was
changed last decides the slot's value, so that a second copy of a declaration is evidence and no second intent. What a target
inherits counts only where nothing nearer to it says otherwise, see ``overriding``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from adapters.sources.git.overriding import Place, PlaceKey, effective
from bridge.domain.names import ImageRef, Target, bundle
from bridge.formats.declarations.declaration import Declaration

Artifacts: TypeAlias = tuple[ImageRef, ...]


class Change(NamedTuple):
    """The declared artifacts of a target became others; ``path`` is the file of the place that decided it."""

    target: Target
    artifacts: Artifacts
    previous: Artifacts
    path: str
    disagreement: Sequence[Place] = ()  # changed in the same landing, to something else
    also_declared: Sequence[Place] = ()  # unchanged, and something else
    evidence: Sequence[Place] = ()  # the same, in other places


@dataclass(frozen=True, slots=True)
class _Decision:
    artifacts: Artifacts
    deciders: Sequence[Place]
    losers: Sequence[Place]
    evidence: Sequence[Place] = ()


class DeclaredState:
    """All places of all targets. Stage files with ``put``, then ``settle`` a landing."""

    def __init__(self, rule_of: Callable[[str], int]) -> None:
        """``rule_of`` gives the index of the first rule that reads a path: the order of precedence."""
        self.declared: dict[Target, Artifacts] = {}
        self._rule_of = rule_of
        self._files: dict[str, tuple[Declaration, ...]] = {}
        self._places: dict[Target, dict[PlaceKey, Place]] = {}
        self._staged: dict[str, tuple[Declaration, ...]] = {}
        self._order = 0
        self._disagreeing: set[Target] = set()

    def in_file(self, path: str) -> tuple[Declaration, ...]:
        """What the file declares, as of the last landing settled."""
        return self._files.get(path, ())

    def put(self, path: str, declarations: tuple[Declaration, ...]) -> None:
        """Stage what the file declares from the next landing on."""
        self._staged[path] = declarations

    def settle(self) -> list[Change]:
        """Take the staged files as one landing; the changes of declared artifacts, in order of targets."""
        self._order += 1
        staged, self._staged = self._staged, {}
        if len(staged) == 1 and (bump := self._settle_bump(*next(iter(staged.items())))) is not None:
            return [bump]
        before: dict[Target, Mapping[PlaceKey, Place]] = {}
        for path in staged:
            self._take_out(path, before)
        for path, declarations in staged.items():
            self._put_in(path, declarations, before)
        changes = (self._change_of(target, before[target]) for target in sorted(before))
        return [change for change in changes if change is not None]

    def _settle_bump(self, path: str, declarations: tuple[Declaration, ...]) -> Change | None:
        """The usual landing: the only place of a target got another value. None: it is not that, and nothing was done."""
        before = self._files.get(path, ())
        if len(declarations) != 1 or len(before) != 1:
            return None
        (old,), (new,) = before, declarations
        target = new.target
        places = self._places.get(target, {})
        if new.renames or old.target != target or old.pointer != new.pointer or len(places) != 1:
            return None
        previous, artifacts = self.declared.get(target, ()), (new.image,)
        key, place = next(iter(places.items()))
        if key[0] != path or not previous or meaning(artifacts) == meaning(previous):
            return None
        places[key] = Place(key, new.image, self._order, place.rank, new.level, new.part)
        self._files[path] = declarations
        self.declared[target] = artifacts
        return Change(target, artifacts, previous, path)

    def conflicts(self) -> list[tuple[str, str, int, int]]:
        """The places that disagree and when each changed: what a tree alone doesn't tell."""
        places = (place for target in sorted(self._disagreeing) for place in self._places.get(target, {}).values())
        return [(*place.key, place.changed) for place in places if place.changed]

    def disputes(self) -> Iterator[tuple[Target, Sequence[Place]]]:
        """The targets whose places disagree, in order, each with all places that count for it."""
        for target in sorted(self._disagreeing):
            yield target, sorted(effective(list(self._places[target].values())), key=lambda place: place.rank)

    def restore(self, conflicts: Iterable[tuple[str, str, int, int]]) -> None:
        """Settle the staged files as what was declared all along, with what ``conflicts`` remembers."""
        self.settle()
        remembered = {(path, pointer, nth): order for path, pointer, nth, order in conflicts}
        self._order = max(remembered.values(), default=0)
        for target, places in self._places.items():
            for key, place in places.items():
                places[key] = replace(place, changed=remembered.get(key, 0))
            self._declare(target, _decide(list(places.values())))

    def _take_out(self, path: str, before: dict[Target, Mapping[PlaceKey, Place]]) -> None:
        for key, declaration in _keyed(path, self._files.pop(path, ())):
            places = self._places[declaration.target]
            if declaration.target not in before:
                before[declaration.target] = dict(places)
            del places[key]

    def _put_in(
        self, path: str, declarations: tuple[Declaration, ...], before: dict[Target, Mapping[PlaceKey, Place]]
    ) -> None:
        if not declarations:
            return
        self._files[path] = declarations
        rule = self._rule_of(path)
        for index, (key, declaration) in enumerate(_keyed(path, declarations)):
            places = self._places.setdefault(declaration.target, {})
            if declaration.target not in before:
                before[declaration.target] = dict(places)
            changed = self._when_changed(key, declaration.image, before[declaration.target])
            rank = (rule, path, index)
            places[key] = Place(
                key, declaration.image, changed, rank, declaration.level, declaration.part, declaration.renames
            )

    def _when_changed(self, key: PlaceKey, image: ImageRef, before: Mapping[PlaceKey, Place]) -> int:
        """This landing; for a place that moved or was copied, when its value was declared."""
        old = before.get(key)
        if old is not None:
            return old.changed if old.image == image else self._order
        return max((place.changed for place in before.values() if place.image == image), default=self._order)

    def _change_of(self, target: Target, before: Mapping[PlaceKey, Place]) -> Change | None:
        places = self._places[target]
        previous = self.declared.get(target, ())
        if not places:
            del self._places[target]
            self.declared.pop(target, None)
            self._disagreeing.discard(target)
            return Change(target, (), previous, next(iter(before))[0]) if previous else None
        decision = _decide(list(places.values()))
        if not decision.artifacts:  # all that is left are new names for what is inherited no more
            self._declare(target, decision)
            return Change(target, (), previous, next(iter(before), next(iter(places)))[0]) if previous else None
        if meaning(decision.artifacts) == meaning(previous):
            # The same thing, perhaps spelt otherwise: what was declared stands as it was written first.
            self._note_disagreement(target, decision)
            return None
        self._declare(target, decision)
        moved = [place for place in decision.deciders if place.changed == self._order]
        return Change(
            target,
            decision.artifacts,
            previous,
            (moved or decision.deciders)[0].key[0],
            [place for place in decision.losers if place.changed == self._order],
            [place for place in decision.losers if place.changed != self._order],
            decision.evidence,
        )

    def _declare(self, target: Target, decision: _Decision) -> None:
        if decision.artifacts:
            self.declared[target] = decision.artifacts
        else:
            self.declared.pop(target, None)
        self._note_disagreement(target, decision)

    def _note_disagreement(self, target: Target, decision: _Decision) -> None:
        if decision.losers:
            self._disagreeing.add(target)
        else:
            self._disagreeing.discard(target)


def _keyed(path: str, declarations: tuple[Declaration, ...]) -> Iterator[tuple[PlaceKey, Declaration]]:
    if len(declarations) == 1:
        yield (path, declarations[0].pointer, 0), declarations[0]
        return
    seen: dict[tuple[Target, str], int] = {}
    for declaration in declarations:
        nth = seen.get((declaration.target, declaration.pointer), 0)
        seen[declaration.target, declaration.pointer] = nth + 1
        yield (path, declaration.pointer, nth), declaration


def _decide(places: Sequence[Place]) -> _Decision:
    if len(places) == 1 and not places[0].renames:
        return _Decision((places[0].image,), places, ())
    values, deciders, losers, evidence = [], [], [], []
    for slot in _slots(effective(places)):
        decider = min(slot, key=lambda place: (-place.changed, place.rank))
        deciders.append(decider)
        values.append(_most_exact(decider, slot))
        for place in slot:
            if not _agree(place.image, decider.image):
                losers.append(place)
            elif place is not decider:
                evidence.append(place)
    return _Decision(bundle(values), deciders, losers, evidence)


def _slots(places: Sequence[Place]) -> list[list[Place]]:
    slots: dict[str | None, list[Place]] = {}
    for place in places:
        slots.setdefault(place.image.canonical_repository, []).append(place)
    if None in slots and len(slots) == 2:  # noqa: PLR2004 - one named repository: a bare tag can only be meant for it
        nameless = slots.pop(None)
        next(iter(slots.values())).extend(nameless)
    return list(slots.values())


def _most_exact(decider: Place, slot: Sequence[Place]) -> ImageRef:
    """The decider's value, with the repository and the digest that agreeing places of the slot add to it."""
    image = decider.image
    others = [place.image for place in sorted(slot, key=lambda place: place.rank)]
    repository = image.repository or next((other.repository for other in others if other.repository), None)
    digest = image.digest
    if digest is None:
        digest = next((other.digest for other in others if other.digest and other.tag == image.tag), None)
    return ImageRef(repository, image.tag, digest)


def _agree(one: ImageRef, other: ImageRef) -> bool:
    if one.digest and other.digest:
        return one.digest == other.digest
    return one.tag == other.tag


def meaning(artifacts: Artifacts) -> set[tuple[str | None, str | None, str | None]]:
    """What artifacts are, however they are spelt."""
    return {(image.canonical_repository, image.tag, image.digest) for image in artifacts}
