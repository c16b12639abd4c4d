"""A configuration that changes under a running bridge: what waits for a restart really waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bridge import compose
from bridge.daemon import open_bridge
from tests.support.git_repos import GitRepo
from tests.support.process import write_config

SOURCE = """\
sources:
  - kind: git
    name: infra
    url: ./infra
    poll_interval: 1s
    rules: [{files: "tags/{environment}/{service}", format: keys, tag: tag}]
"""


async def test_a_change_that_needs_a_restart_is_told_until_it_is_taken_back(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    text = path.read_text()
    async with open_bridge(compose.load(path)) as bridge:
        path.write_text(text.replace("127.0.0.1:0", "127.0.0.1:1"))
        await bridge.apply(compose.load(path))
        assert bridge.core.board.needs_restart == ["listen"]
        path.write_text(text + "late_after: 7m\n")
        await bridge.apply(compose.load(path))
        assert bridge.core.board.needs_restart == []


async def test_a_changed_data_directory_is_not_touched_before_the_restart(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "infra")
    repo.commit({"tags/production/shop": "tag: v1\n"})
    path = write_config(tmp_path, SOURCE)
    async with asyncio.timeout(60), open_bridge(compose.load(path)) as bridge:
        tail = bridge.core.tail
        position = await tail.wait_beyond(1)
        path.write_text(path.read_text().replace("data_dir: data", "data_dir: other").replace("1s", "2s"))
        await bridge.apply(compose.load(path))
        position = await tail.wait_beyond(position)
        repo.commit({"tags/production/shop": "tag: v2\n"})
        await tail.wait_beyond(position)
        assert bridge.core.board.needs_restart == ["data_dir"]
        assert not (tmp_path / "other").exists()
