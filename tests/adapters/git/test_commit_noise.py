"""What class a commit is: by what it changes and by nothing that it says. Each author stands for one commit.

Every repository here is counted by libgit2 and by the ``git`` program.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.git_noise import Tallies, classes_by_author, count_by_git, count_by_libgit2, total
from tests.support.git_reading import tag
from tests.support.git_repos import GitRepo

Count = Callable[..., Tallies]
SHOP = "tags/production/shop"
CART = "tags/production/cart"


@pytest.fixture
def count(repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Count:
    """Counts the whole history of ``repo``; keywords change the source's settings."""

    def run(**changes: object) -> Tallies:
        by_libgit2 = count_by_libgit2(repo.path, tmp_path / "a", monkeypatch, **changes)
        assert count_by_git(repo.path, tmp_path / "b", **changes) == by_libgit2
        return by_libgit2

    return run


def classes(counted: Tallies) -> dict[str, str]:
    """By author, without the commits that only set the scene."""
    found = classes_by_author(counted)
    found.pop("Base", None)
    return found


@pytest.fixture
def repo(repo: GitRepo) -> GitRepo:
    repo.commit({SHOP: tag("v1"), CART: tag("1.10"), "README": "hello\n"}, author="Base")
    return repo


def test_a_bump_is_a_bot_s_or_a_person_s_by_the_author_s_name(repo: GitRepo, count: Count) -> None:
    for number, author in enumerate(("renovate[bot]", "Ada", "acme-deployer")):
        repo.commit({SHOP: tag(f"v{number + 2}")}, author=author)
    told = {"renovate[bot]": "bump_by_bot", "Ada": "bump_by_human", "acme-deployer": "bump_by_human"}
    assert classes(count()) == told
    assert classes(count(machines=["acme-*"])) == told | {"acme-deployer": "bump_by_bot"}


def test_a_merge_of_bumps_is_one_itself_and_its_lines_count_once(repo: GitRepo, count: Count) -> None:
    before = total(count())
    repo.git("checkout", "-q", "-b", "bump")
    repo.commit({SHOP: tag("v2")}, author="Ada")
    repo.commit({CART: tag("1.11")}, author="acme-ci")
    repo.git("checkout", "-q", "main")
    repo.merge("bump")
    counted = count()
    assert classes(counted) == {"Ada": "bump_by_human", "acme-ci": "bump_by_bot", "Merger": "merge_of_bumps"}
    after = total(counted)
    assert (after.commits - before.commits, after.landings - before.landings, after.lines - before.lines) == (3, 1, 4)


def test_a_merge_of_a_branch_that_holds_more_is_mixed(repo: GitRepo, count: Count) -> None:
    repo.git("checkout", "-q", "-b", "change")
    repo.commit({SHOP: tag("v2")}, author="Ada")
    repo.commit({"README": "bye\n"}, author="Bo")
    repo.git("checkout", "-q", "main")
    repo.commit({"LICENSE": "MIT\n"}, author="Base")
    repo.merge("change")
    assert classes(count()) == {"Ada": "bump_by_human", "Bo": "other", "Merger": "mixed"}


def test_a_merge_into_the_side_branch_counts_what_it_brings_there(repo: GitRepo, count: Count) -> None:
    repo.git("checkout", "-q", "-b", "side")
    repo.commit({"README": "bye\n"}, author="Ada")
    repo.git("checkout", "-q", "main")
    repo.commit({SHOP: tag("v2")}, author="Bo")
    repo.git("checkout", "-q", "side")
    repo.merge("main", author="Catching up")
    repo.git("checkout", "-q", "main")
    repo.merge("side")
    assert classes(count()) == {
        "Ada": "other", "Bo": "bump_by_human", "Catching up": "merge_of_bumps", "Merger": "other"
    }  # fmt: skip


def test_an_octopus_of_bumps_is_one_merge(repo: GitRepo, count: Count) -> None:
    for branch, file in (("one", SHOP), ("two", CART)):
        repo.git("checkout", "-q", "-b", branch, "main")
        repo.commit({file: tag("v7")}, author=branch)
    repo.git("checkout", "-q", "main")
    repo.clock += 60
    repo.git("merge", "-q", "--no-ff", "-m", "both", "one", "two", author="Octopus")
    assert classes(count()) == {"one": "bump_by_human", "two": "bump_by_human", "Octopus": "merge_of_bumps"}


