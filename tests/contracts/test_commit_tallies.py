"""What every event log promises about the counts of commits: kept in the batch's transaction, summed, by source."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.eventlogs import sqlite
from bridge.domain.noise import CommitClass, CommitCount, Tally, TallyKey
from bridge.errors import InvariantBroken, Stalled, Unavailable
from bridge.ports import Append
from tests.contracts.log_events import batch, second

BUMP = TallyKey("2026-08-17", CommitClass.BUMP_BY_BOT, "acme-ci")
OTHER = TallyKey("2026-08-17", CommitClass.OTHER, "Zo\u00eb")
EARLIER = TallyKey("2026-08-10", CommitClass.OTHER, "")


def count(*, afresh: bool = False, **sources: dict[TallyKey, Tally]) -> Append:
    commits = {source: CommitCount(tallies, afresh) for source, tallies in sources.items()}
    return Append([], second(1), cursors=dict.fromkeys(sources, "one"), commits=commits)


async def test_an_empty_log_has_counted_nothing(opened: Any) -> None:
    assert list(await opened.reader.commit_tallies()) == []
    assert list(await opened.reader.commit_tallies(source="infra")) == []


async def test_counts_of_a_key_are_summed_and_kept_across_restarts(place: Any) -> None:
    for _ in range(2):
        async with place.open() as opened:
            await opened.log.append(count(infra={BUMP: Tally(2, 1, 4), OTHER: Tally(1, 1, 30)}))
    async with place.open() as opened:
        await opened.log.append(count(infra={BUMP: Tally(1, 0, 2)}))
        assert list(await opened.reader.commit_tallies()) == [
            ("infra", BUMP, Tally(5, 2, 10)),
            ("infra", OTHER, Tally(2, 2, 60)),
        ]


async def test_they_come_by_source_week_class_and_author(opened: Any) -> None:
    again = BUMP._replace(author="another")
    tallies = {OTHER: Tally(1), BUMP: Tally(2), again: Tally(3), EARLIER: Tally(4)}
    await opened.log.append(count(web=tallies, infra={BUMP: Tally(5)}))
    expected = [
        ("infra", BUMP, Tally(5)),
        ("web", EARLIER, Tally(4)),
        ("web", BUMP, Tally(2)),
        ("web", again, Tally(3)),
        ("web", OTHER, Tally(1)),
    ]
    assert list(await opened.reader.commit_tallies()) == expected
    assert list(await opened.reader.commit_tallies(source="web")) == expected[1:]
    assert list(await opened.reader.commit_tallies(source="nobody")) == []


async def test_counting_afresh_forgets_one_source_only(opened: Any) -> None:
    await opened.log.append(count(infra={BUMP: Tally(2), EARLIER: Tally(1)}, web={BUMP: Tally(3)}))
    await opened.log.append(count(infra={OTHER: Tally(7)}, afresh=True))
    assert list(await opened.reader.commit_tallies()) == [("infra", OTHER, Tally(7)), ("web", BUMP, Tally(3))]
    await opened.log.append(count(web={}, afresh=True))
    assert list(await opened.reader.commit_tallies()) == [("infra", OTHER, Tally(7))]


async def test_commits_that_are_gone_are_taken_off(opened: Any) -> None:
    await opened.log.append(count(infra={BUMP: Tally(3, 2, 6)}))
    await opened.log.append(count(infra={BUMP: Tally(-1, -1, -2)}))
    assert list(await opened.reader.commit_tallies()) == [("infra", BUMP, Tally(2, 1, 4))]


async def test_a_refused_batch_counts_nothing_and_moves_no_cursor(opened: Any) -> None:
    await opened.log.append(
        replace(batch(1), cursors={"infra": "one"}, commits={"infra": CommitCount({BUMP: Tally(1)})})
    )
    for afresh in (False, True):
        refused = replace(
            batch(1), cursors={"infra": "two"}, commits={"infra": CommitCount({OTHER: Tally(9)}, afresh=afresh)}
        )
        with pytest.raises(InvariantBroken):
            await opened.log.append(refused)
    assert list(await opened.reader.commit_tallies()) == [("infra", BUMP, Tally(1))]
    assert dict((await opened.log.restore()).cursors) == {"infra": "one"}


async def test_many_keys_fit_into_one_batch(opened: Any) -> None:
    tallies = {BUMP._replace(author=f"author {number:04}"): Tally(number + 1) for number in range(3000)}
    await opened.log.append(count(infra=tallies))
    found = await opened.reader.commit_tallies(source="infra")
    assert {key: tally for _, key, tally in found} == tallies


@pytest.mark.parametrize("afresh", [False, True])
async def test_a_failure_amid_the_counting_leaves_the_file_as_it_was(tmp_path: Path, *, afresh: bool) -> None:
    """In SQLite the counts are written after events and cursor: all three must go together."""
    async with sqlite.open_adapter(tmp_path / "log.db") as opened:
        await opened.log.append(count(infra={BUMP: Tally(1)}))
    with sqlite3.connect(tmp_path / "log.db") as database:
        database.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON commit_tallies WHEN new.author = 'Zo\u00eb' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    database.close()
    async with sqlite.open_adapter(tmp_path / "log.db") as opened:
        failing = CommitCount({BUMP: Tally(5), OTHER: Tally(1)}, afresh=afresh)
        with pytest.raises((InvariantBroken, Stalled, Unavailable)):
            await opened.log.append(replace(batch(1), cursors={"infra": "two"}, commits={"infra": failing}))
        assert list(await opened.reader.commit_tallies()) == [("infra", BUMP, Tally(1))]
        restored = await opened.log.restore()
        assert (restored.position, dict(restored.cursors)) == (0, {"infra": "one"})
        await opened.log.append(replace(batch(1), cursors={"infra": "two"}))
        assert (await opened.log.restore()).position == 1
