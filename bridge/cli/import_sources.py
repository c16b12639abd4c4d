"""``deploybridge import``: catch up with every source once."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from bridge import compose
from bridge.cli.exits import NO, OK
from bridge.cli.options import chosen_config, config_option, format_option
from bridge.cli.terminal import show_progress, span, write_json
from bridge.runtime.intake import DECLARES_NOTHING
from bridge.runtime.interpreter import collect_seldom
from bridge.telemetry.logging import configure_logging


@click.command("import")
@config_option
@format_option
def command(config: Path | None, form: str) -> int:
    """Catch up with every source once, then exit; exit 1 if a source could not be read to its end."""
    settings = compose.load(chosen_config(config))
    configure_logging(settings.log.format, "error")  # what a source could not do stands in its line of the summary
    collect_seldom()
    with show_progress("importing") as report:
        summaries = asyncio.run(compose.import_once(settings, lambda now: report(now.landings, None)))
    if form == "json":
        write_json([asdict(summary) for summary in summaries])
    elif not summaries:
        print("no sources are configured: add one under `sources`")
    else:
        for each in summaries:
            print(
                f"{each.source}: {each.landings} landings, {each.intents} intents, {each.withdrawn} withdrawn, "
                f"{each.unreadable} unreadable in {span(each.seconds)}; at {each.tip or 'nothing'}"
                + (f"; FAILED: {each.error}" if each.error else "")
                + (f"; {DECLARES_NOTHING}" if not each.error and not each.targets else "")
            )
    return NO if any(each.error for each in summaries) else OK
