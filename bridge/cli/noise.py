"""``deploybridge noise``: which share of the infra history is image bumps, and who could write it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import click

from bridge.cli.asking import Answer, open_asking
from bridge.cli.moments import Moment
from bridge.cli.noise_table import show_noise
from bridge.cli.options import chosen_origin, format_option, origin_options
from bridge.cli.terminal import note, output, write_json


@click.command("noise")
@click.option("--since", type=Moment(), help="Weeks whose Monday is then or later, e.g. 2026-08-17 or '90d ago'.")
@click.option("--until", type=Moment(), help="Weeks whose Monday is before this time.")
@click.option("--source", metavar="NAME", help="Only this source.")
@origin_options
@format_option
def command(*, since: datetime | None, until: datetime | None, form: str, **given: Any) -> None:  # noqa: ANN401 - click's options
    """Show which share of the infra history says nothing but which image runs where, and who could write it."""
    report = asyncio.run(_ask(since, until, given))
    if form == "json":
        write_json(report)
    elif cast("dict[str, Any]", report["overall"])["commits"]:
        show_noise(output(), report)
    else:
        note(_nothing(since, until, given["source"]))


async def _ask(since: datetime | None, until: datetime | None, given: Mapping[str, Any]) -> Answer:
    async with open_asking(chosen_origin(dict(given))) as asking:
        return await asking.noise(since=since, until=until, source=given["source"])


def _nothing(since: datetime | None, until: datetime | None, source: str | None) -> str:
    if since or until:
        return "no commit was counted in a week whose Monday is in that range: `deploybridge noise` shows which weeks there are"
    if source:
        return f"no commit of a source {source!r} was counted: `deploybridge noise` shows which sources there are"
    return "no commit was counted yet: add a Git source, then `deploybridge import` or `deploybridge serve`"
