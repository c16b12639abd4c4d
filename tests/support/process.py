"""The daemon as a process of its own, for what only a process can show: signals, sudden death, a second one."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

_ROOT = Path(__file__).parents[2]
_URL = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass
class Daemon:
    process: asyncio.subprocess.Process
    url: str = ""
    lines: list[str] = field(default_factory=list)
    _grown: asyncio.Condition = field(default_factory=asyncio.Condition)
    _drain: asyncio.Task[None] | None = None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def said(self, text: str) -> None:
        """Return once a line of standard error holds ``text``."""
        async with self._grown:
            await self._grown.wait_for(lambda: any(text in line for line in self.lines))

    async def add(self, line: bytes) -> None:
        async with self._grown:
            self.lines.append(line.decode())
            self._grown.notify_all()

    async def ended(self) -> int:
        code = await self.process.wait()
        if self._drain is not None:
            await self._drain
        return code


@asynccontextmanager
async def daemon(config: Path) -> AsyncIterator[Daemon]:
    """Start ``deploybridge serve`` and wait until it listens (``url``), or until it has ended (``url`` stays empty)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "serve", "-c", str(config)),
        cwd=_ROOT,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert process.stderr is not None
    running = Daemon(process)
    try:
        async for line in process.stderr:
            running.lines.append(line.decode())
            if match := _URL.search(line.decode()):
                running.url = match[0]
                break
        running._drain = asyncio.get_running_loop().create_task(_drain(running))  # noqa: SLF001 - one object in two functions
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.ended()


async def _drain(running: Daemon) -> None:
    assert running.process.stderr is not None
    async for line in running.process.stderr:
        await running.add(line)


def write_config(folder: Path, text: str = "") -> Path:
    path = folder / "deploybridge.yaml"
    path.write_text(f"data_dir: data\nlisten: 127.0.0.1:0\nlog: {{format: json}}\n{text}")
    return path


async def declare(
    http: aiohttp.ClientSession, url: str, tag: str, *, key: str | None = None
) -> tuple[int, dict[str, Any]]:
    body = {"service": "shop", "environment": "production", "artifacts": [f"ghcr.io/acme/shop:{tag}"]}
    headers = {"Idempotency-Key": f'"{key or tag}"'}
    async with http.post(f"{url}/api/v1/intents", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def all_events(http: aiohttp.ClientSession, url: str, **filters: str) -> list[dict[str, Any]]:
    async with http.get(f"{url}/api/v1/export", params={"format": "jsonl", **filters}) as answer:
        assert answer.status == 200, await answer.text()
        return [json.loads(line) for line in (await answer.text()).splitlines()]
