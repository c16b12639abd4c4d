"""``deploybridge events``: the log, as it is and as it grows."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import click
import msgspec

from bridge.cli.asking import Asking, EventsPage, open_asking
from bridge.cli.event_lines import print_header, print_line
from bridge.cli.options import chosen_origin, format_option, make_query, origin_options, query_options
from bridge.cli.terminal import note, output, write_bytes, write_json
from bridge.ports import EventQuery

_PAGE = 1000  # records a call: the most the API gives
_DEFAULT = 100  # records shown where nobody says how many
_BEFORE = 10  # records shown before following begins, as tail does


@click.command("events")
@query_options
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help=f"The first N of them; default: {_DEFAULT}.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="The newest N of them instead.")
@click.option("-f", "--follow", is_flag=True, help="Then show each new one as it is appended, until Ctrl-C.")
@origin_options
@format_option
def command(*, limit: int | None, last: int | None, follow: bool, form: str, **given: Any) -> None:  # noqa: ANN401 - click's options
    """Read the log in its order, and perhaps follow it (from the last 10 positions on, unless told otherwise)."""
    if limit and (last or follow):
        raise click.UsageError("--limit stops after the first N: use it without --last and --follow")
    if follow and given["until"]:
        raise click.UsageError("--to ends in the past or at a time: use it without --follow")
    query = make_query(given)
    if follow:
        asyncio.run(_follow(query, begin=given["after"], last=last, form=form, given=given))
    else:
        asyncio.run(_list(query, limit=limit, last=last, form=form, given=given))


async def _list(query: EventQuery, *, limit: int | None, last: int | None, form: str, given: dict[str, Any]) -> None:
    async with open_asking(chosen_origin(given)) as asking:
        page = await _read_last(asking, query, last) if last else await _read_first(asking, query, limit or _DEFAULT)
    if form == "json":
        write_json(
            {"events": [msgspec.Raw(r) for r in page.records], "next": page.next, "last_position": page.last_position}
        )
        return
    if not page.records:
        if page.last_position:
            note(f"none of the {page.last_position} events in the log matches")
        else:
            note("the log is empty: add a source, declare with `deploybridge intent`, or POST /api/v1/observations")
        return
    console = output()
    print_header(console)
    for record in page.records:
        print_line(console, msgspec.json.decode(record))
    if page.next is not None:
        note(f"there are more: go on with --after {page.next}, or see the newest with --last {limit or _DEFAULT}")


async def _read_first(asking: Asking, query: EventQuery, limit: int) -> EventsPage:
    records: list[bytes] = []
    while True:
        page = await asking.events(query, min(limit - len(records), _PAGE))
        records += page.records
        if page.next is None or len(records) >= limit:
            return EventsPage(records, page.next, page.last_position)
        query = replace(query, after=page.next)


async def _read_last(asking: Asking, query: EventQuery, last: int) -> EventsPage:
    newest: deque[bytes] = deque(maxlen=last)
    if query == EventQuery(after=query.after):  # nothing is filtered out: the place to begin is known
        page = await asking.events(query, 1)
        query = replace(query, after=max(query.after, page.last_position - last))
    while True:
        page = await asking.events(query, _PAGE)
        newest.extend(page.records)
        if page.next is None:
            return EventsPage(list(newest), None, page.last_position)
        query = replace(query, after=page.next)


async def _follow(query: EventQuery, *, begin: int | None, last: int | None, form: str, given: dict[str, Any]) -> None:
    async with open_asking(chosen_origin(given)) as asking:
        if begin is None and query.since is None:
            page = await asking.events(query, 1)
            query = replace(query, after=max(0, page.last_position - (last or _BEFORE)))
        console = output()
        if form == "table":
            print_header(console)
        async with aclosing(asking.follow(query)) as records:
            async for record in records:
                if form == "json":
                    write_bytes(record + b"\n")
                else:
                    print_line(console, msgspec.json.decode(record))