def test_a_bump_together_with_anything_else_is_mixed(repo: GitRepo, count: Count) -> None:
    repo.commit({SHOP: tag("v2"), "README": "bye\n"}, author="another file")
    repo.commit({SHOP: tag("v3") + "replicas: 2\n"}, author="another line")
    repo.commit({SHOP: "tag: v4\nreplicas: 3\n"}, author="another value")
    repo.commit({SHOP: "tag: 'v5'\nreplicas: 3\n"}, author="another way of writing")
    repo.commit({SHOP: "replicas: 3\ntag: 'v6'\n"}, author="another order")
    assert set(classes(count()).values()) == {"mixed"}
    assert len(classes(count())) == 5


def test_what_changes_no_version_is_other(repo: GitRepo, count: Count) -> None:
    repo.commit({"README": "bye\n"}, author="untracked file")
    repo.commit({"old/production/shop": "tag: v1\n"}, author="untracked copy")
    repo.commit({"old/production/shop": "tag: v2\n"}, author="untracked bump")
    repo.commit({SHOP: "tag: 'v1'\n"}, author="same tag in quotes")
    repo.commit({SHOP: "# the shop\ntag: v1\n"}, author="comment")
    repo.git("mv", SHOP, "tags/production/store")
    repo.commit(author="rename")
    repo.commit({"tags/staging/shop": tag("v1")}, author="new declaration")
    repo.commit({"tags/staging/shop": None}, author="removal")
    (repo.path / CART).chmod(0o755)
    repo.commit(author="mode")
    repo.commit(author="nothing at all")
    assert set(classes(count()).values()) == {"other"}
    assert len(classes(count())) == 10


def test_a_rename_with_a_new_tag_is_no_bump(repo: GitRepo, count: Count) -> None:
    repo.git("mv", SHOP, "tags/production/store")
    repo.commit({"tags/production/store": tag("v2")}, author="Ada")
    assert classes(count()) == {"Ada": "other"}


def test_a_message_that_lies_changes_nothing(repo: GitRepo, count: Count) -> None:
    repo.clock += 60
    repo.git("commit", "-q", "--allow-empty", "-m", "Bump shop to v2", author="says bump")
    repo.write({SHOP: tag("v2")})
    repo.clock += 60
    repo.git("commit", "-q", "-a", "-m", "Refactor the README", author="says other")
    assert classes(count()) == {"says bump": "other", "says other": "bump_by_human"}


def test_a_bump_and_its_revert_are_two_bumps(repo: GitRepo, count: Count) -> None:
    repo.commit({SHOP: tag("v2")}, author="there")
    repo.clock += 60
    repo.git("revert", "--no-edit", "HEAD", author="back")
    repo.git("commit", "-q", "--amend", "--reset-author", "--no-edit", author="back")
    assert classes(count()) == {"there": "bump_by_human", "back": "bump_by_human"}


def test_several_files_in_one_commit_are_one_bump(repo: GitRepo, count: Count) -> None:
    before = total(count())
    repo.commit({SHOP: tag("v2"), CART: tag("1.11")}, author="Ada")
    counted = count()
    assert classes(counted) == {"Ada": "bump_by_human"}
    after = total(counted)
    assert (after.commits - before.commits, after.lines - before.lines) == (1, 4)


def test_a_side_branch_is_counted_commit_by_commit_and_lands_once(repo: GitRepo, count: Count) -> None:
    repo.git("checkout", "-q", "-b", "side")
    for number, author in enumerate(("one", "two", "three")):
        repo.commit({SHOP: tag(f"v{number + 2}")}, author=author)
    repo.git("checkout", "-q", "main")
    repo.merge("side")
    counted = count()
    landings = {key.author: tally.landings for key, tally in counted.items()}
    assert landings == {"Base": 1, "one": 0, "two": 0, "three": 0, "Merger": 1}
    assert classes(counted) == dict.fromkeys(("one", "two", "three"), "bump_by_human") | {"Merger": "merge_of_bumps"}


def test_another_root_that_is_merged_is_other(repo: GitRepo, count: Count) -> None:
    repo.git("checkout", "-q", "--orphan", "foundling")
    repo.git("rm", "-q", "-r", "-f", ".")
    repo.commit({"docs/index": "text\n"}, author="Root")
    repo.git("checkout", "-q", "main")
    repo.clock += 60
    repo.git("merge", "-q", "--allow-unrelated-histories", "-m", "both", "foundling", author="Merger")
    assert classes(count()) == {"Root": "other", "Merger": "other"}


