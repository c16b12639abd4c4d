"""The bridge needs no more than reading: of the server, of the directory; and it never asks for more."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.git_http import serve_git
from tests.support.git_reading import ReadingMaker, tag, told
from tests.support.git_repos import GitRepo, run_git

PATH = "tags/production/shop"
SECRET = "t0p-s3cret"


async def test_credentials_that_may_only_read_are_enough(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFRA_TOKEN", SECRET)
    credentials = {"username": "reader", "password": {"env": "INFRA_TOKEN"}}
    repo.commit({PATH: tag("v1")})
    seen: list[str] = []
    async with serve_git(tmp_path, username="reader", password=SECRET, read_only=True, seen=seen) as base:
        address = base.replace("://", f"://reader:{SECRET}@") + "/infra/.git"
        push = ["git", "-C", str(repo.path), "push", "-q", address, "main:refused"]
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        refused = await subprocess_code(push, environment)
        assert refused != 0, "the server refuses a push with these credentials"
        seen.clear()
        log = reading(url=f"{base}/infra/.git", credentials=credentials)
        async with log.open() as source:
            assert told(await log.catch_up(source)) == ["production/shop v1"]
            repo.commit({PATH: tag("v2")})
            assert told(await log.catch_up(source)) == ["production/shop v2"]
        assert seen
        assert not [each for each in seen if "receive-pack" in each]


async def subprocess_code(command: list[str], environment: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=subprocess.DEVNULL)
    return await process.wait()


async def test_a_directory_that_may_only_be_read_is_left_as_it_was(
    repo: GitRepo, reading: ReadingMaker, tmp_path: Path
) -> None:
    repo.commit({PATH: tag("v1")})
    bare = tmp_path / "bare.git"
    run_git(tmp_path, "clone", "-q", "--bare", str(repo.path), str(bare))
    before = contents(bare)
    for path in [bare, *bare.rglob("*")]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        log = reading(url=str(bare))
        async with log.open() as source:
            assert told(await log.catch_up(source)) == ["production/shop v1"]
            assert await log.catch_up(source) == []
        assert contents(bare) == before
    finally:
        for path in [bare, *bare.rglob("*")]:
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time and content: as root nothing but this shows a write."""
    return {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.rglob("*") if file.is_file()}
