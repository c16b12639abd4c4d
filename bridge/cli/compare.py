"""``deploybridge compare``: how the two models did, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import click

from bridge.cli.asking import Answer, open_asking
from bridge.cli.compare_table import show_comparison
from bridge.cli.moments import Moment
from bridge.cli.options import chosen_origin, format_option, origin_options, target_options
from bridge.cli.terminal import note, output, write_json


@click.command("compare")
@click.option("--since", type=Moment(), help="Intents received then or later, e.g. 2026-08-21 or '7d ago'.")
@click.option("--until", type=Moment(), help="Intents received before this time.")
@target_options
@origin_options
@format_option
def command(*, since: datetime | None, until: datetime | None, form: str, **given: Any) -> None:  # noqa: ANN401 - click's options
    """Show how the two models did, side by side, each figure with its definition and what was left out."""
    report = asyncio.run(_ask(since, until, given))
    if form == "json":
        write_json(report)
    else:
        show_comparison(output(), report)
        if not any(model["intents"]["n"] for model in cast("dict[str, Any]", report["models"]).values()):
            note(
                "no intent was received in that range: `deploybridge events --kind intent.declared` shows when they were"
            )


async def _ask(since: datetime | None, until: datetime | None, given: Mapping[str, Any]) -> Answer:
    async with open_asking(chosen_origin(dict(given))) as asking:
        return await asking.compare(
            since=since, until=until, service=given["service"], environment=given["environment"]
        )  # fmt: skip
