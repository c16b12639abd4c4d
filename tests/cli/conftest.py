"""The command line as a shell sees it: arguments in; exit code, standard output and standard error out."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge import compose
from bridge.cli.app import run
from bridge.daemon import open_bridge


@dataclass(frozen=True, slots=True)
class Ended:
    """How one call of the command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


CommandLine = Callable[..., Ended]


@pytest.fixture
def command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> CommandLine:
    """Runs a verb in an empty directory, with none of this machine's own settings."""
    for name in [name for name in os.environ if name.startswith(("DEPLOYBRIDGE_", "GITHUB_", "GITLAB_", "CI"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Ended:
        code = run([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Ended(code, out.decode(), err.decode())

    return call


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration without sources, on a free port."""
    path = tmp_path / "bridge.yaml"
    path.write_text("listen: 127.0.0.1:0\ndata_dir: ./data\n", encoding="utf-8")
    return path


@pytest.fixture
def daemon(config: Path) -> Iterator[str]:
    """The URL of a whole daemon on ``config``, on its own thread."""
    loop = asyncio.new_event_loop()
    started: list[str] = []
    ready, stop = threading.Event(), asyncio.Event()

    async def live() -> None:
        try:
            async with open_bridge(compose.load(config)) as bridge:
                started.append(bridge.url)
                ready.set()
                await stop.wait()
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    ready.wait(20)
    assert started, "the daemon did not start"
    yield started[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    loop.close()
