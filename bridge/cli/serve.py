"""``deploybridge serve``: the daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from bridge import compose
from bridge.cli.options import chosen_config, config_option
from bridge.serve import serve


@click.command("serve")
@config_option
def command(config: Path | None) -> int:
    """Run the daemon until it is told to stop (SIGTERM or Ctrl-C; a second one ends it at once)."""
    path = chosen_config(config)
    return asyncio.run(serve(compose.load(path), path))
