"""``deploybridge replay --check``: do the log's facts give its conclusions?"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from bridge import compose
from bridge.cli.exits import NO, OK
from bridge.cli.options import chosen_config, config_option, format_option
from bridge.cli.terminal import show_progress, write_json


@click.command("replay")
@click.option("--check", is_flag=True, required=True, help="Compare with the log; nothing is ever written.")
@config_option
@format_option
def command(*, check: bool, config: Path | None, form: str) -> int:
    """Feed the log's facts to the rules again and compare; exit 1 at the first difference."""
    del check  # the only thing replay does so far; required, so that a later mode can't surprise a script
    settings = compose.load(chosen_config(config))
    with show_progress("replaying") as report:
        result = asyncio.run(compose.replay_check(settings, report))
    if form == "json":
        write_json(asdict(result))
    elif result.ok:
        print(f"ok: {result.events} events; the facts give the same {result.conclusions} conclusions")
    else:
        print(f"differs: {result.first_difference}")
    return OK if result.ok else NO
