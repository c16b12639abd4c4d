"""A look at a repository without rules: from a server, of a long history, of a damaged or shallow one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.sources.git import open_sample, sampling
from bridge.errors import Stalled
from bridge.formats.declarations.proposals.history_sample import HistorySample
from tests.support.git_http import serve_git
from tests.support.git_repos import GitRepo


@contextmanager
def served(root: Path, *, username: str | None = None, password: str = "") -> Iterator[str]:
    """The repositories below ``root``, served from another thread, for ``open_sample`` waits for its answers."""
    loop = asyncio.new_event_loop()
    stop, ready, urls = asyncio.Event(), threading.Event(), list[str]()

    async def live() -> None:
        async with serve_git(root, username=username, password=password) as url:
            urls.append(url)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    assert ready.wait(20)
    try:
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def sample(
    url: str | Path, branch: str | None = None, credentials: Mapping[str, object] | None = None
) -> HistorySample:
    with open_sample(str(url), branch, credentials or {}, lambda _done, _total: None) as found:
        assert all(found.read(blob) is not None for blob in found.tip.values())
        return found


def test_a_server_s_own_branch_is_read(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "infra")
    repo.git("checkout", "-q", "-b", "trunk")
    repo.commit({"a.yaml": "tag: 1\n"})
    tip = repo.commit({"a.yaml": "tag: 2\n"})
    with served(tmp_path) as url:
        found = sample(f"{url}/infra/.git")
    assert (found.branch, found.revision, found.landings) == ("trunk", tip, 2)
    assert found.url == f"{url}/infra/.git"


def test_a_server_that_asks_gets_the_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    GitRepo(tmp_path / "infra").commit({"a.yaml": "tag: 1\n"})
    monkeypatch.setenv("INFRA_TOKEN", "right")
    given = {"username": "bot", "password": {"env": "INFRA_TOKEN"}}
    with served(tmp_path, username="bot", password="right") as url:
        assert sample(f"{url}/infra/.git", None, given).landings == 1
        with pytest.raises(Stalled, match="asks for credentials"):
            sample(f"{url}/infra/.git")


def test_the_newest_landings_are_all_read_and_the_older_ones_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_MOST_LANDINGS", 8)
    repo = GitRepo(tmp_path / "infra")
    for number in range(20):
        repo.commit({"a.yaml": f"tag: {number}\n"})
    found = sample(tmp_path / "infra")
    assert (found.landings, found.landings_read) == (20, 8)


def test_the_repository_is_left_as_it_was_and_nothing_is_left_behind(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "infra")
    repo.commit({"a.yaml": "tag: 1\n"})
    before = sorted(path for path in (tmp_path / "infra").rglob("*"))
    sample(tmp_path / "infra")
    assert sorted(path for path in (tmp_path / "infra").rglob("*")) == before


def test_a_shallow_clone_shows_what_it_has(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "infra")
    for number in range(5):
        repo.commit({"a.yaml": f"tag: {number}\n"})
    repo.git("clone", "-q", "--depth", "2", f"file://{tmp_path / 'infra'}", str(tmp_path / "shallow"))
    found = sample(tmp_path / "shallow")
    assert (found.landings, [move.path for move in found.moves]) == (2, ["a.yaml"])


def test_links_and_submodules_are_no_files(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "infra")
    (tmp_path / "infra" / "link.yaml").symlink_to("a.yaml")
    repo.commit({"a.yaml": "tag: 1\n"})
    assert list(sample(tmp_path / "infra").tip) == ["a.yaml"]
