"""One pass over a branch: fetch, then every landing after the cursor, oldest first. Every pass is the same pass.

What a pass needs is rebuilt from the cursor and the log's standing declarations; the state of the pass before is used again
only if its last cursor is the one given. Runs on the source's own thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial

import pygit2

from adapters.sources.git import git_log
from adapters.sources.git.apart import WORTH_IT, Errand, read_apart
from adapters.sources.git.batches import Gathering
from adapters.sources.git.client import Mirror, set_up_caches
from adapters.sources.git.commit_count import CommitCounter
from adapters.sources.git.cursor import Cursor, parse_cursor
from adapters.sources.git.declared import Artifacts
from adapters.sources.git.facts import FactWriter
from adapters.sources.git.landings import commits_beyond, first_since, has_landings, read_line
from adapters.sources.git.objects import ObjectMissing
from adapters.sources.git.reading import FileReader, Rules
from adapters.sources.git.rewritten import Rewriting
from adapters.sources.git.settings import GitSourceSettings, Since
from adapters.sources.git.telling import facts_of, restated
from adapters.sources.git.tracked import TrackedFiles
from adapters.sources.git.walking import AnyCommit, Landing, Walk
from bridge.domain.facts import Fact
from bridge.domain.names import Target
from bridge.domain.noise import CommitCount
from bridge.errors import Unavailable
from bridge.ports import SourceBatch, Standing

DAMAGE = (pygit2.GitError, KeyError, ObjectMissing, OSError)


def read_errand(errand: Errand) -> Iterator[SourceBatch]:
    """Read a long history in a process of its own."""
    set_up_caches()
    mirror = Mirror(errand.settings, errand.data_dir, threading.Event())
    reader = Reader(errand.settings, mirror, errand.cursor.branch, long=1)
    reader.leave_to_others(errand.others, errand.tip)
    return reader.read_history(errand.cursor, errand.tip)


class Reader:
    """Reads passes over one branch, one at a time."""

    def __init__(
        self,
        settings: GitSourceSettings,
        mirror: Mirror,
        branch: str | None = None,
        *,
        long: int = WORTH_IT,
        tip: Callable[[], bytes] | None = None,
    ) -> None:
        """Read ``branch``, by default the configured one; ``tip`` brings its newest commit into the mirror, by default by itself.

        A line of ``long`` landings or more is read by other means: a process of its own at first contact, ``git log``.
        """
        self._settings = settings
        self._branch = branch = branch or settings.branch
        self._long = long
        self._mirror = mirror
        self._tip = tip or (lambda: mirror.update()[branch])
        self._rules = Rules(settings.rules, branch, settings.branches.captured_from(branch) or {})
        self._read_by = "+".join((self._rules.set.digest, *settings.machines))
        self._write = FactWriter(settings.name, branch if settings.branches.several else None)
        self._files: TrackedFiles | None = None
        self._files_are_at: str | None = None  # the cursor that the files' state belongs to
        self._taken_up: tuple[Cursor, TrackedFiles] | None = None  # restored before the pass that needs it
        self._cloned_again = False
        self.others: tuple[bytes, ...] = ()  # commits of other branches: their histories are counted there
        self.occasion = 0  # of a first contact, see ``Cursor``
        self._uncounted: Container[bytes] | None = None

    def batches(self, cursor: str | None, standing: Standing) -> Generator[SourceBatch]:
        """One pass.

        Raises:
            Stalled, Unavailable: the repository can't be read; nothing was lost, the same call can be made again.
        """
        told = False
        while True:
            try:
                for batch in self._pass(cursor, standing):
                    told = True
                    yield batch
            except DAMAGE as error:
                damage = f"{type(error).__name__}: {error}"
            else:
                self._cloned_again = False
                return
            # Outside the handler, where nothing of the failed pass is alive any more and holds the damaged packs open.
            self._forget()
            self._mirror.discard()
            if told or self._cloned_again:
                self._cloned_again = told
                msg = (
                    f"the mirror of {self._settings.url} was damaged or lacks objects ({damage}): "
                    "it is cloned again at the next attempt; if that goes on, run `git fsck` on the repository"
                )
                raise Unavailable(msg)
            self._cloned_again = True

    def is_at(self, text: str) -> bool:
        """Whether the state of the files is at hand for a pass from this cursor."""
        return text == self._files_are_at

    def declared_at(self, text: str) -> Mapping[Target, Artifacts]:
        """What the branch declares where a cursor stands.

        Raises:
            KeyError, pygit2.GitError, ObjectMissing: the mirror is damaged, or lacks what the branch was.
        """
        files = self._files if text == self._files_are_at else None
        if files is None:
            cursor = parse_cursor(text)
            assert cursor is not None, "it was written here"
            files = self._restore(cursor)
            self._taken_up = cursor, files
        return files.state.declared

    def leave_to_others(self, others: tuple[bytes, ...], tip: bytes) -> None:
        """Count no commit that ``others`` have, on the way to ``tip``."""
        self.others = others
        self._uncounted = commits_beyond(self._mirror.repository, tip, others) if others else None

    def _pass(self, text: str | None, standing: Standing) -> Iterator[SourceBatch]:
        tip = self._tip()
        self.leave_to_others(self.others, tip)
        cursor = parse_cursor(text)
        if cursor is None or self.must_read_again(cursor):
            unverified = cursor is not None or bool(standing) or self.occasion > 0
            occasion = self.occasion if cursor is None else cursor.occasion + 1
            yield from self._first_contact(tip, unverified=unverified, occasion=occasion)
        elif (line := self._line_since(cursor, tip)) is not None:
            yield from self._go_on(text, cursor, line, standing)
        else:
            yield from self._after_rewriting(cursor, tip, standing)
        self._mirror.keep(self._branch, tip.hex())

    def must_read_again(self, cursor: Cursor) -> bool:
        """Other rules see other intents, other machines count otherwise, and more history holds more; less needs no reading."""
        wanted = self._settings.history_text
        return cursor.rules != self._read_by or wanted not in {cursor.history, "tip"}

    def _line_since(self, cursor: Cursor, tip: bytes) -> Sequence[bytes] | None:
        """The landings after the cursor, oldest first; None where the cursor is no landing of the branch any more."""
        known = bytes.fromhex(cursor.tip)
        if known == tip:
            return ()
        line = read_line(self._mirror.repository, tip, {known}, tolerant=self._cloned_again)
        return line.landings if line.base is not None else None

    def _first_contact(self, tip: bytes, *, unverified: bool, occasion: int) -> Iterator[SourceBatch]:
        self._forget()
        cursor = Cursor(
            tip=tip.hex(),
            branch=self._branch,
            rules=self._read_by,
            history=self._settings.history_text,
            backfill_until=tip.hex(),
            unverified=unverified,
            occasion=occasion,
        )
        if self._settings.history != "tip" and self._is_long(tip):
            yield from read_apart(Errand(self._settings, self._mirror.data_dir, cursor, tip, self.others))
        else:
            yield from self.read_history(cursor, tip)

    def _is_long(self, tip: bytes) -> bool:
        """Whether other means than libgit2 in this process are worth their start; not for a history with holes."""
        return not self._cloned_again and has_landings(self._mirror.repository, tip, self._long)

    def read_history(self, cursor: Cursor, tip: bytes) -> Iterator[SourceBatch]:
        """Read what is asked for at first contact, in this process."""
        files = self._new_files()
        if self._settings.history == "all" and git_log.is_usable() and self._is_long(tip):
            with self._walk(files) as walk:
                yield from self._follow(files, walk, walk.at_length(tip, None), cursor, Gathering(), afresh=True)
            return
        landings, opening = self._asked_for(tip)
        gathering = Gathering()
        if opening is not None:
            commit = self._mirror.objects.commit(opening)
            facts = facts_of(self._write, self._mirror, files.advance(commit.tree), commit, details={"opening": True})
            gathering.add(facts, landings=1)
            cursor = replace(cursor, tip=opening.hex())
        with self._walk(files) as walk:
            steps = self._steps(walk, landings, opening, files.tree)
            yield from self._follow(files, walk, steps, cursor, gathering, afresh=True)

    def _new_files(self) -> TrackedFiles:
        return TrackedFiles(FileReader(self._mirror.objects, self._rules), self._rules)

    def _asked_for(self, tip: bytes) -> tuple[Sequence[bytes], bytes | None]:
        """The landings to read at first contact, and the one whose state is declared before them."""
        history = self._settings.history
        if history == "tip":
            return (), tip
        landings = read_line(self._mirror.repository, tip, tolerant=self._cloned_again).landings
        start = first_since(self._mirror.objects, landings, history.since) if isinstance(history, Since) else 0
        return landings[start:], landings[start - 1] if start else None

    def _go_on(
        self, text: str | None, cursor: Cursor, landings: Sequence[bytes], standing: Standing
    ) -> Iterator[SourceBatch]:
        gathering = Gathering()
        files = self._files if text is not None and text == self._files_are_at else None
        if cursor.backfill_until is None and (files is None or cursor.unverified):
            files = files or self._restore(cursor)
            gathering.add(restated(self._write, self._mirror, files.state.declared, cursor, standing))
            # On a line that was replaced before, a landing may be one that the log knows and that was undone since.
            cursor = replace(cursor, unverified=False)
        files = files or self._restore(cursor)
        suspect = cursor.unverified or (cursor.occasion > 0 and bool(landings))
        cursor = replace(cursor, branch=self._branch, history=self._settings.history_text, unverified=suspect)
        with self._walk(files) as walk:
            steps = self._steps(walk, landings, bytes.fromhex(cursor.tip), files.tree)
            yield from self._follow(files, walk, steps, cursor, gathering)

    def _restore(self, cursor: Cursor) -> TrackedFiles:
        taken_up, self._taken_up = self._taken_up, None
        if taken_up is not None and taken_up[0] == cursor:
            return taken_up[1]
        files = self._new_files()
        tree = self._mirror.objects.commit(bytes.fromhex(cursor.tip)).tree
        files.restore(tree, cursor)
        return files

    def _follow(
        self,
        files: TrackedFiles,
        walk: Walk,
        steps: Iterator[Landing],
        cursor: Cursor,
        gathering: Gathering,
        *,
        afresh: bool = False,
    ) -> Iterator[SourceBatch]:
        self._forget()  # until the pass is through: a pass that is broken off leaves no state behind
        counter = self._counter(walk, files, afresh=afresh)
        newest: AnyCommit | None = None
        for landing in steps:
            commit = landing.commit
            if gathering.is_full:
                cursor = replace(files.remembered(cursor), tip=newest.oid.hex() if newest else cursor.tip)
                yield gathering.hand_over(cursor.to_text(), revision=cursor.tip, commits=counter.take())
            cut_off = newest is None and files.tree is None and self._mirror.objects.names_parents(commit.oid)
            newest = commit
            effect = files.take(landing.reads)
            facts: Sequence[Fact] = ()
            if effect.changes or effect.lost or effect.returned:
                details: dict[str, object] | None = {"shallow": True} if cut_off else None
                backfilled = cursor.backfill_until is not None
                facts = facts_of(
                    self._write, self._mirror, effect, commit, landing.merged, details=details, backfilled=backfilled
                )
            gathering.add(facts, landings=1)
            counter.count(landing)
            if cursor.backfill_until is not None and cursor.backfill_until == commit.oid.hex():
                cursor = replace(cursor, backfill_until=None)
        if newest is not None:
            files.tree = newest.tree
            cursor = replace(cursor, tip=newest.oid.hex())
        done = replace(files.remembered(cursor), backfill_until=None)
        yield self._hand_over(gathering, files, done, counter.take())

    @contextmanager
    def _walk(self, files: TrackedFiles) -> Iterator[Walk]:
        with closing(Walk(self._mirror, files.reader)) as walk:
            yield walk

    def _steps(
        self, walk: Walk, landings: Sequence[bytes], after: bytes | None, before: bytes | None
    ) -> Iterator[Landing]:
        """These landings, the first of which follows ``after`` and its tree ``before``."""
        if len(landings) >= self._long and git_log.is_usable():
            return walk.at_length(landings[-1], after)
        return walk.step_by_step(landings, before)

    def _counter(self, walk: Walk, files: TrackedFiles, *, afresh: bool) -> CommitCounter:
        at_length = git_log.is_usable()
        differences = partial(walk.differences, at_length=at_length)
        afresh = afresh and not self.others
        machines = self._settings.machines
        return CommitCounter(files.reader, differences, machines, afresh=afresh, only=self._uncounted)

    def _hand_over(
        self, gathering: Gathering, files: TrackedFiles, cursor: Cursor, commits: CommitCount
    ) -> SourceBatch:
        """The last batch of a pass; the next pass may go on from the files' state."""
        self._files, self._files_are_at = files, cursor.to_text()
        disputes = [self._write.dispute(target, places) for target, places in files.state.disputes()]
        return gathering.hand_over(
            self._files_are_at, revision=cursor.tip, caught_up=True, commits=commits, disputes=disputes
        )

    def _after_rewriting(self, cursor: Cursor, tip: bytes, standing: Standing) -> Iterator[SourceBatch]:
        self._forget()
        rewriting = Rewriting(self._mirror, self._rules, self._write, cursor, tip, tolerant=self._cloned_again)
        cursor_text = cursor.to_text()
        gathering = Gathering()
        for facts, landings in rewriting.read(standing, whole_history=self._settings.history == "all"):
            gathering.add(facts, landings=landings)
            if gathering.is_full:
                # The old cursor still holds: after a crash the two lines are compared again, with the same ids.
                yield gathering.hand_over(cursor_text, revision=cursor.tip)
        done = replace(
            rewriting.files.remembered(cursor),
            tip=tip.hex(),
            branch=self._branch,
            history=self._settings.history_text,
            backfill_until=None,
            unverified=False,
            occasion=cursor.occasion + 1,
        )
        commits = self._count_again(rewriting, tip)
        yield self._hand_over(gathering, rewriting.files, done, commits)

    def _count_again(self, rewriting: Rewriting, tip: bytes) -> CommitCount:
        """What the new line has since it left the old one, less what the old line had since; all, where that can't be told."""
        files, old = rewriting.files, rewriting.old_line
        if old is None or old.base is None:
            landings, opening = self._asked_for(tip)
            return self._count_line(files, landings, opening, afresh=True)
        counted = self._count_line(files, rewriting.landings_after(old.base), old.base)
        if self._settings.history != "all":  # then nobody knows which of the old commits were counted
            return counted
        return counted.without(self._count_line(files, old.landings, old.base))

    def _count_line(
        self, files: TrackedFiles, landings: Sequence[bytes], after: bytes | None, *, afresh: bool = False
    ) -> CommitCount:
        before = None if after is None else self._mirror.objects.commit(after).tree
        with self._walk(files) as walk:
            counter = self._counter(walk, files, afresh=afresh)
            for landing in self._steps(walk, landings, after, before):
                counter.count(landing)
            return counter.take()

    def _forget(self) -> None:
        self._files, self._files_are_at, self._taken_up = None, None, None
