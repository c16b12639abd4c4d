"""``deploybridge verify``: is the log what was written?"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from bridge import compose
from bridge.cli.exits import NO, OK
from bridge.cli.options import chosen_config, config_option, format_option
from bridge.cli.terminal import show_progress, write_json


@click.command("verify")
@config_option
@format_option
def command(config: Path | None, form: str) -> int:
    """Prove the chain of hashes from the first event to the last; exit 1 where it breaks."""
    settings = compose.load(chosen_config(config))
    with show_progress("verifying") as report:
        result = asyncio.run(compose.verify_log(settings, report))
    if form == "json":
        write_json(asdict(result))
    elif result.ok:
        print(f"ok: {result.events} events, none changed, none cut out; last hash {result.last_hash}")
    else:
        print(f"broken at position {result.broken_at}: {result.reason}; {result.events} events before it are whole")
    return OK if result.ok else NO
