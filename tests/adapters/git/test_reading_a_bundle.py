"""A file made by ``git bundle create`` is read as the repository that it was made of."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge.domain.facts import SourceRewritten
from bridge.errors import Stalled, Unavailable
from tests.support.git_reading import ReadingMaker, tag, told
from tests.support.git_repos import GitRepo

PATH = "tags/production/shop"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "infra.bundle"


def put(bundle: Path, content: bytes) -> None:
    bundle.write_bytes(content)


def content_of(bundle: Path) -> bytes:
    return bundle.read_bytes()


@pytest.mark.parametrize("version", ["2", "3"])
async def test_the_whole_history_of_a_bundle_is_read_once(
    version: str, repo: GitRepo, reading: ReadingMaker, bundle: Path
) -> None:
    for name in ("v1", "v2"):
        repo.commit({PATH: tag(name)})
    repo.git("bundle", "create", "-q", f"--version={version}", str(bundle), "HEAD", "main")
    log = reading(url=str(bundle))
    assert told(await log.catch_up()) == ["production/shop v1", "production/shop v2"]
    assert await log.catch_up() == []


async def test_a_bundle_that_was_made_again_is_read_from_where_the_last_one_ended(
    repo: GitRepo, reading: ReadingMaker, bundle: Path
) -> None:
    repo.commit({PATH: tag("v1")})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    log = reading(url=str(bundle))
    await log.catch_up()
    repo.commit({PATH: tag("v2")})
    repo.commit({PATH: tag("v3")})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    assert told(await log.catch_up()) == ["production/shop v2", "production/shop v3"]


async def test_a_bundle_of_the_news_alone_follows_the_one_before_it(
    repo: GitRepo, reading: ReadingMaker, bundle: Path
) -> None:
    repo.commit({PATH: tag("v1"), "large": "a line\n" * 1000})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    log = reading(url=str(bundle))
    await log.catch_up()
    old = repo.tip()
    repo.commit({PATH: tag("v2"), "large": "a line\n" * 1001})  # a delta against what only the old bundle holds
    repo.git("bundle", "create", "-q", str(bundle), f"{old}..main")
    with pytest.raises(Stalled, match=f"builds on {old}, which was not read before"):
        await reading(url=str(bundle)).catch_up()
    assert told(await log.catch_up()) == ["production/shop v2"]


async def test_a_bundle_that_was_replaced_by_a_rewritten_one_is_rewritten_history(
    repo: GitRepo, reading: ReadingMaker, bundle: Path
) -> None:
    for name in ("v1", "v2"):
        repo.commit({PATH: tag(name)})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    log = reading(url=str(bundle))
    await log.catch_up()
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.commit({PATH: tag("v3")})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    facts = await log.catch_up()
    assert isinstance(facts[0], SourceRewritten)
    assert told(facts) == ["production/shop v3"]


async def test_a_new_bundle_ends_the_wait(repo: GitRepo, reading: ReadingMaker, bundle: Path) -> None:
    repo.commit({PATH: tag("v1")})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    log = reading(url=str(bundle))
    async with log.open() as source, asyncio.timeout(20):
        await log.catch_up(source)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(source.wait_for_change(600.0))
            await asyncio.to_thread(repo.commit, {PATH: tag("v2")})
            await asyncio.to_thread(repo.git, "bundle", "create", "-q", str(bundle), "main")
        assert told(await log.catch_up(source)) == ["production/shop v2"]


async def test_a_bundle_without_the_branch_says_what_it_has(repo: GitRepo, reading: ReadingMaker, bundle: Path) -> None:
    repo.commit({PATH: tag("v1")})
    repo.git("bundle", "create", "-q", str(bundle), "HEAD")
    with pytest.raises(Stalled, match=r"has no branch 'main', only HEAD: make it of the branch itself"):
        await reading(url=str(bundle)).catch_up()
    repo.git("bundle", "create", "-q", str(bundle), "HEAD", "main")
    with pytest.raises(Stalled, match=r"no branch 'release' \(it has: main\)"):
        await reading(url=str(bundle), branch="release").catch_up()


async def test_a_bundle_that_is_cut_off_is_tried_again_and_read_when_it_is_whole(
    repo: GitRepo, reading: ReadingMaker, bundle: Path
) -> None:
    repo.commit({PATH: tag("v1")})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    whole = content_of(bundle)
    log = reading(url=str(bundle))
    put(bundle, whole[:-30])
    with pytest.raises(Unavailable, match="is damaged or not written to its end"):
        await log.catch_up()
    put(bundle, whole[:30])
    with pytest.raises(Stalled, match=r"header of the bundle .* is damaged or cut off"):
        await log.catch_up()
    put(bundle, whole)
    assert told(await log.catch_up()) == ["production/shop v1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# v9 git bundle\n\n", "has version 9: expected 2 or 3"),
        (b"# v3 git bundle\n@object-format=sha256\n\n", "make it of a repository with SHA-1 ids"),
        (b"# v3 git bundle\n@filter=blob:none\n\n", "leaves objects out"),
        (b"# v2 git bundle\n\n", "has no branch 'main', no ref at all"),
        (b"not a bundle\n", "is no Git bundle: correct `url`"),
        (b"", "is no Git bundle: correct `url`"),
    ],
)
async def test_a_file_that_is_no_bundle_to_be_read_says_why(
    content: bytes, said: str, reading: ReadingMaker, bundle: Path
) -> None:
    put(bundle, content)
    with pytest.raises(Stalled, match=said):
        await reading(url=str(bundle)).catch_up()


async def test_without_the_git_command_a_bundle_says_what_it_needs(
    repo: GitRepo, reading: ReadingMaker, bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repo.commit({PATH: tag("v1")})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tmp_path / "nothing"))
        with pytest.raises(Stalled, match="needs the git command, and there is none on PATH"):
            await reading(url=str(bundle)).catch_up()


async def test_a_mirror_that_was_damaged_is_made_anew_from_the_bundle(
    repo: GitRepo, reading: ReadingMaker, bundle: Path
) -> None:
    for name in ("v1", "v2"):
        repo.commit({PATH: tag(name)})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    log = reading(url=str(bundle))
    await log.catch_up()
    for file in log.data_dir.glob("mirrors/infra.git/objects/pack/*.pack"):
        file.chmod(0o644)
        file.write_bytes(b"garbage")
    repo.commit({PATH: tag("v3")})
    repo.git("bundle", "create", "-q", str(bundle), "main")
    assert told(await log.catch_up()) == ["production/shop v3"]
