"""Opens the port and closes it in order."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from bridge.api.wiring import STOPPING
from bridge.errors import Refused


@dataclass(frozen=True, slots=True)
class Listener:
    """An open port."""

    runner: web.AppRunner
    url: str

    async def close(self) -> None:
        """Accept nothing more, let streams and long polls answer, wait for what is under way within the drain time."""
        self.runner.app[STOPPING].set()
        await self.runner.cleanup()


async def open_listener(app: web.Application, host: str, port: int, *, drain_seconds: float) -> Listener:
    """Listen on ``host``; port 0 takes a free one.

    Raises:
        Refused: the address is taken, not allowed or not ours.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=drain_seconds)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        msg = f"can't listen on {host}:{port}: {error.strerror or error}; set another `listen`"
        raise Refused(msg, field="listen") from error
    bound = runner.addresses[0]
    shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    return Listener(runner, f"http://{shown}:{bound[1]}")
