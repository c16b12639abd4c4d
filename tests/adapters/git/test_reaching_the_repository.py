"""Repositories on servers and in directories: what can't be reached says what, where and what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bridge.errors import Stalled, Unavailable
from tests.support.git_http import serve_git
from tests.support.git_reading import ReadingMaker, tag, told
from tests.support.git_repos import GitRepo

SECRET = "t0p-s3cret"
PATH = "tags/production/shop"


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("INFRA_TOKEN", SECRET)
    return {"username": "ci", "password": {"env": "INFRA_TOKEN"}}


async def test_landings_are_read_over_http(repo: GitRepo, reading: ReadingMaker, tmp_path: Path) -> None:
    repo.commit({PATH: tag("v1")})
    async with serve_git(tmp_path) as base:
        log = reading(url=f"{base}/infra/.git")
        async with log.open() as source:
            assert told(await log.catch_up(source)) == ["production/shop v1"]
            repo.commit({PATH: tag("v2")})
            repo.commit({PATH: tag("v3")})
            assert told(await log.catch_up(source)) == ["production/shop v2", "production/shop v3"]
            assert await log.catch_up(source) == []


async def test_a_server_that_asks_gets_the_credentials(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path, password: dict[str, object]
) -> None:
    repo.commit({PATH: tag("v1")})
    async with serve_git(tmp_path, username="ci", password=SECRET) as base:
        log = reading(url=f"{base}/infra/.git", credentials=password)
        assert told(await log.catch_up()) == ["production/shop v1"]
    for file in (path for path in log.data_dir.rglob("*") if path.is_file()):
        assert SECRET.encode() not in file.read_bytes()


async def test_refused_credentials_stall_and_are_not_shown(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path, password: dict[str, object]
) -> None:
    repo.commit({PATH: tag("v1")})
    async with serve_git(tmp_path, username="ci", password="another") as base:
        with pytest.raises(Stalled, match="refused the credentials") as raised:
            await reading(url=f"{base}/infra/.git", credentials=password).catch_up()
    assert SECRET not in str(raised.value)


async def test_a_server_that_asks_and_gets_nothing_stalls(repo: GitRepo, reading: ReadingMaker, tmp_path: Path) -> None:
    repo.commit({PATH: tag("v1")})
    async with serve_git(tmp_path, username="ci", password="x") as base:
        with pytest.raises(Stalled, match=r"asks for credentials: set `credentials\.username`"):
            await reading(url=f"{base}/infra/.git").catch_up()


@pytest.mark.parametrize(("status", "error"), [(404, Stalled), (403, Stalled), (500, Unavailable), (503, Unavailable)])
async def test_what_a_server_answers_decides_whether_it_is_tried_again(
    status: int, error: type[Exception], reading: ReadingMaker, tmp_path: Path
) -> None:
    async with serve_git(tmp_path, status=status) as base:
        with pytest.raises(error, match=f"{base}/infra"):
            await reading(url=f"{base}/infra").catch_up()


async def test_a_server_that_is_not_there_is_unavailable(reading: ReadingMaker) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers
        with pytest.raises(Unavailable, match="can't be reached"):
            await reading(url=f"http://127.0.0.1:{taken.getsockname()[1]}/infra").catch_up()


async def test_an_empty_repository_asks_for_a_first_commit(
    reading: ReadingMaker, repo: GitRepo, tmp_path: Path
) -> None:
    with pytest.raises(Stalled, match="is empty: push a first commit"):
        await reading().catch_up()
    async with serve_git(tmp_path) as base:
        log = reading(url=f"{base}/infra/.git")
        with pytest.raises(Stalled, match="is empty: push a first commit"):
            await log.catch_up()
        repo.commit({PATH: tag("v1")})
        assert told(await log.catch_up()) == ["production/shop v1"]


async def test_a_missing_branch_names_those_there_are(repo: GitRepo, reading: ReadingMaker, tmp_path: Path) -> None:
    repo.commit({PATH: tag("v1")})
    with pytest.raises(Stalled, match=r"no branch 'release' \(it has: main\)"):
        await reading(branch="release").catch_up()
    async with serve_git(tmp_path) as base:
        with pytest.raises(Stalled, match=r"no branch 'release' \(it has: main\)"):
            await reading(url=f"{base}/infra/.git", branch="release").catch_up()


async def test_a_directory_that_is_no_repository_says_so(reading: ReadingMaker, tmp_path: Path) -> None:
    with pytest.raises(Stalled, match="is not there: correct `url`"):
        await reading(url=str(tmp_path / "nowhere")).catch_up()
    (tmp_path / "plain").mkdir()
    with pytest.raises(Stalled, match="is no Git repository: correct `url`"):
        await reading(url=str(tmp_path / "plain")).catch_up()


@pytest.mark.parametrize("shape", ["bare", "file", "worktree", "borrowing"])
async def test_local_repositories_of_every_shape_are_read(shape: str, repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    other = repo.path.parent / "other repo"
    arguments = {
        "bare": ("clone", "-q", "--bare", "."),
        "file": ("clone", "-q", "."),
        "worktree": ("worktree", "add", "-q", "-b", "side"),
        "borrowing": ("clone", "-q", "--shared", "."),
    }[shape]
    repo.git(*arguments, str(other))
    url = other.as_uri() if shape == "file" else str(other)
    log = reading(url=url, branch="side" if shape == "worktree" else "main")
    assert told(await log.catch_up()) == ["production/shop v1"]


async def test_a_damaged_mirror_is_cloned_again_without_losing_or_repeating(
    repo: GitRepo, reading: ReadingMaker
) -> None:
    for name in ("v1", "v2"):
        repo.commit({PATH: tag(name)})
    repo.git("gc", "-q")
    log = reading()
    await log.catch_up()
    for file in log.data_dir.glob("mirrors/infra.git/objects/**/*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"garbage")
    repo.commit({PATH: tag("v3")})
    assert told(await log.catch_up()) == ["production/shop v3"]


@pytest.mark.parametrize("part", ["HEAD", "objects", "refs", "config"])
async def test_a_mirror_that_lost_a_part_is_made_anew(part: str, repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    log = reading()
    await log.catch_up()
    lost = log.data_dir / "mirrors/infra.git" / part
    lost.rename(log.data_dir / "lost")
    repo.commit({PATH: tag("v2")})
    assert told(await log.catch_up()) == ["production/shop v2"]


async def test_a_lock_left_by_a_killed_process_is_no_obstacle(repo: GitRepo, reading: ReadingMaker) -> None:
    repo.commit({PATH: tag("v1")})
    log = reading()
    await log.catch_up()
    (log.data_dir / "mirrors/infra.git/refs/deploybridge/fetched.lock").write_text("")
    repo.commit({PATH: tag("v2")})
    assert told(await log.catch_up()) == ["production/shop v2"]


async def test_a_repository_that_lacks_its_own_history_is_unavailable(repo: GitRepo, reading: ReadingMaker) -> None:
    for name in ("v1", "v2", "v3"):
        repo.commit({PATH: tag(name)})
    tree = repo.git("rev-parse", "HEAD~1^{tree}")
    (repo.path / ".git/objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(Unavailable, match="git fsck"):
        await reading().catch_up()


async def test_a_missing_parent_is_the_beginning(repo: GitRepo, reading: ReadingMaker) -> None:
    for name in ("v1", "v2", "v3"):
        repo.commit({PATH: tag(name)})
    lost = repo.git("rev-parse", "HEAD~2")
    (repo.path / ".git/objects" / lost[:2] / lost[2:]).unlink()
    facts = await reading().catch_up()
    assert told(facts) == ["production/shop v2", "production/shop v3"]
    assert facts[0].details == {"shallow": True}
