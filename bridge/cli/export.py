"""``deploybridge export``: the log, or a part of it, in a file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from bridge.cli.asking import open_asking
from bridge.cli.options import chosen_origin, make_query, origin_options, query_options
from bridge.cli.terminal import note, show_progress
from bridge.errors import Refused


@click.command("export")
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "csv"]), required=True, help="JSON Lines (event/1) or CSV."
)
@click.option(
    "-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="Default: standard output."
)
@query_options
@origin_options
def command(*, form: str, target: Path | None, **given: Any) -> None:  # noqa: ANN401 - click's options
    """Write the log, or a part of it, streaming. A file appears under its name only when it is whole."""
    lines = asyncio.run(_export(form, target, given))
    if target is not None:
        note(f"{target}: {lines} lines")


async def _export(form: str, target: Path | None, given: dict[str, Any]) -> int:
    query, lines = make_query(given), 0
    async with open_asking(chosen_origin(given)) as asking:
        with _open_target(target) as file, show_progress("exporting") as report:
            async for chunk in asking.export(query, form):
                file.write(chunk)
                lines += chunk.count(b"\n")
                report(lines, None)
    return lines


@contextlib.contextmanager
def _open_target(target: Path | None) -> Iterator[BinaryIO]:
    if target is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise Refused(f"{target} can't be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
