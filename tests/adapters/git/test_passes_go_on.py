"""Every pass goes on from the cursor; the first one reads the history asked for; a restart changes nothing."""

from __future__ import annotations

import pytest

from bridge.domain.facts import IntentDeclared
from bridge.domain.names import ImageRef, Target
from bridge.errors import Stalled
from tests.support.git_reading import Reading, ReadingMaker, tag, told
from tests.support.git_repos import GitRepo


def versions(repo: GitRepo, first: int, last: int) -> list[str]:
    return [repo.commit({"tags/production/shop": tag(f"v{n}")}) for n in range(first, last + 1)]


def backfilled(log: Reading) -> list[bool]:
    return [fact.backfilled for fact in log.facts if isinstance(fact, IntentDeclared)]


async def test_what_was_there_at_first_contact_is_backfilled_and_later_landings_are_not(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    versions(repo, 1, 2)
    log = reading()
    await log.catch_up()
    versions(repo, 3, 5)
    assert told(await log.catch_up()) == ["production/shop v3", "production/shop v4", "production/shop v5"]
    assert backfilled(log) == [True, True, False, False, False]


async def test_an_idle_pass_is_caught_up_with_the_same_cursor(repo: GitRepo, reading: ReadingMaker) -> None:
    versions(repo, 1, 1)
    log = reading()
    async with log.open() as source:
        await log.catch_up(source)
        cursor = log.cursor
        batches = len(log.batches)
        assert await log.catch_up(source) == []
        assert len(log.batches) == batches, "nothing to record"
    assert await log.catch_up() == []
    assert log.cursor == cursor
    assert log.batches[-1].caught_up
    assert log.batches[-1].landings == 0


async def test_an_import_that_is_cut_off_goes_on_after_the_last_batch(repo: GitRepo, reading: ReadingMaker) -> None:
    stream = [
        f"commit refs/heads/main\ncommitter A <a@x> {1_700_000_000 + n} +0000\ndata 1\nx\n"
        f"M 100644 inline tags/production/shop\ndata <<E\ntag: v{n}\nE\n"
        for n in range(2500)
    ]
    repo.git("fast-import", "--quiet", stdin="".join(stream).encode())
    log = reading()
    await log.catch_up(stop_after=1)
    assert 0 < len(log.facts) < 2500
    assert not log.batches[-1].caught_up
    await log.catch_up()
    assert told(log.facts) == [f"production/shop v{n}" for n in range(2500)]
    assert all(backfilled(log))
    assert sum(batch.landings for batch in log.batches) == 2500
    assert max(len(batch.facts) for batch in log.batches) <= 1100


async def test_a_batch_that_was_not_recorded_is_read_again(repo: GitRepo, reading: ReadingMaker) -> None:
    versions(repo, 1, 1)
    log = reading()
    async with log.open() as source:
        await log.catch_up(source)
        versions(repo, 2, 2)
        async for batch in source.read(log.cursor, log.standing):
            assert told(batch.facts) == ["production/shop v2"]  # and the recorder fails here
        assert told(await log.catch_up(source)) == ["production/shop v2"]


async def test_history_tip_declares_what_stands(repo: GitRepo, reading: ReadingMaker) -> None:
    *_, tip = versions(repo, 1, 3)
    log = reading(history="tip")
    (fact,) = await log.catch_up()
    assert isinstance(fact, IntentDeclared)
    assert (fact.artifacts, fact.source.revision) == ((ImageRef("ghcr.io/acme/shop", "v3"),), tip)
    assert (fact.backfilled, fact.details, fact.previous_artifacts) == (True, {"opening": True}, ())
    versions(repo, 4, 4)
    assert told(await log.catch_up()) == ["production/shop v4"]
    assert backfilled(log) == [True, False]


async def test_history_since_declares_the_state_before_it_first(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.clock = 1_704_067_200 - 130  # 2024-01-01T00:00:00Z, and two commits a minute apart before it
    repo.commit({"tags/production/blog": tag("b1")})
    versions(repo, 1, 3)
    facts = await reading(history={"since": "2024-01-01"}).catch_up()
    assert told(facts) == ["production/blog b1", "production/shop v1", "production/shop v2", "production/shop v3"]
    assert [bool(fact.details) for fact in facts if isinstance(fact, IntentDeclared)] == [True, True, False, False]


@pytest.mark.parametrize("date", ["1999-01-01", "2099-01-01T00:00:00Z"])
async def test_history_since_before_or_after_everything(date: str, repo: GitRepo, reading: ReadingMaker) -> None:
    versions(repo, 1, 2)
    facts = await reading(history={"since": date}).catch_up()
    everything = ["production/shop v1", "production/shop v2"]
    assert told(facts) == (everything if date.startswith("1") else everything[1:])


async def test_other_rules_read_the_history_again_and_repeat_nothing(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1"), "new/production/blog": tag("b1")})
    repo.commit({"tags/production/shop": tag("v2")})
    log = reading()
    await log.catch_up()
    wider = [
        {
            "files": "{kind}/{environment}/{service}",
            "format": "keys",
            "tag": "tag",
            "repository": "ghcr.io/acme/{service}",
        }
    ]
    log.settings = reading(rules=wider).settings
    assert told(await log.catch_up()) == ["production/blog b1"]
    assert backfilled(log) == [True, True, True]
    assert await log.catch_up() == []


async def test_a_target_that_the_rules_no_longer_read_is_withdrawn(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1"), "copies/production/blog": tag("b1")})
    log = reading()
    await log.catch_up()
    log.settings = log.settings.model_copy(update={"rules": log.settings.rules[:1]})
    await log.catch_up()
    await log.catch_up()
    assert log.standing == {Target("shop", "production"): (ImageRef("ghcr.io/acme/shop", "v1"),)}


async def test_copies_that_disagree_stay_decided_across_a_restart(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1"), "copies/production/shop": tag("v1")})
    repo.commit({"copies/production/shop": tag("v2")})
    log = reading()
    assert told(await log.catch_up()) == ["production/shop v1", "production/shop v2"]
    repo.commit({"other": "1"})
    assert await log.catch_up() == []
    repo.commit({"tags/production/shop": tag("v2")})
    assert await log.catch_up() == []


async def test_a_log_that_says_otherwise_is_told_what_stands(repo: GitRepo, reading: ReadingMaker) -> None:
    versions(repo, 1, 1)
    log = reading()
    await log.catch_up()
    log.standing[Target("shop", "production")] = (ImageRef("ghcr.io/acme/shop", "v0"),)
    (fact,) = await log.catch_up()
    assert isinstance(fact, IntentDeclared)
    assert fact.details == {"restated": True}
    assert told([fact]) == ["production/shop v1"]


@pytest.mark.parametrize(
    "cursor", ["", "{}", "[1]", "not json", '{"tip":"zz","branch":"m","rules":"","history":"all"}']
)
async def test_a_cursor_that_says_nothing_reads_everything_again(
    cursor: str, repo: GitRepo, reading: ReadingMaker
) -> None:
    versions(repo, 1, 2)
    log = reading()
    await log.catch_up()
    log.cursor = cursor
    assert await log.catch_up() == []


async def test_a_shallow_clone_begins_where_it_was_cut(repo: GitRepo, reading: ReadingMaker) -> None:
    versions(repo, 1, 3)
    repo.git("clone", "-q", "--depth", "2", f"file://{repo.path}", str(repo.path.parent / "shallow"))
    facts = await reading(url=str(repo.path.parent / "shallow")).catch_up()
    assert told(facts) == ["production/shop v2", "production/shop v3"]
    assert facts[0].details == {"shallow": True}


async def test_a_tree_bomb_stalls_its_source(
    repo: GitRepo, reading: ReadingMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen names for the same directory, eight levels deep: four thousand million files in a few kilobytes."""
    monkeypatch.setattr("adapters.sources.git.objects._MOST_ENTRIES", 10_000)  # a million takes a quarter of a minute
    tree = repo.git(
        "mktree",
        stdin=b"100644 blob " + repo.git("hash-object", "-w", "--stdin", stdin=b"tag: v1\n").encode() + b"\tf\n",
    )
    for _ in range(8):
        lines = "".join(f"040000 tree {tree}\td{n}\n" for n in range(16))
        tree = repo.git("mktree", stdin=lines.encode())
    repo.git("update-ref", "refs/heads/main", repo.git("commit-tree", "-m", "bomb", tree))
    rules = [
        {"files": "d1/{environment}/**/{service}.yaml", "format": "keys", "tag": "tag", "repository": "r/{service}"}
    ]
    with pytest.raises(Stalled, match="narrow `files`"):
        await reading(rules=rules).catch_up()