def test_binary_files_have_no_lines(repo: GitRepo, count: Count) -> None:
    before = total(count())
    repo.commit({"logo.png": b"\x89PNG\0\1\2\n\n\n"}, author="Ada")
    repo.commit({"logo.png": b"\x89PNG\0\3\n\n\n\n\n"}, author="Bo")
    repo.commit({SHOP: b"tag: v2\0\n"}, author="Cy")
    counted = count()
    assert classes(counted) == {"Ada": "other", "Bo": "other", "Cy": "other"}
    assert total(counted).lines == before.lines


def test_a_digest_may_change_with_the_tag_or_without(repo: GitRepo, count: Count) -> None:
    rules = [{"files": "apps/{environment}/*.yaml", "format": "manifests"}]

    def shop(image: str) -> str:
        spec = f"{{template: {{spec: {{containers: [{{name: shop, image: '{image}'}}]}}}}}}"
        return f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop}}\nspec: {spec}\n"

    def commit(image: str, author: str) -> None:
        repo.commit({"apps/production/shop.yaml": shop(image)}, author=author)

    first, second, third = ("sha256:" + letter * 64 for letter in "abc")
    commit(f"ghcr.io/acme/shop:v1@{first}", "Base")
    commit(f"ghcr.io/acme/shop:v1@{second}", "digest")
    commit(f"ghcr.io/acme/shop:v2@{third}", "both")
    commit(f"ghcr.io/acme/shop@{third}", "tag left out")
    commit(f"ghcr.io/other/shop@{third}", "another repository")
    assert classes(count(rules=rules)) == {
        "digest": "bump_by_human", "both": "bump_by_human", "tag left out": "other", "another repository": "other"
    }  # fmt: skip


def test_a_base_that_environments_inherit_is_bumped_by_one_line(repo: GitRepo, count: Count) -> None:
    rules = [
        {
            "files": "base/{service}",
            "format": "keys",
            "tag": "tag",
            "inherited_by": "overlays/{environment}/{service}/here",
        }
    ]
    heirs: dict[str, str | bytes | None] = {f"overlays/{name}/shop/here": "" for name in ("staging", "production")}
    repo.commit({"base/shop": tag("v1"), **heirs}, author="Base")
    repo.commit({"base/shop": tag("v2")}, author="bump")
    repo.commit({"overlays/qa/shop/here": ""}, author="heir")
    repo.commit({"base/shop": tag("v3") + "port: 80\n"}, author="more")
    assert classes(count(rules=rules)) == {"bump": "bump_by_human", "heir": "other", "more": "mixed"}


def test_a_short_tag_is_not_found_in_other_numbers(repo: GitRepo, count: Count) -> None:
    repo.commit({SHOP: "tag: 1\nport: 8180\nlabel: shop-1\n"}, author="Base")
    repo.commit({SHOP: "tag: 2\nport: 8180\nlabel: shop-2\n"}, author="mention")
    repo.commit({SHOP: "tag: 1\nport: 8280\nlabel: shop-2\n"}, author="Base")
    repo.commit({SHOP: "tag: 2\nport: 8180\nlabel: shop-2\n"}, author="port")
    assert classes(count()) == {"mention": "bump_by_human", "port": "mixed"}


def test_an_unreadable_version_is_no_bump(repo: GitRepo, count: Count) -> None:
    repo.commit({SHOP: "tag: [broken"}, author="breaks")
    repo.commit({SHOP: "tag: v3"}, author="mends")
    assert classes(count()) == {"breaks": "other", "mends": "other"}


def test_commits_belong_to_the_week_of_their_committer_s_time(repo: GitRepo, count: Count) -> None:
    repo.clock = 1_704_067_200 - 60 - 60  # a minute before Monday 2024-01-01 in UTC, Monday already where it was made
    repo.commit({SHOP: tag("v2")}, author="Sunday")
    repo.commit({SHOP: tag("v3")}, author="Monday")
    weeks = {key.author: key.week for key in count()}
    assert weeks == {"Base": "2023-11-13", "Sunday": "2023-12-25", "Monday": "2024-01-01"}
