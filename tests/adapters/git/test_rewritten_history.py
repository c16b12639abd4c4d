"""A branch that was rewritten, deleted or replaced: recorded, and no intent lost or repeated."""

from __future__ import annotations

import shutil

import pytest

from bridge.domain.facts import IntentDeclared, SourceRewritten
from bridge.errors import Stalled
from tests.support.git_reading import Reading, ReadingMaker, tag, told
from tests.support.git_repos import GitRepo

PATH = "tags/production/shop"


def versions(repo: GitRepo, *names: str) -> None:
    for name in names:
        repo.commit({PATH: tag(name)})


def rewritten(log: Reading) -> list[SourceRewritten]:
    return [fact for fact in log.facts if isinstance(fact, SourceRewritten)]


def later_backfilled(log: Reading, after: int) -> set[bool]:
    return {fact.backfilled for fact in log.facts[after:] if isinstance(fact, IntentDeclared)}


async def test_a_force_push_is_recorded_with_both_tips_and_their_base(repo: GitRepo, reading: ReadingMaker) -> None:
    versions(repo, "v1")
    base = repo.tip()
    versions(repo, "v2")
    old = repo.tip()
    log = reading()
    await log.catch_up()
    repo.git("reset", "-q", "--hard", base)
    versions(repo, "v3")
    facts = await log.catch_up()
    assert isinstance(facts[0], SourceRewritten)
    assert facts[0].details == {"old_tip": old, "new_tip": repo.tip(), "merge_base": base}
    assert told(facts) == ["production/shop v3"]
    assert facts[1].previous_artifacts == log.facts[1].artifacts  # type: ignore[union-attr]  # intents: v3 follows v2
    assert later_backfilled(log, 2) == {False}
    assert await log.catch_up() == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (["v2", "v3"], ["v2", "v3"], []),  # amended messages
        (["v2", "v3"], ["v2", "v3", "v4"], ["v4"]),
        (["v2", "v3"], ["v3"], []),  # squashed: what stands is known
        (["v2", "v3"], ["v2"], ["v2"]),  # dropped the last one
        (["v2", "v3"], [], ["v1"]),  # dropped both
        (["v2", "v3"], ["v4", "v2", "v3"], ["v4", "v2", "v3"]),
        ([], ["v2"], ["v2"]),
    ],
)
async def test_only_what_the_new_line_adds_is_told(
    before: list[str], after: list[str], expected: list[str], repo: GitRepo, reading: ReadingMaker
) -> None:
    versions(repo, "v1")
    base = repo.tip()
    versions(repo, *before)
    log = reading()
    await log.catch_up()
    repo.git("reset", "-q", "--hard", base)
    repo.clock += 1000
    versions(repo, *after)
    assert told(await log.catch_up()) == [f"production/shop {name}" for name in expected]
    final = (after or ["v1"])[-1]
    assert [str(image) for images in log.standing.values() for image in images] == [f"ghcr.io/acme/shop:{final}"]
    assert await log.catch_up() == []


async def test_a_dropped_landing_restates_what_stands(repo: GitRepo, reading: ReadingMaker) -> None:
    versions(repo, "v1")
    base = repo.tip()
    versions(repo, "v2")
    log = reading()
    await log.catch_up()
    repo.git("reset", "-q", "--hard", base)
    _, fact = await log.catch_up()
    assert isinstance(fact, IntentDeclared)
    assert (fact.details, fact.source.revision, fact.backfilled) == ({"restated": True}, base, False)


async def test_a_merge_that_makes_the_old_line_a_side_branch_repeats_nothing(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    repo.commit({PATH: tag("v1"), "tags/production/blog": tag("b1")})
    base = repo.tip()
    versions(repo, "v2")
    log = reading()
    await log.catch_up()
    repo.git("branch", "upstream")
    repo.git("reset", "-q", "--hard", base)
    repo.commit({"tags/production/blog": tag("b2")})
    repo.merge("upstream")
    assert told(await log.catch_up()) == ["production/blog b2"]
    assert rewritten(log) == []


@pytest.mark.parametrize("mirror_survives", [True, False])
async def test_a_replaced_repository_repeats_nothing_it_declared_before(
    mirror_survives: bool, repo: GitRepo, reading: ReadingMaker
) -> None:
    versions(repo, "v1", "v2")
    log = reading()
    await log.catch_up()
    shutil.rmtree(repo.path)
    if not mirror_survives:
        shutil.rmtree(log.data_dir)
    replaced = GitRepo(repo.path)
    replaced.clock += 5000
    versions(replaced, "v1", "v2", "v3")
    facts = await log.catch_up()
    assert told(facts) == ["production/shop v3"]
    assert rewritten(log)[0].details["merge_base"] is None
    assert await log.catch_up() == []


async def test_a_mirror_that_is_gone_is_cloned_again_and_nothing_repeated(repo: GitRepo, reading: ReadingMaker) -> None:
    versions(repo, "v1", "v2")
    log = reading()
    await log.catch_up()
    shutil.rmtree(log.data_dir)
    versions(repo, "v3")
    assert told(await log.catch_up()) == ["production/shop v3"]
    assert rewritten(log) == []


async def test_a_rewritten_line_with_its_old_objects_gone_tells_what_came_after_what_stands(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    versions(repo, "v1")
    base = repo.tip()
    versions(repo, "v2")
    log = reading()
    await log.catch_up()
    repo.git("reset", "-q", "--hard", base)
    repo.clock += 1000
    versions(repo, "v2", "v3", "v4")
    repo.git("reflog", "expire", "--expire=all", "--all")
    repo.git("gc", "-q", "--prune=all")
    shutil.rmtree(log.data_dir)
    assert told(await log.catch_up()) == ["production/shop v3", "production/shop v4"]
    assert await log.catch_up() == []


async def test_a_deleted_branch_stalls_and_goes_on_where_it_was_when_it_is_back(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    versions(repo, "v1")
    log = reading()
    async with log.open() as source:
        await log.catch_up(source)
        repo.git("branch", "-m", "main", "elsewhere")
        with pytest.raises(Stalled, match=r"no branch 'main' \(it has: elsewhere\)"):
            await log.catch_up(source)
        repo.git("branch", "-m", "elsewhere", "main")
        versions(repo, "v2")
        assert told(await log.catch_up(source)) == ["production/shop v2"]
    assert rewritten(log) == []


async def test_a_file_broken_on_the_old_line_only_is_readable_again(repo: GitRepo, reading: ReadingMaker) -> None:
    versions(repo, "v1")
    base = repo.tip()
    repo.commit({PATH: "tag: [\n"})
    log = reading()
    await log.catch_up()
    repo.git("reset", "-q", "--hard", base)
    facts = await log.catch_up()
    assert [type(fact).__name__ for fact in facts] == ["SourceRewritten", "SourceReturned"]
    assert await log.catch_up() == []
