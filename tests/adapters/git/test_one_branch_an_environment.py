"""One source reads all branches that match a pattern: each is a line of its own, and what happens to one concerns no other."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.facts import IntentDeclared, IntentWithdrawn, SourceLost, SourceReturned, SourceRewritten
from bridge.domain.names import ImageRef, Target
from bridge.errors import Stalled
from bridge.ports import Hint
from tests.support.git_http import serve_git
from tests.support.git_reading import Reading, ReadingMaker, make_settings, tag, told
from tests.support.git_repos import GitRepo

PATTERN = "env/{environment}"
RULES = [{"files": "tags/{service}", "format": "keys", "tag": "tag", "repository": "ghcr.io/acme/{service}"}]
PATH = "tags/shop"
ASKED = "POST /infra/.git/git-upload-pack"


@pytest.fixture
def branches(reading: ReadingMaker) -> ReadingMaker:
    """Like ``reading``, of the branches ``env/…``."""

    def make(**changes: Any) -> Reading:
        return reading(**{"branch": PATTERN, "rules": RULES, **changes})

    return make


def on(repo: GitRepo, branch: str, *versions: str, path: str = PATH) -> str:
    """Commit versions on a branch, made of nothing where there is none yet; its tip."""
    if branch in repo.git("branch", "--format=%(refname:short)").split():
        repo.git("checkout", "-q", branch)
    else:
        repo.git("checkout", "-q", "--orphan", branch)
        repo.git("rm", "-rfq", "--ignore-unmatch", ".")
    for version in versions:
        repo.commit({path: tag(version)})
    return repo.tip()


def cut_from(repo: GitRepo, branch: str, start: str, *versions: str) -> str:
    repo.git("checkout", "-q", "-b", branch, start)
    return on(repo, branch, *versions)


def delete(repo: GitRepo, branch: str) -> None:
    repo.git("checkout", "-q", "--detach")
    repo.git("branch", "-q", "-D", branch)


def standing(log: Reading) -> dict[str, str]:
    return {str(target): "+".join(image.tag or "" for image in images) for target, images in log.standing.items()}


async def test_every_branch_that_matches_is_read_and_others_are_not(repo: GitRepo, branches: ReadingMaker) -> None:
    repo.commit({PATH: tag("main")})
    on(repo, "env/dev", "v1", "v2")
    on(repo, "env/production", "v1")
    on(repo, "env/too/deep", "v9")
    on(repo, "environment", "v9")
    log = branches()
    assert told(await log.catch_up()) == ["dev/shop v1", "dev/shop v2", "production/shop v1"]
    on(repo, "env/production", "v2")
    on(repo, "env/dev", "v3")
    facts = await log.catch_up()
    assert told(facts) == ["dev/shop v3", "production/shop v2"]
    assert [fact.backfilled for fact in facts if isinstance(fact, IntentDeclared)] == [False, False]
    assert await log.catch_up() == []


async def test_an_intent_names_its_branch_before_its_path(repo: GitRepo, branches: ReadingMaker) -> None:
    tip = on(repo, "env/dev", "v1")
    [fact] = await branches().catch_up()
    assert isinstance(fact, IntentDeclared)
    assert (fact.source.revision, fact.source.path, fact.actor) == (tip, "env/dev:tags/shop", "Ada")


async def test_history_that_branches_share_is_told_for_each(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/dev", "v1", "v2")
    cut_from(repo, "env/production", "env/dev", "v3")
    log = branches()
    await log.catch_up()
    assert told(log.facts) == [f"{where}/shop {v}" for where, v in [("dev", "v1"), ("dev", "v2")]] + [
        f"production/shop {v}" for v in ("v1", "v2", "v3")
    ]


async def test_a_branch_that_appears_later_is_read_from_its_beginning(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/dev", "v1")
    log = branches()
    await log.catch_up()
    cut_from(repo, "env/stage", "env/dev", "v2")
    on(repo, "env/dev", "v3")
    facts = await log.catch_up()
    assert told(facts) == ["dev/shop v3", "stage/shop v1", "stage/shop v2"]
    assert [fact.backfilled for fact in facts if isinstance(fact, IntentDeclared)] == [False, True, True]
    on(repo, "env/stage", "v4")
    [fact] = await log.catch_up()
    assert isinstance(fact, IntentDeclared)
    assert not fact.backfilled


async def test_history_tip_holds_for_branches_that_appear_later_too(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/dev", "v1", "v2")
    log = branches(history="tip")
    assert told(await log.catch_up()) == ["dev/shop v2"]
    cut_from(repo, "env/stage", "env/dev", "v3", "v4")
    assert told(await log.catch_up()) == ["stage/shop v4"]


async def test_a_deleted_branch_withdraws_what_it_declared_once(repo: GitRepo, branches: ReadingMaker) -> None:
    tip = on(repo, "env/dev", "v1")
    on(repo, "env/dev", "b1", path="tags/blog")
    on(repo, "env/production", "v1")
    log = branches()
    await log.catch_up()
    old = repo.tip("env/dev")
    assert old != tip
    delete(repo, "env/dev")
    facts = await log.catch_up()
    assert told(facts) == ["dev/blog -", "dev/shop -"]
    fact = facts[1]
    assert isinstance(fact, IntentWithdrawn)
    assert (fact.source.revision, fact.details) == (old, {"branch_deleted": "env/dev"})
    assert fact.previous_artifacts == (ImageRef("ghcr.io/acme/shop", "v1", None),)
    assert await log.catch_up() == []
    assert standing(log) == {"production/shop": "v1"}


async def test_a_deleted_branch_takes_its_unreadable_files_along(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/production", "v1")
    on(repo, "env/dev", "v1")
    log = branches()
    await log.catch_up()
    repo.commit({PATH: "tag: [v1\n"})
    [lost] = await log.catch_up()
    assert isinstance(lost, SourceLost)
    assert lost.source.path == "env/dev:tags/shop"
    delete(repo, "env/dev")
    returned, *withdrawn = await log.catch_up()
    assert isinstance(returned, SourceReturned)
    assert returned.source.path == lost.source.path
    assert told(withdrawn) == ["dev/shop -"]


async def test_a_branch_deleted_and_restored_again_and_again_stands_in_the_end(
    repo: GitRepo, branches: ReadingMaker
) -> None:
    on(repo, "env/production", "v1")
    tip = on(repo, "env/dev", "v1", "v2")
    log = branches()
    await log.catch_up()
    for _ in range(3):
        delete(repo, "env/dev")
        assert told(await log.catch_up()) == ["dev/shop -"]
        repo.git("branch", "env/dev", tip)
        await log.catch_up()
        await log.catch_up()
        assert standing(log) == {"dev/shop": "v2", "production/shop": "v1"}, "the log knows its landings already"
        assert await log.catch_up() == []


async def test_the_daemon_needs_no_landing_to_find_that_a_restored_branch_stands(
    repo: GitRepo, branches: ReadingMaker
) -> None:
    on(repo, "env/production", "v1")
    tip = on(repo, "env/dev", "v1")
    log = branches()
    async with log.open() as source:
        await log.catch_up(source)
        delete(repo, "env/dev")
        await log.catch_up(source)
        repo.git("branch", "env/dev", tip)
        await log.catch_up(source)
        await log.catch_up(source)
        assert standing(log) == {"dev/shop": "v1", "production/shop": "v1"}


async def test_no_branch_left_is_a_loss_of_the_source_and_withdraws_nothing(
    repo: GitRepo, branches: ReadingMaker
) -> None:
    repo.commit()
    tip = on(repo, "env/dev", "v1")
    log = branches()
    await log.catch_up()
    delete(repo, "env/dev")
    with pytest.raises(Stalled, match=r"no branch that matches 'env/\{environment\}' \(it has: main\)"):
        await log.catch_up()
    repo.git("branch", "env/dev", tip)
    assert await log.catch_up() == []
    assert standing(log) == {"dev/shop": "v1"}


async def test_a_force_push_of_one_branch_concerns_that_branch_only(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/dev", "v1", "v2")
    cut_from(repo, "env/production", "env/dev")
    old = repo.tip()
    log = branches()
    await log.catch_up()
    repo.git("reset", "-q", "--hard", "HEAD~1")
    new = on(repo, "env/production", "v3")
    on(repo, "env/dev", "v4")
    facts = await log.catch_up()
    assert told(facts) == ["dev/shop v4", "production/shop v3"]
    [rewritten] = [fact for fact in facts if isinstance(fact, SourceRewritten)]
    assert rewritten.details == {
        "old_tip": old,
        "new_tip": new,
        "merge_base": repo.tip("env/production~1"),
        "branch": "env/production",
    }
    assert await log.catch_up() == []


async def test_an_undone_landing_that_comes_back_stands_again(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({"tags/production/shop": tag("v1")})
    first = repo.tip()
    second = repo.commit({"tags/production/shop": tag("v2")})
    log = reading()
    async with log.open() as source:
        await log.catch_up(source)
        for _ in range(3):
            repo.git("reset", "-q", "--hard", first)
            await log.catch_up(source)
            assert standing(log) == {"production/shop": "v1"}
            repo.git("reset", "-q", "--hard", second)
            await log.catch_up(source)
            await log.catch_up(source)
            assert standing(log) == {"production/shop": "v2"}


async def test_a_lost_mirror_and_a_force_push_at_once_lose_nothing(
    repo: GitRepo, branches: ReadingMaker, tmp_path: Path
) -> None:
    on(repo, "env/dev", "v1")
    on(repo, "env/dev", "b1", path="tags/blog")
    on(repo, "env/production", "v1")
    on(repo, "env/stage", "v1")
    log = branches()
    await log.catch_up()
    delete(repo, "env/stage")
    delete(repo, "env/dev")
    on(repo, "env/dev", "v2")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    fresh = branches(data_dir=tmp_path / "elsewhere")
    fresh.cursor, fresh.standing, fresh.ids = log.cursor, log.standing, log.ids
    for _ in range(3):
        await fresh.catch_up()
    assert standing(fresh) == {"dev/shop": "v2", "production/shop": "v1"}
    assert await fresh.catch_up() == []


async def test_other_words_or_rules_read_every_branch_again(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/dev", "v1")
    on(repo, "env/production", "v1")
    log = branches()
    await log.catch_up()
    named = [{**RULES[0], "environment": {"from": "branch", "pattern": "env/{name}", "rename": {"production": "live"}}}]
    log.settings = make_settings(str(repo.path), {"branch": "env/*", "rules": named})
    await log.catch_up()
    await log.catch_up()
    assert standing(log) == {"dev/shop": "v1", "live/shop": "v1"}
    log.settings = make_settings(str(repo.path), {"branch": PATTERN, "rules": RULES})
    await log.catch_up()
    await log.catch_up()
    assert standing(log) == {"dev/shop": "v1", "production/shop": "v1"}


async def test_from_one_branch_to_several_and_back(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/dev", "v1")
    on(repo, "env/production", "v1")
    log = branches(branch="env/dev", rules=[{**RULES[0], "environment": "dev"}])
    await log.catch_up()
    several = make_settings(str(repo.path), {"branch": PATTERN, "rules": RULES})
    one, log.settings = log.settings, several
    for _ in range(2):
        await log.catch_up()
    assert standing(log) == {"dev/shop": "v1", "production/shop": "v1"}
    log.settings = one
    for _ in range(2):
        await log.catch_up()
    assert standing(log) == {"dev/shop": "v1"}


async def test_a_path_that_captures_the_branchs_word_must_agree_with_it(repo: GitRepo, branches: ReadingMaker) -> None:
    rules = [{**RULES[0], "files": "apps/{environment}/{service}"}]
    repo.git("checkout", "-q", "-b", "env/dev")
    repo.commit({"apps/dev/shop": tag("v1"), "apps/production/shop": tag("v0")})
    cut_from(repo, "env/production", "env/dev")
    repo.commit({"apps/production/shop": tag("v2")})
    log = branches(rules=rules)
    await log.catch_up()
    assert told(log.facts) == ["dev/shop v1", "production/shop v0", "production/shop v2"]


async def test_rules_that_name_no_target_by_the_branch_are_refused() -> None:
    rules = [{"files": "tags/{environment}/{service}", "format": "keys", "tag": "tag"}]
    with pytest.raises(ValueError, match="every branch would declare the same targets"):
        make_settings("x", {"branch": "release/*", "rules": rules})
    make_settings("x", {"branch": "release/*", "rules": [{**rules[0], "service": {"from": "branch"}}]})
    make_settings("x", {"branch": "team/{team}", "rules": [{**rules[0], "service": "{team}-{service}"}]})
    with pytest.raises(ValueError, match=r"does not capture \{environment\}"):
        make_settings("x", {"branch": "main", "rules": RULES})


@pytest.mark.parametrize("branch", ["env/{environment", "env/**x", "env/{e}..x", "-{e}", "{e}.lock", "refs/heads/{e}"])
def test_a_pattern_that_no_branch_can_match_is_refused(branch: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        make_settings("x", {"branch": branch, "rules": RULES})


async def test_an_import_cut_off_after_any_batch_goes_on_there(repo: GitRepo, branches: ReadingMaker) -> None:
    for number, branch in enumerate(("env/a", "env/b", "env/c")):
        stream = [
            f"commit refs/heads/{branch}\ncommitter A <a@x> {1_700_000_000 + n + number} +0000\ndata 1\nx\n"
            f"M 100644 inline tags/shop\ndata <<E\ntag: v{n}\nE\n"
            for n in range(1500)
        ]
        repo.git("fast-import", "--quiet", stdin="".join(stream).encode())
    log = branches()
    for _ in range(20):
        await log.catch_up(stop_after=1)
    assert told(log.facts) == [f"{branch}/shop v{n}" for branch in "abc" for n in range(1500)]
    assert sum(batch.landings for batch in log.batches) == 4500
    assert {fact.backfilled for fact in log.facts if isinstance(fact, IntentDeclared)} == {True}


async def test_long_histories_of_several_branches_are_read_apart(repo: GitRepo, branches: ReadingMaker) -> None:
    stream = ["".join(_bump("env/a", n) for n in range(3100)), "reset refs/heads/env/b\nfrom refs/heads/env/a\n\n"]
    repo.git("fast-import", "--quiet", stdin="".join([*stream, _bump("env/b", 4000)]).encode())
    log = branches()
    await log.catch_up()
    assert len(log.facts) == 3100 + 3101
    assert log.batches[-1].caught_up
    assert commits(log) == 3101
    on(repo, "env/a", "v5000")
    assert told(await log.catch_up()) == ["a/shop v5000"]


def _bump(branch: str, n: int) -> str:
    return (
        f"commit refs/heads/{branch}\ncommitter A <a@x> {1_700_000_000 + n} +0000\ndata 1\nx\n"
        f"M 100644 inline tags/shop\ndata <<E\ntag: v{n}\nE\n"
    )


def commits(log: Reading) -> int:
    """How many commits the log has counted."""
    count = 0
    for batch in log.batches:
        here = sum(tally.commits for tally in batch.commits.tallies.values())
        count = here if batch.commits.afresh else count + here
    return count


async def test_a_commit_of_several_branches_is_counted_once(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/dev", "v1", "v2")
    cut_from(repo, "env/production", "env/dev", "v3")
    log = branches()
    await log.catch_up()
    assert commits(log) == 3
    repo.git("checkout", "-q", "env/dev")
    repo.merge("env/production")
    repo.git("checkout", "-q", "env/production")
    repo.git("merge", "-q", "--ff-only", "env/dev")
    cut_from(repo, "env/stage", "env/dev", "v4")
    await log.catch_up()
    assert commits(log) == 5 == int(repo.git("rev-list", "--count", "--all"))


async def test_an_idle_poll_of_many_branches_is_one_request_and_landings_one_more(
    repo: GitRepo, branches: ReadingMaker, tmp_path: Path
) -> None:
    for number in range(30):
        on(repo, f"env/e{number:02}", "v1")
    seen: list[str] = []
    async with serve_git(tmp_path, seen=seen) as base:
        log = branches(url=f"{base}/infra/.git")
        async with log.open() as source:
            await log.catch_up(source)
            assert len(log.facts) == 30
            seen.clear()
            assert await log.catch_up(source) == []
            assert seen == [ASKED]
            seen.clear()
            on(repo, "env/e07", "v2")
            on(repo, "env/e21", "v2")
            cut_from(repo, "env/new", "env/e21", "v3")
            facts = await log.catch_up(source)
            assert told(facts) == ["e07/shop v2", "e21/shop v2", "new/shop v1", "new/shop v2", "new/shop v3"]
            assert seen == [ASKED] * 2
            delete(repo, "env/e07")
            assert told(await log.catch_up(source)) == ["e07/shop -"]
            assert await log.catch_up(source) == []


async def test_servers_of_the_old_protocol_and_bundles_have_several_branches_too(
    repo: GitRepo, branches: ReadingMaker, tmp_path: Path
) -> None:
    on(repo, "env/dev", "v1")
    on(repo, "env/production", "v2")
    expected = ["dev/shop v1", "production/shop v2"]
    async with serve_git(tmp_path, protocol_2=False) as base:
        log = branches(url=f"{base}/infra/.git")
        assert told(await log.catch_up()) == expected
        on(repo, "env/dev", "v3")
        assert told(await log.catch_up()) == ["dev/shop v3"]
    repo.git("bundle", "create", "-q", str(tmp_path / "infra.bundle"), "--branches")
    log = branches(url=str(tmp_path / "infra.bundle"))
    assert told(await log.catch_up()) == ["dev/shop v1", "dev/shop v3", "production/shop v2"]


async def test_a_landing_on_any_branch_and_a_new_branch_end_the_wait(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/dev", "v1")
    on(repo, "env/production", "v1")
    log = branches()
    async with asyncio.timeout(30), log.open() as source:
        await log.catch_up(source)
        waiting = asyncio.ensure_future(source.wait_for_change(600))
        await asyncio.sleep(0)
        on(repo, "env/production", "v2")
        await waiting
        assert told(await log.catch_up(source)) == ["production/shop v2"]
        waiting = asyncio.ensure_future(source.wait_for_change(600))
        await asyncio.sleep(0)
        cut_from(repo, "env/stage", "env/dev")
        await waiting
        assert told(await log.catch_up(source)) == ["stage/shop v1"]


async def test_a_hint_of_any_matching_branch_is_for_the_source(branches: ReadingMaker) -> None:
    async with branches(url="https://git.example.org/acme/infra.git").open() as source:
        for ref, meant in (("env/dev", True), ("env/new", True), ("main", False), ("env/a/b", False)):
            hint = Hint(("https://git.example.org/acme/infra",), f"refs/heads/{ref}")
            assert source.is_meant_by(hint, named=False) is meant


async def test_more_branches_than_a_cursor_should_hold_are_refused(repo: GitRepo, branches: ReadingMaker) -> None:
    on(repo, "env/dev", "v1")
    tip = repo.tip()
    made = "".join(f"create refs/heads/env/b{n} {tip}\n" for n in range(500))
    repo.git("update-ref", "--stdin", stdin=made.encode())
    with pytest.raises(Stalled, match=r"501 branches .* narrow `branch`"):
        await branches().catch_up()


async def test_a_branch_that_takes_a_deleted_ones_name_as_directory_is_read(
    repo: GitRepo, branches: ReadingMaker
) -> None:
    on(repo, "env/dev", "v1")
    on(repo, "env/production", "v1")
    environment = {"from": "branch", "strip_prefix": "env/", "rename": {"dev/eu": "dev-eu"}}
    log = branches(branch="**", rules=[{**RULES[0], "environment": environment}])
    await log.catch_up()
    delete(repo, "env/dev")
    cut_from(repo, "env/dev/eu", "env/production", "v2")
    assert told(await log.catch_up()) == ["dev/shop -", "dev-eu/shop v1", "dev-eu/shop v2"]


async def test_places_that_disagree_are_told_with_their_branch_until_they_agree(
    repo: GitRepo, branches: ReadingMaker
) -> None:
    copies = {**RULES[0], "files": "copies/{service}"}
    on(repo, "env/dev", "v1")
    on(repo, "env/production", "v1")
    log = branches(rules=[RULES[0], copies])
    await log.catch_up()
    assert log.batches[-1].disputes == []
    on(repo, "env/production", "v2", path="copies/shop")
    await log.catch_up()
    [dispute] = log.batches[-1].disputes or ()
    assert dispute.target == Target("shop", "production")
    assert [(place.path, place.artifact) for place in dispute.places] == [
        ("env/production:tags/shop", "ghcr.io/acme/shop:v1"),
        ("env/production:copies/shop", "ghcr.io/acme/shop:v2"),
    ]
    on(repo, "env/dev", "v2")
    await log.catch_up()
    assert log.batches[-1].disputes == [dispute], "also after a restart, and while others land"
    on(repo, "env/production", "v2")
    assert told(await log.catch_up()) == [], "the copy that follows is no intent"
    assert log.batches[-1].disputes == []


async def test_two_branches_that_rules_give_one_name_end_as_one_declaration(
    repo: GitRepo, branches: ReadingMaker
) -> None:
    on(repo, "env/prod", "v1")
    on(repo, "env/production", "v2")
    environment = {"from": "branch", "strip_prefix": "env/", "rename": {"prod": "production"}}
    log = branches(branch="env/*", rules=[{**RULES[0], "environment": environment}])
    await log.catch_up()
    delete(repo, "env/production")
    assert told(await log.catch_up()) == ["production/shop v1"], "the other one declares it"
    assert await log.catch_up() == []


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_to_the_branches_the_log_says_what_they_declare(
    seed: int, repo: GitRepo, branches: ReadingMaker
) -> None:
    """Random lives of branches, read by a fresh process each time, and cut off after any batch."""
    chance = random.Random(seed)
    repo.commit()
    on(repo, "env/keep", "v0")
    log = branches()
    for step in range(25):
        _live(repo, chance, step)
        if chance.random() < 0.7:
            await log.catch_up(stop_after=chance.choice([1, None]))
    for _ in range(3):
        await log.catch_up()
    assert await log.catch_up() == []
    assert standing(log) == _declared(repo)


def _existing(repo: GitRepo) -> list[str]:
    return [name for name in repo.git("branch", "--format=%(refname:short)").split() if name.startswith("env/")]


def _live(repo: GitRepo, chance: random.Random, step: int) -> None:
    branch = f"env/{chance.choice(['a', 'b', 'c'])}"
    existing = _existing(repo)
    if branch not in existing:
        cut_from(repo, branch, chance.choice(existing), *chance.choice([(), (f"v{step}",)]))
        return
    match chance.choice(["land", "land", "delete", "reset", "jump", "remove"]):
        case "land":
            on(repo, branch, f"v{chance.randrange(4)}", path=f"tags/{chance.choice(['shop', 'blog'])}")
        case "delete":
            delete(repo, branch)
        case "jump":
            on(repo, branch)
            repo.git("reset", "-q", "--hard", chance.choice(existing))
        case "remove":
            on(repo, branch)
            if (repo.path / PATH).exists():
                repo.commit({PATH: None})
        case _:
            on(repo, branch)
            back = chance.randrange(3)
            if int(repo.git("rev-list", "--count", "--first-parent", "HEAD")) > back:
                repo.git("reset", "-q", "--hard", f"HEAD~{back}")


def _declared(repo: GitRepo) -> dict[str, str]:
    """By ``git`` itself, from each tip."""
    found = {}
    for branch in _existing(repo):
        for path in repo.git("ls-tree", "-r", "--name-only", branch).split():
            if path.startswith("tags/"):
                target = Target(path.removeprefix("tags/"), branch.removeprefix("env/"))
                found[str(target)] = repo.git("show", f"{branch}:{path}").removeprefix("tag: ")
    return found
