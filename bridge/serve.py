"""The daemon's life: start, obey signals, follow the configuration file, end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog
from watchfiles import Change, awatch

from bridge import compose
from bridge.daemon import Bridge, open_bridge
from bridge.errors import Refused
from bridge.runtime.interpreter import collect_seldom, prefer_short_pauses
from bridge.runtime.supervise import Crew, forever, task_group
from bridge.settings import Settings
from bridge.telemetry.logging import configure_logging

_MOUNTED = "..data"  # the link that Kubernetes swaps when a mounted ConfigMap changes

log = structlog.get_logger()


async def serve(settings: Settings, config_path: Path | None) -> int:
    """Run until SIGTERM or SIGINT: the first one drains within ``shutdown_limit``, a second one ends at once.

    Raises:
        DeploybridgeError: it could not start, or a part failed for good.
    """
    configure_logging(settings.log.format, settings.log.level)
    collect_seldom()
    prefer_short_pauses()
    stop = _stop_on_signals()
    drain = settings.shutdown_limit.total_seconds()
    async with asyncio.timeout(None) as limit, open_bridge(settings) as bridge:
        log.info("serving", url=bridge.url, data_dir=str(settings.data_dir), mode=settings.mode.value)
        if not settings.tokens:
            log.warning("no_tokens", meaning="anybody on this machine may read and declare; nobody else can connect")
        async with task_group() as group:
            crew = Crew(group)
            if config_path is not None:
                crew.start("reload", forever("reload", _follow_config(bridge, config_path)))
            await stop.wait()
            log.info("stopping", within_seconds=drain)
            limit.reschedule(asyncio.get_running_loop().time() + drain)
            await crew.stop()
    log.info("stopped")
    return 0


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            print("deploybridge: a second signal: ending at once", file=sys.stderr, flush=True)  # noqa: T201 - too late to log
            os._exit(128 + number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return stop


async def _follow_config(bridge: Bridge, path: Path) -> None:
    """Apply the file whenever its content changes. The folder is watched: editors and Kubernetes replace files by renaming."""

    def concerns(_: Change, changed: str) -> bool:
        return Path(changed).name in {path.name, _MOUNTED}

    seen = _content(path)
    folder = _folder_of(path)
    async for _ in awatch(folder, watch_filter=concerns, recursive=False, debounce=200, step=50, rust_timeout=1000):
        content = _content(path)
        if content == seen:
            continue
        seen = content
        try:
            settings = compose.load(path)
        except Refused as refused:
            bridge.core.board.config_problem = str(refused)
            log.warning("config_refused", reason=str(refused), meaning="the configuration before it goes on")
            continue
        if bridge.core.board.config_problem is not None:
            log.info("config_valid_again")
        bridge.core.board.config_problem = None
        await bridge.apply(settings)


def _folder_of(path: Path) -> Path:
    return path.absolute().parent


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
