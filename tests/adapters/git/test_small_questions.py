"""Idle polls and single landings over HTTP cost one request each; whatever stands in the way costs more and loses nothing."""

from __future__ import annotations

import asyncio
import hashlib
import random
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.git.packs import BadPack, Kind, read_pack
from bridge.errors import Stalled, Unavailable
from tests.support.git_http import serve_git
from tests.support.git_reading import ReadingMaker, tag, told
from tests.support.git_repos import GitRepo, run_git

PATH = "tags/production/shop"
ASKED = "POST /infra/.git/git-upload-pack"


async def test_an_idle_poll_is_one_request_and_a_landing_one_more(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path
) -> None:
    repo.commit({PATH: tag("v1")})
    seen: list[str] = []
    async with serve_git(tmp_path, seen=seen) as base:
        log = reading(url=f"{base}/infra/.git")
        async with log.open() as source:
            await log.catch_up(source)
            seen.clear()
            for _ in range(3):
                assert await log.catch_up(source) == []
            assert seen == [ASKED] * 3
            seen.clear()
            repo.commit({PATH: tag("v2")})
            repo.commit({PATH: tag("v3")})
            assert told(await log.catch_up(source)) == ["production/shop v2", "production/shop v3"]
            assert seen == [ASKED] * 2


async def test_a_server_of_the_old_protocol_is_read_all_the_same(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path
) -> None:
    repo.commit({PATH: tag("v1")})
    async with serve_git(tmp_path, protocol_2=False) as base:
        log = reading(url=f"{base}/infra/.git")
        async with log.open() as source:
            assert told(await log.catch_up(source)) == ["production/shop v1"]
            assert await log.catch_up(source) == []
            repo.commit({PATH: tag("v2")})
            assert told(await log.catch_up(source)) == ["production/shop v2"]


async def test_a_redirect_on_the_same_server_is_followed_once_and_to_another_never(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path
) -> None:
    repo.commit({PATH: tag("v1")})
    seen: list[str] = []
    async with serve_git(tmp_path, seen=seen, moved=("/plain/", "/infra/.git/")) as base:
        log = reading(url=f"{base}/plain")
        async with log.open() as source:
            assert told(await log.catch_up(source)) == ["production/shop v1"]
            seen.clear()
            assert await log.catch_up(source) == []
            assert seen == [ASKED]
        elsewhere: list[str] = []
        async with serve_git(tmp_path, seen=elsewhere, moved=("/plain/", f"{base}/infra/.git/")) as other:
            log = reading(url=f"{other}/plain")
            async with log.open() as source:
                with suppress(Stalled, Unavailable):  # what libgit2 makes of it is its own affair
                    await log.catch_up(source)
            assert "POST /plain/git-upload-pack" not in elsewhere


async def test_a_branch_whose_name_others_begin_with_is_told_apart(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path
) -> None:
    repo.commit({PATH: tag("v1")})
    repo.git("branch", "main-2")
    async with serve_git(tmp_path) as base:
        log = reading(url=f"{base}/infra/.git")
        async with log.open() as source:
            await log.catch_up(source)
            repo.git("checkout", "-q", "main-2")
            repo.commit({PATH: tag("elsewhere")})
            repo.git("checkout", "-q", "main")
            assert await log.catch_up(source) == []
            repo.commit({PATH: tag("v2")})
            assert told(await log.catch_up(source)) == ["production/shop v2"]


async def test_rewritten_and_vanished_branches_are_noticed(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path
) -> None:
    for name in ("v1", "v2"):
        repo.commit({PATH: tag(name)})
    async with serve_git(tmp_path) as base:
        log = reading(url=f"{base}/infra/.git")
        async with log.open() as source:
            await log.catch_up(source)
            repo.git("reset", "-q", "--hard", "HEAD~1")
            repo.commit({PATH: tag("v3")})
            assert "production/shop v3" in told(await log.catch_up(source))
            repo.git("checkout", "-q", "--detach")
            repo.git("branch", "-D", "main")
            with pytest.raises(Stalled, match=r"has no branch 'main'|is empty"):
                await log.catch_up(source)
            repo.git("checkout", "-q", "-b", "main")
            assert await log.catch_up(source) == []


async def test_a_landing_too_large_for_one_answer_is_fetched_by_libgit2(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path
) -> None:
    repo.commit({PATH: tag("v1")})
    async with serve_git(tmp_path) as base:
        log = reading(url=f"{base}/infra/.git")
        async with log.open() as source:
            await log.catch_up(source)
            repo.commit({PATH: tag("v2"), "noise": random.Random(1).randbytes(6_000_000)})
            assert told(await log.catch_up(source)) == ["production/shop v2"]


async def test_a_host_that_accepts_and_says_nothing_is_told_and_holds_up_nobody(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.sources.git.asking._SECONDS", aiohttp.ClientTimeout(total=0.2))
    connected: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: connected.append(writer), "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match="can't be reached"):
            await reading(url=f"http://127.0.0.1:{port}/infra.git").catch_up()
        for writer in connected:
            writer.close()
    repo.commit({PATH: tag("v1")})
    async with serve_git(tmp_path) as base:
        assert told(await reading(url=f"{base}/infra/.git").catch_up()) == ["production/shop v1"]


def packed(repo: GitRepo, *, deltas: bool = True) -> bytes:
    """Everything in the repository as a pack whose deltas name their base by id, as a server sends it."""
    names = run_git(repo.path, "rev-list", "--objects", "--all").encode()
    window = "10" if deltas else "0"
    repo.git("pack-objects", "-q", f"--window={window}", "--depth=50", str(repo.path / "made"), stdin=names + b"\n")
    [made] = repo.path.glob("made-*.pack")
    data = made.read_bytes()
    for file in repo.path.glob("made-*"):
        file.unlink()
    return data


def objects_of(repo: GitRepo) -> dict[bytes, tuple[str, bytes]]:
    found = {}
    for line in repo.git("cat-file", "--batch-all-objects", "--batch-check").splitlines():
        oid, kind, _ = line.split()
        shown = subprocess.run(["git", "cat-file", kind, oid], cwd=repo.path, capture_output=True, check=True)
        found[bytes.fromhex(oid)] = kind, shown.stdout
    return found


@pytest.mark.parametrize("deltas", [True, False])
def test_a_pack_holds_what_git_says_it_holds(repo: GitRepo, *, deltas: bool) -> None:
    for number in range(6):
        lines = "".join(f"key-{each}: {each * number if each % 7 == 0 else each}\n" for each in range(400))
        repo.commit({PATH: tag(f"v{number}"), "values.yaml": lines})
    repo.git("tag", "-a", "-m", "a tag", "v1")
    read = read_pack(packed(repo, deltas=deltas), lambda _: None)
    assert sorted((kind.name.lower(), content) for kind, content in read) == sorted(objects_of(repo).values())
    assert [kind for kind, _ in read][-6:] == [Kind.COMMIT] * 6, "a commit comes after all that it names"


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), checked=st.booleans())
def test_a_damaged_pack_is_refused_or_read_and_never_anything_else(at: int, byte: int, *, checked: bool) -> None:
    data = bytearray(example())
    data[at % len(data)] = byte
    if checked:
        data[-20:] = hashlib.sha1(data[:-20], usedforsecurity=False).digest()
    try:
        read_pack(bytes(data), lambda _: None)
    except BadPack:
        return


@cache
def example() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        repo = GitRepo(Path(folder))
        for number in range(3):
            repo.commit({"values.yaml": "".join(f"key-{each}: {number}\n" for each in range(100))})
        return packed(repo)
