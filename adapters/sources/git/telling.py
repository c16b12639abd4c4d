"""What is told of a landing, and of a tip that the log holds otherwise; the mirror knows when it was and who wrote it."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.sources.git.client import Mirror
from adapters.sources.git.cursor import Cursor
from adapters.sources.git.declared import Artifacts, meaning
from adapters.sources.git.facts import FactWriter
from adapters.sources.git.landings import Authors
from adapters.sources.git.tracked import Effect
from adapters.sources.git.walking import AnyCommit
from bridge.domain.facts import Fact
from bridge.domain.names import Target
from bridge.ports import Standing


def facts_of(
    write: FactWriter,
    mirror: Mirror,
    effect: Effect,
    commit: AnyCommit,
    merged: Sequence[AnyCommit] = (),
    *,
    details: dict[str, object] | None = None,
    backfilled: bool = True,
) -> list[Fact]:
    """The facts of one landing; ``details`` are for a landing at which the reading begins: nobody is called its author."""
    revision = commit.oid.hex()
    facts = write.files(effect, revision)
    if not effect.changes:
        return facts
    authors = Authors(mirror.repository, mirror.objects)
    opening = details is not None
    for change in effect.changes:
        actor = None if opening else authors.author_of(commit, change.path, merged)
        facts.append(
            write.intent(
                change, revision=revision, at=commit.committed_at, actor=actor, backfilled=backfilled, details=details
            )
        )
    return facts


def restated(
    write: FactWriter, mirror: Mirror, declared: dict[Target, Artifacts], cursor: Cursor, standing: Standing
) -> list[Fact]:
    """Say again what the log holds otherwise than ``declared`` at the cursor; usually nothing.

    What is the same but spelt otherwise becomes in ``declared`` what the log says.
    """
    at = mirror.objects.commit(bytes.fromhex(cursor.tip)).committed_at
    facts: list[Fact] = []
    for target in sorted(declared.keys() | standing.keys()):
        now, then = declared.get(target, ()), standing.get(target, ())
        if meaning(now) != meaning(then):
            facts.append(
                write.restated(target, now, then, revision=cursor.tip, at=at, backfilled=True, occasion=cursor.occasion)
            )
        elif now:
            declared[target] = then
    return facts
