"""A file that can't be read keeps its last good declarations, and is told of once."""

from __future__ import annotations

import pytest

from bridge.domain.facts import SourceLost, SourceReturned
from bridge.domain.names import Model, SourceRef, Target
from tests.support.git_reading import ReadingMaker, tag, told
from tests.support.git_repos import GitRepo

SHOP = Target("shop", "production")
PATH = "tags/production/shop"


async def test_it_is_lost_once_and_returns_once(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    broken = repo.commit({PATH: "tag: [v2\n"})
    repo.commit({PATH: "tag: {v3\n"})
    mended = repo.commit({PATH: tag("v4")})
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1", "production/shop v4"]
    _, lost, returned, _ = facts
    assert isinstance(lost, SourceLost)
    assert (lost.source, lost.model, lost.targets) == (SourceRef("git", "infra", broken, PATH), Model.GITOPS, (SHOP,))
    assert lost.details["unreadable"]
    assert returned == SourceReturned(
        source=SourceRef("git", "infra", mended, PATH),
        model=Model.GITOPS,
        targets=(SHOP,),
        details={"readable": True},
    )


async def test_the_same_value_after_the_repair_is_no_intent(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    repo.commit({PATH: "tag: [\n"})
    repo.commit({PATH: tag("v1")})
    assert told(await reading().catch_up()) == ["production/shop v1"]


async def test_a_restart_in_between_remembers_the_last_good_value(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    repo.commit({PATH: "tag: [\n"})
    log = reading()
    await log.catch_up()
    repo.commit({"other": "1"})
    assert await log.catch_up() == []
    repo.commit({PATH: tag("v1")})
    assert [type(fact) for fact in await log.catch_up()] == [SourceReturned]


async def test_deleting_it_withdraws_what_it_declared(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1"), "keep": ""})
    repo.commit({PATH: "tag: [\n"})
    repo.commit({PATH: None})
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1", "production/shop -"]
    assert isinstance(facts[2], SourceReturned)


async def test_a_file_that_becomes_a_symbolic_link_is_not_followed(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1"), "elsewhere": tag("v9")})
    (repo.path / PATH).unlink()
    (repo.path / PATH).symlink_to("../../elsewhere")
    (repo.path / "tags/production/loop").symlink_to("loop")
    repo.commit()
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1"]
    (lost,) = (fact for fact in facts if isinstance(fact, SourceLost))
    assert "symbolic link" in str(lost.details["unreadable"])


async def test_a_submodule_in_place_of_a_folder_withdraws_what_was_below(repo: GitRepo, reading: ReadingMaker) -> None:
    commit = repo.commit({PATH: tag("v1"), "keep": ""})
    repo.git("rm", "-rq", "tags")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},tags")
    repo.git("commit", "-q", "-m", "submodule")
    assert told(await reading().catch_up()) == ["production/shop v1", "production/shop -"]


async def test_a_file_that_is_too_large_is_unreadable(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    repo.commit({PATH: tag("v2") + "# padding\n" * 600_000})
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1"]
    assert "at most 5000000" in str(facts[1].details["unreadable"])


async def test_content_that_is_missing_from_the_repository_is_unreadable(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    repo.commit({PATH: tag("v2")})
    blob = repo.git("rev-parse", f"HEAD:{PATH}")
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    repo.commit({PATH: tag("v3")})
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v1", "production/shop v3"]
    assert "missing" in str(facts[1].details["unreadable"])


@pytest.mark.parametrize("content", [b"\x00\xff\xfe", b"<<<<<<< HEAD\ntag: a\n=======\n", b"&a [*a]\n"])
async def test_bytes_that_are_no_declaration_stop_nothing(content: bytes, repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1"), "tags/production/blog": tag("b1")})
    repo.commit({PATH: content, "tags/production/blog": tag("b2")})
    facts = await reading().catch_up()
    assert told(facts) == ["production/blog b1", "production/shop v1", "production/blog b2"]
