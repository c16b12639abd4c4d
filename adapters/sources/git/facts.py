"""From what a landing did to the facts that are told of it. Pure; ids are derived, so a landing read twice says nothing new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.sources.git.declared import Artifacts, Change
from adapters.sources.git.overriding import Place
from adapters.sources.git.tracked import Effect
from bridge.domain.events import derive_id
from bridge.domain.facts import Fact, IntentDeclared, IntentWithdrawn, SourceLost, SourceReturned, SourceRewritten
from bridge.domain.names import Model, SourceRef, Target
from bridge.ports import DeclaredPlace, Dispute


class FactWriter:
    """Writes the facts of one source, under its configured name.

    ``branch``: where several are read, the one that is told of. It stands before each path, as in ``git show env/dev:a/b``:
    the same file of two branches is two.
    """

    def __init__(self, name: str, branch: str | None = None) -> None:
        self._name = name
        self._branch = branch

    def files(self, effect: Effect, revision: str) -> list[Fact]:
        """The files that were lost and that came back at a landing."""
        found: list[Fact] = [self.returned(revision, path, targets) for path, targets in effect.returned]
        found += [self.lost(revision, path, targets, reason) for path, targets, reason in effect.lost]
        return found

    def lost(self, revision: str, path: str, targets: tuple[Target, ...], reason: str) -> SourceLost:
        """A file can't be read any more."""
        source = self._source(revision, path)
        return SourceLost(source=source, model=Model.GITOPS, targets=targets, details={"unreadable": reason})

    def returned(self, revision: str, path: str, targets: tuple[Target, ...]) -> SourceReturned:
        """A file can be read again, or is gone."""
        source = self._source(revision, path)
        return SourceReturned(source=source, model=Model.GITOPS, targets=targets, details={"readable": True})

    def intent(
        self,
        change: Change,
        *,
        revision: str,
        at: datetime,
        actor: str | None,
        backfilled: bool,
        details: Mapping[str, object] | None = None,
    ) -> IntentDeclared | IntentWithdrawn:
        """The intent that a change of declared artifacts is."""
        verb = "intent" if change.artifacts else "withdrawn"
        return _declare_or_withdraw(
            self._id(verb, change.target, revision),
            change.target,
            change.artifacts,
            change.previous,
            at=at,
            source=self._source(revision, change.path),
            actor=actor,
            backfilled=backfilled,
            details={**_disagreements(change), **(details or {})},
        )

    def restated(
        self,
        target: Target,
        artifacts: Artifacts,
        previous: Artifacts,
        *,
        revision: str,
        at: datetime,
        backfilled: bool,
        occasion: int,
        details: Mapping[str, object] | None = None,
    ) -> IntentDeclared | IntentWithdrawn:
        """What stands at a tip, said again because the log would hold something else; an id for each ``occasion``."""
        verb = "intent.restated" if artifacts else "withdrawn.restated"
        return _declare_or_withdraw(
            self._id(verb, target, revision, *([str(occasion)] if occasion else [])),
            target,
            artifacts,
            previous,
            at=at,
            source=self._source(revision, None),
            actor=None,
            backfilled=backfilled,
            details=details or {"restated": True},
        )

    def dispute(self, target: Target, places: Sequence[Place]) -> Dispute:
        """The places that declare a target and disagree."""
        shown = (DeclaredPlace(self._path(place.key[0]), place.key[1], str(place.image)) for place in places)
        return Dispute(target, tuple(shown))

    def rewritten(self, old_tip: str, new_tip: str, merge_base: str | None, *, occasion: int) -> SourceRewritten:
        """The branch's history was replaced, not for the first time where there was an ``occasion`` before."""
        branch = {} if self._branch is None else {"branch": self._branch}
        again = [str(occasion)] if occasion else []
        return SourceRewritten(
            id=derive_id("source.rewritten", self._name, *branch.values(), old_tip, new_tip, *again),
            source=self._source(new_tip, None),
            model=Model.GITOPS,
            details={"old_tip": old_tip, "new_tip": new_tip, "merge_base": merge_base, **branch},
        )

    def _id(self, verb: str, target: Target, revision: str, *more: str) -> str:
        return derive_id(verb, Model.GITOPS.value, self._name, target.service, target.environment, revision, *more)

    def _source(self, revision: str, path: str | None) -> SourceRef:
        return SourceRef("git", self._name, revision, None if path is None else self._path(path))

    def _path(self, path: str) -> str:
        return path if self._branch is None else f"{self._branch}:{path}"


def _declare_or_withdraw(
    fact_id: str,
    target: Target,
    artifacts: Artifacts,
    previous: Artifacts,
    *,
    at: datetime,
    source: SourceRef,
    actor: str | None,
    backfilled: bool,
    details: Mapping[str, object],
) -> IntentDeclared | IntentWithdrawn:
    if not artifacts:
        return IntentWithdrawn(
            id=fact_id,
            model=Model.GITOPS,
            target=target,
            previous_artifacts=previous,
            declared_at=at,
            source=source,
            actor=actor,
            backfilled=backfilled,
            details=details,
        )
    return IntentDeclared(
        id=fact_id,
        model=Model.GITOPS,
        target=target,
        artifacts=artifacts,
        previous_artifacts=previous,
        declared_at=at,
        source=source,
        actor=actor,
        backfilled=backfilled,
        details=details,
    )


def _disagreements(change: Change) -> dict[str, object]:
    told: dict[str, object] = {}
    if change.disagreement:
        told["disagreement"] = _places(change.disagreement)
    if change.also_declared:
        told["also_declared"] = _places(change.also_declared)
    if change.evidence:
        told["evidence"] = _places(change.evidence)
    return told


def _places(places: Sequence[Place]) -> list[dict[str, str]]:
    return [{"path": place.key[0], "pointer": place.key[1], "artifact": str(place.image)} for place in places]
