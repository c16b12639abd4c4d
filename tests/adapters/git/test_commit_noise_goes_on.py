"""What the log has counted is the same however the history was read: at once, landing by landing, rewritten, with holes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.git_noise import add_up, classes_by_author, count_by_git, count_by_libgit2, total
from tests.support.git_reading import Reading, ReadingMaker, tag
from tests.support.git_repos import GitRepo

SHOP = "tags/production/shop"


def build_odd(repo: GitRepo) -> list[str]:
    """A history of oddities, whose tips are returned in order: each is what the branch once was."""
    tips = [repo.commit({SHOP: tag("v1"), "tags/production/cart": tag("1.10"), "other/file": "x\n"}, author="Root")]

    def landed(files: dict[str, str | bytes | None] | None = None, author: str = "Ada") -> None:
        tips.append(repo.commit(files, author=author))

    def merged(*branches: str) -> None:
        repo.git("checkout", "-q", "main")
        repo.clock += 60
        repo.git("merge", "-q", "--no-ff", "-m", "merge", "--allow-unrelated-histories", *branches, author="Merger")
        tips.append(repo.tip())

    repo.git("checkout", "-q", "-b", "bump")
    repo.commit({SHOP: tag("v2")}, author="Zo\u00eb \u0141")
    repo.commit({"other/file": "y\nz\n"}, author="\x01odd\tname")
    repo.git("checkout", "-q", "main")
    landed({"tags/staging/shop": tag("v2"), "tags/staging/with space \u00e9": tag("v9"), 'odd "\t\n\\name': "x\n"})
    merged("bump")
    repo.git("checkout", "-q", "-b", "one")
    repo.commit({"tags/staging/shop": tag("v3")}, author="ci")
    repo.git("checkout", "-q", "-b", "two", "main")
    repo.commit({SHOP: tag("v3")}, author="ci")
    repo.git("merge", "-q", "--no-ff", "-m", "inside", "one", author="Inside")
    repo.git("checkout", "-q", "-b", "three", "main")
    repo.commit({"tags/production/cart": tag("1.11")}, author="renovate[bot]")
    merged("two", "three")
    repo.git("mv", "tags/production/cart", "tags/production/basket")
    landed()
    landed({"tags/staging/shop": "tag: [broken"})
    landed({"tags/staging/shop": tag("v4") + "more: x\n"})
    landed({"picture": b"\0\1\2\n\n", ".gitattributes": "*.txt binary\ntags/** -diff\n"})
    landed({"picture": b"\0\3\n", "text.txt": "one\ntwo\n", SHOP: tag("v4")})
    landed({SHOP: b"tag: \xff\xfe\n"})
    (repo.path / SHOP).unlink()
    (repo.path / SHOP).symlink_to("basket")
    landed()
    landed({SHOP: tag("v5") + "last: line without end"})
    (repo.path / SHOP).chmod(0o755)
    landed()
    landed({SHOP: tag("v6") + "last: line without end"}, author="acme-ci")
    landed()
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},tags/production/module")
    repo.git("commit", "-q", "-m", "a submodule")
    repo.git("rm", "-q", "--cached", "tags/production/module")
    repo.git("commit", "-q", "-m", "no submodule")
    repo.git("checkout", "-q", "--orphan", "root", "main")
    repo.git("rm", "-q", "-r", "-f", ".")
    repo.commit({"docs/a": "text\n"}, author="Second root")
    repo.git("commit", "-q", "--allow-empty", "-m", "empty", author="Nobody")
    merged("root")
    return tips


@pytest.fixture
def tips(repo: GitRepo) -> list[str]:
    return build_odd(repo)


def test_libgit2_and_git_count_the_same(
    repo: GitRepo, tips: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_libgit2 = count_by_libgit2(repo.path, tmp_path / "a", monkeypatch)
    assert count_by_git(repo.path, tmp_path / "b") == by_libgit2
    everything = total(by_libgit2)
    assert everything.commits == int(repo.git("rev-list", "--count", "HEAD"))
    assert everything.landings == int(repo.git("rev-list", "--count", "--first-parent", "HEAD"))
    assert len(tips) > 15


def test_no_merge_commit_has_lines_and_the_others_those_of_numstat(
    repo: GitRepo, tips: list[str], tmp_path: Path
) -> None:
    del tips
    repo.git("rm", "-q", "--cached", ".gitattributes")  # the mirror has no work tree, and looks at none
    (repo.path / ".gitattributes").unlink()
    shown = repo.git("log", "--no-merges", "--no-renames", "--numstat", "--format=", "HEAD")
    counts = [line.split("\t")[:2] for line in shown.splitlines() if line]
    lines = sum(int(number) for pair in counts for number in pair if number != "-")
    assert total(count_by_git(repo.path, tmp_path / "a")).lines == lines


async def test_each_landing_by_itself_adds_up_to_what_one_pass_finds(
    repo: GitRepo, tips: list[str], reading: ReadingMaker, tmp_path: Path
) -> None:
    log = reading()
    for tip in tips:
        repo.git("reset", "-q", "--hard", tip)
        await log.catch_up()  # by a fresh process each time
        await log.catch_up()  # which finds nothing more
        assert add_up(log.batches) == add_up(await read_at_once(reading)), tip
    assert add_up(log.batches) == count_by_git(repo.path, tmp_path / "b")


async def test_one_process_that_polls_counts_what_restarts_count(
    repo: GitRepo, tips: list[str], reading: ReadingMaker
) -> None:
    log = reading()
    async with log.open() as source:
        for tip in tips:
            repo.git("reset", "-q", "--hard", tip)
            await log.catch_up(source)
    assert add_up(log.batches) == add_up(await read_at_once(reading))


async def test_a_pass_that_broke_off_goes_on_counting_where_its_cursor_stands(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path
) -> None:
    stream = "".join(
        f"commit refs/heads/main\ncommitter Ada <a@example.org> {1_700_000_000 + number * 3600} +0000\n"
        f"data 1\nx\nM 644 inline {'README' if number % 3 else SHOP}\ndata 10\ntag: v{number:04}\n"
        for number in range(2600)
    )
    repo.git("fast-import", "--quiet", stdin=stream.encode())
    log = reading()
    await log.catch_up(stop_after=1)
    assert 0 < total(add_up(log.batches)).commits < 2600
    await log.catch_up()
    assert add_up(log.batches) == count_by_git(repo.path, tmp_path / "b")
    assert total(add_up(log.batches)).commits == 2600


async def read_at_once(reading: ReadingMaker, **changes: object) -> list:  # type: ignore[type-arg]  # of batches
    log: Reading = reading(**changes)
    await log.catch_up()
    return log.batches


async def test_other_rules_count_afresh(tips: list[str], reading: ReadingMaker, tmp_path: Path) -> None:
    del tips
    log = reading(data_dir=tmp_path / "kept")
    await log.catch_up()
    changed = reading(
        data_dir=tmp_path / "kept",
        rules=[{"files": "tags/{environment}/shop", "format": "keys", "tag": "tag", "service": "shop"}],
    )
    changed.cursor, changed.standing, changed.batches = log.cursor, log.standing, log.batches
    before = add_up(log.batches)
    await changed.catch_up()
    after = add_up(changed.batches)
    assert after != before
    assert after == add_up(await read_at_once(reading, rules=changed.settings.rules))
    assert total(after).commits == total(before).commits


async def test_other_machines_count_afresh(repo: GitRepo, reading: ReadingMaker, tmp_path: Path) -> None:
    repo.commit({SHOP: tag("v1")})
    repo.commit({SHOP: tag("v2")}, author="deployer")
    log = reading(data_dir=tmp_path / "kept")
    await log.catch_up()
    assert classes_by_author(add_up(log.batches))["deployer"] == "bump_by_human"
    changed = reading(data_dir=tmp_path / "kept", machines=["deploy*"])
    changed.cursor, changed.standing, changed.batches = log.cursor, log.standing, log.batches
    await changed.catch_up()
    assert classes_by_author(add_up(changed.batches)) == {"Ada": "other", "deployer": "bump_by_bot"}
    assert await changed.catch_up() == []
    assert classes_by_author(add_up(changed.batches)) == {"Ada": "other", "deployer": "bump_by_bot"}


@pytest.mark.parametrize("back", [1, 3, 8])
async def test_a_force_push_takes_off_what_is_gone(
    repo: GitRepo, tips: list[str], reading: ReadingMaker, back: int
) -> None:
    log = reading()
    await log.catch_up()
    repo.git("reset", "-q", "--hard", tips[-1 - back])
    repo.commit({SHOP: tag("v77")}, author="Force")
    repo.git("checkout", "-q", "-b", "again")
    repo.commit({SHOP: tag("v78")}, author="Force")
    repo.git("checkout", "-q", "main")
    repo.merge("again")
    await log.catch_up()
    left = {key: tally for key, tally in add_up(log.batches).items() if tally.commits}
    assert left == add_up(await read_at_once(reading))


async def test_a_line_that_became_a_side_branch_is_counted_as_one(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({SHOP: tag("v1")}, author="Base")
    repo.git("branch", "other")
    repo.commit({SHOP: tag("v2")}, author="Ada")
    log = reading()
    await log.catch_up()
    repo.git("checkout", "-q", "other")
    repo.commit({"README": "hello\n"}, author="Bo")
    repo.merge("main")
    repo.git("branch", "-f", "main")
    repo.git("checkout", "-q", "main")
    await log.catch_up()
    counted = add_up(log.batches)
    assert counted == add_up(await read_at_once(reading))
    assert {key.author: tally.landings for key, tally in counted.items()} == {"Base": 1, "Ada": 0, "Bo": 1, "Merger": 1}


async def test_a_replaced_repository_is_counted_afresh(repo: GitRepo, tips: list[str], reading: ReadingMaker) -> None:
    del tips
    log = reading()
    await log.catch_up()
    repo.git("checkout", "-q", "--orphan", "fresh")
    repo.git("rm", "-q", "-r", "-f", ".")
    repo.commit({SHOP: tag("v1")}, author="Newcomer")
    repo.commit({SHOP: tag("v2")}, author="Newcomer")
    repo.git("branch", "-f", "main")
    await log.catch_up()
    assert classes_by_author(add_up(log.batches)) == {"Newcomer": "bump_by_human, other"}


async def test_a_history_that_is_not_read_is_not_counted_after_a_rewriting_either(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    for number in range(4):
        repo.commit({SHOP: tag(f"v{number}")}, author="Old")
    log = reading(history="tip")
    await log.catch_up()
    assert add_up(log.batches) == {}
    repo.git("reset", "-q", "--hard", "HEAD~2")
    repo.commit({SHOP: tag("v9")}, author="New")
    await log.catch_up()
    assert classes_by_author(add_up(log.batches)) == {"New": "bump_by_human"}
    repo.git("checkout", "-q", "--orphan", "fresh")
    repo.commit({SHOP: tag("v1")}, author="Fresh")
    repo.git("branch", "-f", "main")
    await log.catch_up()
    assert add_up(log.batches) == {}


async def test_a_shallow_clone_counts_what_it_has(repo: GitRepo, reading: ReadingMaker, tmp_path: Path) -> None:
    for author in ("one", "two", "three"):
        repo.commit({SHOP: tag(f"v{len(author)}-{author[0]}1")}, author=author)
    repo.git("clone", "-q", "--depth", "2", f"file://{repo.path}", str(tmp_path / "shallow"))
    log = reading(url=str(tmp_path / "shallow"))
    await log.catch_up()
    assert classes_by_author(add_up(log.batches)) == {"two": "other", "three": "bump_by_human"}
    assert count_by_git(tmp_path / "shallow", tmp_path / "b") == add_up(log.batches)


def test_a_missing_blob_costs_its_commits_their_class_only(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit({SHOP: tag("v1")}, author="first")
    repo.commit({SHOP: tag("v2")}, author="lost")
    blob = repo.git("rev-parse", f"HEAD:{SHOP}")
    repo.commit({SHOP: tag("v3")}, author="after")
    repo.commit({SHOP: tag("v4")}, author="last")
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    told = {"first": "other", "lost": "other", "after": "other", "last": "bump_by_human"}
    counted = count_by_libgit2(repo.path, tmp_path / "a", monkeypatch)
    assert classes_by_author(counted) == told
    assert count_by_git(repo.path, tmp_path / "b") == counted
