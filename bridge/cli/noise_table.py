"""Commit noise for people: the classes, the sources, the newest weeks, who could write, and what the words mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bridge.cli.terminal import cell, make_table, show_definitions

_NEWEST_WEEKS = 12
_FIRST_NAMES = 10
_FIGURES = ("commits", "share", "landings", "lines")
# Each class under what it counts towards.
_ROWS = (
    ("noise", "noise"),
    ("  bumps by machines", "bump_by_bot"),
    ("  bumps by people", "bump_by_human"),
    ("  merges of bumps", "merge_of_bumps"),
    ("without noise", "without_noise"),
    ("  mixed", "mixed"),
    ("  other", "other"),
)

Report = Mapping[str, Any]


def show_noise(console: Console, report: Report) -> None:
    """Print the whole report, which counted something."""
    overall = report["overall"]
    console.print(cell(_title(overall, report["sources"]), "bold"))
    console.print()
    console.print(_classes(overall))
    if len(report["sources"]) > 1:
        console.print()
        console.print(_sources(report["sources"]))
    console.print()
    console.print(_weeks(overall["weeks"]))
    console.print()
    branches = "the branch" if len(report["sources"]) == 1 else "the branches"
    _show_writers(console, overall["writers"], branches)
    show_definitions(console, report["definitions"])


def describe_noise(overall: Report) -> str:
    """The figures in one line: ``2,014 of 4,091 commits (49.2%), 4,028 of 22,520 lines``."""
    noise = overall["noise"]
    of_all = f"{noise['commits']:,} of {overall['commits']:,} commits ({share(noise['share'])})"
    return f"{of_all}, {noise['lines']:,} of {overall['lines']:,} lines"


def share(part: float | None) -> str:
    """A share in percent; ``-`` where it is of nothing."""
    return "-" if part is None else f"{part:.1%}"


def _title(overall: Report, sources: Sequence[Report]) -> str:
    names = sources[0]["source"] if len(sources) == 1 else f"{len(sources)} sources"
    return f"Commits of {names} in the weeks from {overall['first_week']} to {overall['last_week']}"


def _classes(overall: Report) -> Table:
    table = make_table("", *_FIGURES, right=_FIGURES)
    _add(table, "all commits", overall)
    for label, key in _ROWS:
        _add(table, label, overall[key] if key in overall else overall["classes"][key])
    return table


def _add(table: Table, label: str, figures: Report) -> None:
    counts = (f"{figures[name]:,}" for name in ("landings", "lines"))
    table.add_row(cell(label), cell(f"{figures['commits']:,}"), cell(share(figures["share"])), *map(cell, counts))


def _sources(sources: Sequence[Report]) -> Table:
    """Those with the most noise first."""
    columns = ("commits", "noise", "share", "without noise", "could write")
    table = make_table("source", *columns, right=columns)
    for each in sorted(sources, key=lambda each: (-each["noise"]["commits"], each["source"])):
        counts = (each["commits"], each["noise"]["commits"])
        table.add_row(
            cell(each["source"]),
            *(cell(f"{count:,}") for count in counts),
            cell(share(each["noise"]["share"])),
            cell(f"{each['without_noise']['commits']:,}"),
            cell(f"{each['writers']['n']:,}"),
        )
    return table


def _weeks(weeks: Sequence[Report]) -> Table:
    newest = weeks[-_NEWEST_WEEKS:]
    columns = ("machines", "people", "merges", "mixed", "other", "noise")
    title = "week" if len(newest) == len(weeks) else f"newest {len(newest)} of {len(weeks)} weeks"
    table = make_table(title, *columns, right=columns)
    for week in newest:
        counts = [week[key] for key in ("bump_by_bot", "bump_by_human", "merge_of_bumps", "mixed", "other")]
        part = sum(counts[:3]) / sum(counts)
        table.add_row(cell(week["week"]), *(cell(f"{count:,}") for count in counts), cell(share(part)))
    return table


def _show_writers(console: Console, writers: Report, branches: str) -> None:
    said = f"{writers['n']:,} could change {branches}, {writers['machines']:,} of them machines"
    if writers["only_bumps"]:
        said += f", {writers['only_bumps']:,} only to bump images"
    console.print(cell(f"{said}; {writers['authors']:,} wrote commits."))
    columns = ("landings", "commits", "noise")
    table = make_table("author", *columns, right=columns)
    for each in writers["names"][:_FIRST_NAMES]:
        mark = " (machine)" if each["machine"] else ""
        table.add_row(cell(each["author"] + mark), *(cell(f"{each[name]:,}") for name in columns))
    hidden = writers["n"] - len(writers["names"][:_FIRST_NAMES])
    if hidden:
        table.add_row(cell(f"and {hidden:,} more", "dim"), "", "", "")
    if writers["n"]:
        console.print(table)
