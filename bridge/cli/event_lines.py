"""One event as one line of fixed columns, so that a list and a live log look the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from bridge.cli.terminal import cell, short_artifact, short_time, span
from bridge.domain.events import EventKind

_POSITION, _TIME, _KIND = 7, 19, 22  # widths; the longest kind has 22 characters
_NARROW = 110  # columns; below it the date is left out
_REVISION = 12  # characters of one; enough to recognise it
_LEAST = 20  # columns a summary gets at least
_WARNINGS = frozenset(
    {EventKind.DEPLOYMENT_LATE, EventKind.SOURCE_LOST, EventKind.SOURCE_REWRITTEN, EventKind.MODELS_DIVERGED}
)
_BAD = frozenset(
    {EventKind.DEPLOYMENT_FAILED, EventKind.DEPLOYMENT_MISSED, EventKind.DEPLOYMENT_OUT_OF_BAND, EventKind.DRIFT_OPENED}
)
# Where an actor is news; a conclusion repeats its intent's.
_ACTS = frozenset({EventKind.INTENT_DECLARED, EventKind.INTENT_WITHDRAWN, EventKind.DEPLOYMENT_OUT_OF_BAND})


def print_header(console: Console) -> None:
    """The names of the columns."""
    time = "received (UTC)"[: _time_width(console)]
    head = f"{'position':>{_POSITION + 1}} {time:<{_time_width(console)}} {'kind':<{_KIND}} target: what"
    console.print(Text(head, style="bold"), soft_wrap=True)


def print_line(console: Console, event: Mapping[str, Any]) -> None:
    """The event; what doesn't fit goes on below the last column."""
    time = short_time(event["received_at"])[-_time_width(console) :]
    left = f"{event['position']:>{_POSITION + 1}} {time} "
    indent = len(left) + _KIND + 1
    line = Text(left, style="dim")
    line.append(f"{event['kind']:<{_KIND}} ", _style(event["kind"]))
    width = max(console.width - indent, _LEAST)
    for number, part in enumerate(cell(summarise(event)).wrap(console, width, overflow="fold")):
        if number:
            line.append("\n" + " " * indent)
        part.rstrip()
        line.append_text(part)
    console.print(line, soft_wrap=True)


def summarise(event: Mapping[str, Any]) -> str:
    """Target, artifacts and what the kind is about, in a few words."""
    where = f"{event['environment']}/{event['service']}" if event["service"] else ""
    what = " ".join(short_artifact(each) for each in event["artifacts"])
    told = event["details"].get("revision") or (event["source"] or {}).get("revision")
    if event["kind"] == EventKind.OBSERVATION_REPORTED and not what and isinstance(revision := told, str):
        what = f"revision {revision[:_REVISION]}"
    words = [f"{where}:" if where else "", what, *_particulars(event)]
    return " ".join(word for word in words if word)


def _particulars(event: Mapping[str, Any]) -> list[str]:
    details, source = event["details"], event["source"] or {}
    words = []
    if phase := details.get("phase"):
        words.append(str(phase))
    if isinstance(lead := details.get("lead_seconds"), int | float):
        words.append(f"after {span(lead)}")
    words += [f"({flag})" for flag in ("late", "missed", "already_running") if details.get(flag) is True]
    words += [f"({reason})" for key in ("reason", "unreadable") if isinstance(reason := details.get(key), str)]
    if event["kind"].startswith(("intent.", "models.")) and event["model"]:
        words.append(f"[{event['model']}]")
    if event["kind"].startswith("source."):
        words.append(f"{source.get('kind')} {source.get('name')} {source.get('path') or ''}".rstrip())
    if event["actor"] and event["kind"] in _ACTS:
        words.append(f"by {event['actor']}")
    if event["backfilled"]:
        words.append("(from history)")
    return [word.replace("_", " ") if word.startswith("(") else word for word in words]


def _time_width(console: Console) -> int:
    return 8 if console.width < _NARROW else _TIME


def _style(kind: str) -> str:
    if kind in _BAD:
        return "red"
    if kind in _WARNINGS:
        return "yellow"
    return "green" if kind == EventKind.DEPLOYMENT_SUCCEEDED else ""
