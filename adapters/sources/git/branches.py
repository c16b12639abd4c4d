"""One pass over all branches that match a pattern: each is a line of landings of its own, with its own cursor and reader.

The branches are looked up and fetched together; those that moved are read one after the other, in order of their names. A branch
that appears is a first contact of that branch only; one that is gone takes its declarations with it. Which of what the log says
belongs to which branch follows from what each declares where its cursor stands.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.sources.git.batches import Gathering
from adapters.sources.git.client import Mirror
from adapters.sources.git.cursor import BranchCursors, Cursor, parse_branch_cursors
from adapters.sources.git.declared import Artifacts, meaning
from adapters.sources.git.facts import FactWriter
from adapters.sources.git.passes import DAMAGE, Reader
from adapters.sources.git.settings import GitSourceSettings
from bridge.domain.facts import Fact
from bridge.domain.names import Target
from bridge.errors import DeploybridgeError, Unavailable
from bridge.ports import Dispute, SourceBatch, Standing


class BranchesReader:
    """Reads passes, one at a time. ``now`` dates the end of a branch, of which Git keeps no time."""

    def __init__(self, settings: GitSourceSettings, mirror: Mirror, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._mirror = mirror
        self._now = now
        self._readers: dict[str, Reader] = {}
        self._readers_mirror = 0  # which of the mirrors, one discarded after the other, they have read
        self._tips: dict[str, bytes] = {}
        self._tips_mirror = 0
        self._disputes: dict[str, Sequence[Dispute]] = {}
        self._compared = False  # with the log, since the start

    def batches(self, text: str | None, standing: Standing) -> Generator[SourceBatch]:
        """One pass.

        Raises:
            Stalled, Unavailable: the repository, or one of its branches, can't be read; the other branches were read before.
        """
        self._update()
        cursors = parse_branch_cursors(text)
        if cursors is None or self._must_read_again(cursors):
            occasion = 0 if cursors is None else cursors.newest_occasion + 1
            unverified = text is not None or bool(standing)
            cursors = BranchCursors(self._settings.branch, occasion=occasion, unverified=unverified)
        log = dict(standing)
        facts, settled = self._settle(cursors, log)
        due = [branch for branch in self._tips if self._is_due(branch, settled)]
        if facts or settled != cursors:
            yield from self._hand_over(facts, cursors, settled, caught_up=not due)
            self._let_go(cursors.branches.keys() - settled.branches.keys())
        yield from self._read(due, settled, log)

    def _update(self) -> None:
        self._tips = self._mirror.update()
        self._tips_mirror = self._mirror.times_discarded

    def _must_read_again(self, cursors: BranchCursors) -> bool:
        """Other words or other rules see other intents, and more history holds more: of every branch."""
        if cursors.pattern != self._settings.branch:
            return True
        return any(self._reader(branch).must_read_again(cursor) for branch, cursor in cursors.branches.items())

    def _read(self, due: list[str], cursors: BranchCursors, log: Standing) -> Iterator[SourceBatch]:
        failure: DeploybridgeError | None = None
        for branch in due:
            reader, cursor = self._reader(branch), cursors.branches.get(branch)
            reader.others = tuple(
                bytes.fromhex(other.tip) for name, other in cursors.branches.items() if name != branch
            )
            reader.occasion = cursors.occasion
            begun = None if cursor is None else cursor.to_text()
            try:
                for batch in reader.batches(begun, self._share(branch, cursors, log)):
                    if batch.disputes is not None:
                        self._disputes[branch] = batch.disputes
                    cursors = cursors.moved(branch, batch.cursor)
                    is_last = batch.caught_up and branch == due[-1]
                    if (
                        is_last or batch.facts or batch.landings or batch.cursor != begun
                    ):  # else it was only looked at again
                        yield replace(
                            batch,
                            cursor=cursors.to_text(),
                            caught_up=is_last and failure is None,
                            disputes=self._all_disputes(),
                        )
            except DeploybridgeError as error:  # of this branch only: the others are read first
                failure = failure or error
        if failure is not None:
            raise failure

    def _is_due(self, branch: str, cursors: BranchCursors) -> bool:
        """Whether the branch moved or is new, or there is something to make up for, as after a restart."""
        cursor = cursors.branches.get(branch)
        if cursor is None or cursor.unverified or cursor.backfill_until is not None:
            return True
        return cursor.tip != self._tips[branch].hex() or not self._reader(branch).is_at(cursor.to_text())

    # --- what the log says, and who says it ---

    def _settle(self, cursors: BranchCursors, log: dict[Target, Artifacts]) -> tuple[list[Fact], BranchCursors]:
        """Branches that are gone, and what the log says that no branch declares; ``log`` becomes what it says then."""
        facts: list[Fact] = []
        kept = {branch: cursor for branch, cursor in cursors.branches.items() if branch in self._tips}
        settled = replace(cursors, branches=kept)
        for branch in sorted(cursors.branches.keys() - kept.keys()):
            told = self._end(branch, cursors.branches[branch], settled, log)
            facts += told or ()
            settled = replace(
                settled,
                occasion=max(settled.occasion, cursors.newest_occasion) + 1,
                unverified=settled.unverified or told is None,
            )
        if not (settled.unverified or not self._compared) or not self._all_are_read(settled):
            return facts, settled
        owned = [self._declared(branch, kept[branch]) for branch in kept]
        if None in owned:  # read anew by their passes; the comparison waits for the next one
            return facts, replace(settled, unverified=True)
        self._compared = True
        nobodys = sorted(log.keys() - {target for declared in owned for target in declared or ()})
        write, tip = FactWriter(self._settings.name), min(self._tips.items())[1].hex()
        for target in nobodys:
            facts.append(
                write.restated(
                    target,
                    (),
                    log.pop(target),
                    revision=tip,
                    at=self._now(),
                    backfilled=False,
                    occasion=settled.occasion,
                )
            )
        return facts, replace(settled, unverified=False, occasion=settled.occasion + bool(nobodys))

    def _all_are_read(self, cursors: BranchCursors) -> bool:
        unread = self._tips.keys() - cursors.branches.keys()
        return not unread and all(cursor.backfill_until is None for cursor in cursors.branches.values())

    def _end(self, branch: str, cursor: Cursor, left: BranchCursors, log: dict[Target, Artifacts]) -> list[Fact] | None:
        """The end of a branch: what only it declared is withdrawn. None: what it declared can't be told any more."""
        declared = self._declared(branch, cursor)
        if declared is None:
            return None
        write = FactWriter(self._settings.name, branch)
        occasion = max(left.occasion, cursor.occasion)
        facts: list[Fact] = [
            write.returned(cursor.tip, path, ()) for path in sorted(cursor.last_good.keys() | cursor.held.keys())
        ]
        for target in sorted(declared.keys() & log.keys()):
            now, then = self._declared_elsewhere(target, left), log.pop(target)
            if now:
                log[target] = now
            if meaning(now) != meaning(then):
                facts.append(
                    write.restated(
                        target,
                        now,
                        then,
                        revision=cursor.tip,
                        at=self._now(),
                        backfilled=False,
                        occasion=occasion,
                        details={"branch_deleted": branch},
                    )
                )
        return facts

    def _declared_elsewhere(self, target: Target, cursors: BranchCursors) -> Artifacts:
        """What the first other branch declares for a target; rules can give two branches one name."""
        for branch, cursor in sorted(cursors.branches.items()):
            if artifacts := (self._declared(branch, cursor) or {}).get(target):
                return artifacts
        return ()

    def _declared(self, branch: str, cursor: Cursor) -> Mapping[Target, Artifacts] | None:
        """What a branch declares where its cursor stands; None: the mirror lacks what it was."""
        try:
            return self._reader(branch).declared_at(cursor.to_text())
        except DAMAGE:
            return None

    def _share(self, branch: str, cursors: BranchCursors, log: Standing) -> Standing:
        """What the log says of what a branch declares; of one that is new, everything: it may have been here before."""
        cursor = cursors.branches.get(branch)
        if cursor is None:
            return log
        if (declared := self._declared(branch, cursor)) is not None:
            return {target: log[target] for target in declared if target in log}
        others = [self._declared(name, other) or {} for name, other in cursors.branches.items() if name != branch]
        return {target: said for target, said in log.items() if not any(target in declared for declared in others)}

    # --- readers, and what they told ---

    def _reader(self, branch: str) -> Reader:
        if self._readers_mirror != self._mirror.times_discarded:  # what they hold belongs to a mirror that is closed
            self._readers, self._readers_mirror = {}, self._mirror.times_discarded
        if branch not in self._readers:
            self._readers[branch] = Reader(self._settings, self._mirror, branch, tip=lambda: self._tip_of(branch))
        return self._readers[branch]

    def _tip_of(self, branch: str) -> bytes:
        if self._tips_mirror != self._mirror.times_discarded:
            self._update()
        if branch not in self._tips:
            raise Unavailable(f"branch {branch!r} of {self._settings.url} went while it was read: it is tried again")
        return self._tips[branch]

    def _hand_over(
        self, facts: list[Fact], before: BranchCursors, after: BranchCursors, *, caught_up: bool
    ) -> Iterator[SourceBatch]:
        """In bounded batches; the old cursor holds until the last one, so that a crash tells them again, with the same ids."""
        gathering, revision = Gathering(), min(self._tips.items())[1].hex()
        for fact in facts:
            if gathering.is_full:
                yield gathering.hand_over(before.to_text(), revision=revision)
            gathering.add([fact])
        for branch in before.branches.keys() - after.branches.keys():
            self._disputes.pop(branch, None)
        yield gathering.hand_over(
            after.to_text(), revision=revision, caught_up=caught_up, disputes=self._all_disputes()
        )

    def _all_disputes(self) -> list[Dispute]:
        return [dispute for _, disputes in sorted(self._disputes.items()) for dispute in disputes]

    def _let_go(self, gone: set[str]) -> None:
        for branch in gone:
            self._readers.pop(branch, None)
        self._mirror.forget(gone)
