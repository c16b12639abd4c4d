"""A long history is read by other means than a short one: every fact and the cursor must be the same."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from adapters.sources.git.client import Mirror, set_up_caches
from adapters.sources.git.passes import Reader
from bridge.domain.facts import Fact
from bridge.errors import Unavailable
from tests.support.git_reading import make_settings, tag
from tests.support.git_repos import GitRepo

_NEVER, _ALWAYS = 1_000_000, 1


def read(repo: GitRepo, data_dir: Path, *, long: int, **changes: object) -> tuple[list[Fact], str]:
    set_up_caches()
    settings = make_settings(str(repo.path), changes)
    mirror = Mirror(settings, data_dir, threading.Event())
    try:
        batches = list(Reader(settings, mirror, long=long).batches(None, {}))
    finally:
        mirror.close()
    return [fact for batch in batches for fact in batch.facts], batches[-1].cursor


@pytest.fixture
def odd(repo: GitRepo) -> GitRepo:
    """Merges from behind, a rename, a deletion, a link, a broken file, a submodule, odd names, an empty commit."""
    repo.commit({"tags/production/shop": tag("v1"), "tags/production/cart": tag("1.10"), "other/file": "x"})
    repo.git("checkout", "-q", "-b", "bump")
    repo.commit({"tags/production/shop": tag("v2")}, author="Zo\u00eb \u0141")
    repo.commit({"other/file": "y"})
    repo.git("checkout", "-q", "main")
    repo.commit({"tags/staging/shop": tag("v2"), "tags/staging/with space \u00e9": tag("v9")})
    repo.merge("bump")
    repo.git("mv", "tags/production/cart", "tags/production/basket")
    repo.commit()
    repo.commit({"tags/staging/shop": "tag: [broken"})
    repo.commit({"tags/staging/shop": None})
    (repo.path / "tags/production/shop").unlink()
    (repo.path / "tags/production/shop").symlink_to("basket")
    repo.commit()
    repo.commit({"tags/production/shop": tag("v3"), "tags/staging/shop": tag("v3")})
    repo.commit()
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},tags/production/module")
    repo.git("commit", "-q", "-m", "a submodule")
    repo.git("checkout", "-q", "--orphan", "second-root")
    repo.git("rm", "-q", "-r", "-f", "--cached", ".")
    repo.git("commit", "-q", "--allow-empty", "-m", "another root")
    return repo


@pytest.mark.parametrize("history", ["all", {"since": "2023-11-14T22:16:00Z"}], ids=["all", "since"])
def test_a_process_of_its_own_finds_what_this_one_does(odd: GitRepo, tmp_path: Path, history: object) -> None:
    here = read(odd, tmp_path / "here", long=_NEVER, history=history)
    apart = read(odd, tmp_path / "apart", long=_ALWAYS, history=history)
    assert len(here[0]) > 8
    assert apart == here


def test_without_a_git_program_libgit2_reads_the_same(
    odd: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = read(odd, tmp_path / "here", long=_NEVER)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert read(odd, tmp_path / "apart", long=_ALWAYS) == here


def test_a_git_that_is_too_old_is_left_alone(odd: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = read(odd, tmp_path / "here", long=_NEVER)
    old = tmp_path / "old" / "git"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\n[ "$1" = version ] && echo git version 2.25.1 && exit 0\nexit 129\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}{os.pathsep}/bin")
    assert read(odd, tmp_path / "apart", long=_ALWAYS) == here


def test_the_user_s_configuration_of_git_changes_nothing(
    odd: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = read(odd, tmp_path / "here", long=_NEVER)
    config = tmp_path / "gitconfig"
    config.write_text(
        "[log]\n\tdate = relative\n\tshowSignature = true\n\tmailmap = true\n[diff]\n\tnoprefix = true\n\trenames = copies\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert read(odd, tmp_path / "apart", long=_ALWAYS) == here


def test_a_process_that_dies_is_said_to_and_nothing_is_claimed(
    odd: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    (broken / "msgspec").mkdir(parents=True)
    (broken / "msgspec" / "__init__.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("PYTHONPATH", str(broken) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    with pytest.raises(Unavailable, match="ended with"):
        read(odd, tmp_path / "apart", long=_ALWAYS)
