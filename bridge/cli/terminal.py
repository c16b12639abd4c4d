"""Writing for people: tables on standard output, notes and progress on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from bridge.domain.times import parse_time

_PIPED_WIDTH = 200  # columns where there is no terminal: nothing is cut, and lines stay lines
_SHORT_DIGEST = 12  # hex digits, as git and docker abbreviate
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))

Steps = Callable[[int, int | None], None]  # (done, total or None) as long work goes on


def output() -> Console:
    """Standard output, as wide as the terminal; wide where there is none."""
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def note(text: str) -> None:
    """A line for the person, on standard error, so that it never mixes with the answer."""
    print(text, file=sys.stderr)


def make_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table whose cells fold rather than lose their ends."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in right else "left")
    return table


def cell(value: object, style: str = "") -> Text:
    """Text from outside, made harmless: control characters, which could steer the terminal, are shown as ``?``."""
    text = "" if value is None else str(value)
    return Text("".join(char if char.isprintable() or char == "\n" else "?" for char in text), style=style)


def show_definitions(console: Console, definitions: Mapping[str, str], *, unused: Container[str] = ()) -> None:
    """What the words of a report mean, by their versioned names."""
    console.print(Text("\nWhat the words mean", style="bold"))
    for name, meaning in definitions.items():
        if name not in unused:
            console.print(cell(name, "dim"))
            for line in cell(meaning).wrap(console, console.width - 2):
                line.rstrip()
                console.print(Text("  ").append_text(line))


def write_json(value: object) -> None:
    """One JSON document: in lines on a terminal, in one line for programs."""
    text = msgspec.json.encode(value)
    if sys.stdout.isatty():
        text = msgspec.json.format(text, indent=2)
    write_bytes(text + b"\n")


def write_bytes(data: bytes) -> None:
    """Bytes as they are, on standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def short_artifact(artifact: Mapping[str, object]) -> str:
    """``shop:v2`` or ``shop@d1e2f3a4b5c6``: enough to tell versions apart."""
    repository, tag, digest = artifact.get("repository"), artifact.get("tag"), artifact.get("digest")
    name = str(repository or "").rpartition("/")[2]
    if tag:
        return f"{name}:{tag}"
    return f"{name}@{str(digest).partition(':')[2][:_SHORT_DIGEST]}"


def short_artifacts(artifacts: object) -> str:
    """All of a bundle, one a line."""
    return "\n".join(short_artifact(each) for each in artifacts) if isinstance(artifacts, list) else ""


def short_time(text: object) -> str:
    """``2026-08-21 16:40:39``, UTC."""
    return str(text)[:19].replace("T", " ") if text else ""


def span(seconds: object) -> str:
    """``12.3s``, ``5m 3s``, ``2h 10m``, ``3d 4h``; two units are enough."""
    if not isinstance(seconds, int | float):
        return "-"
    if abs(seconds) < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f}s"
    sign, left = "-" if seconds < 0 else "", round(abs(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        if left >= size or parts:
            parts.append(f"{left // size}{unit}")
            left %= size
    return sign + " ".join(parts[:2])


def since(text: object, now: datetime) -> str:
    """How long ago, in the largest unit."""
    if not isinstance(text, str):
        return ""
    seconds = int((now - parse_time(text)).total_seconds())
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return "now"


@contextmanager
def show_progress(what: str) -> Iterator[Steps]:
    """A bar on standard error where that is a terminal, nothing elsewhere; the caller reports (done, total)."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def report(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield report
