"""``deploybridge state``: what each target ran, and was meant to run, at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
from rich.text import Text

from bridge.cli.asking import Answer, open_asking
from bridge.cli.moments import Moment
from bridge.cli.options import chosen_origin, format_option, origin_options, target_options
from bridge.cli.terminal import cell, make_table, note, output, short_artifacts, short_time, since, write_json
from bridge.domain.times import parse_time


@click.command("state")
@click.option("--at", type=Moment(), help="The time asked about; default: now.")
@click.option("--known-at", type=Moment(), help="Only what the bridge had learned by then; default: now.")
@target_options
@origin_options
@format_option
def command(*, at: datetime | None, known_at: datetime | None, form: str, **given: Any) -> None:  # noqa: ANN401 - click's options
    """Show what each target ran, and was meant to run, at a time."""
    answer = asyncio.run(_ask(at, known_at, given))
    if form == "json":
        write_json(answer)
        return
    targets = answer["targets"]
    assert isinstance(targets, list)
    if not targets:
        note(_nothing(at, known_at, given))
        return
    _show(targets, answer)


async def _ask(at: datetime | None, known_at: datetime | None, given: Mapping[str, Any]) -> Answer:
    async with open_asking(chosen_origin(dict(given))) as asking:
        return await asking.state(
            at=at, known_at=known_at, service=given["service"], environment=given["environment"]
        )  # fmt: skip


def _show(targets: list[dict[str, Any]], answer: Answer) -> None:
    now = parse_time(str(answer["at"]))
    table = make_table("environment", "service", "running", "since", "declared", "in sync")
    for target in targets:
        running = target["running"]
        table.add_row(
            cell(target["environment"]),
            cell(target["service"]),
            _running(target),
            cell(since(running["since"], now) if running else ""),
            _declared(target),
            _in_sync(target, now),
        )
    output().print(table)
    note(f"at {short_time(answer['at'])} UTC; {len(targets)} {'target' if len(targets) == 1 else 'targets'}")


def _running(target: Mapping[str, Any]) -> Text:
    if target["running"] is None:
        text = cell("gone" if target["observed"] else "not observed", "dim")
    else:
        text = cell(short_artifacts(target["running"]["artifacts"]))
    if rollout := target["rollout"]:
        style = "red" if rollout["phase"] == "failed" else "yellow"
        text.append_text(cell(f"\n{rollout['phase']}: {short_artifacts(rollout['artifacts'])}", style))
    return text


def _declared(target: Mapping[str, Any]) -> Text:
    """What the models declare: once where they agree, else one line each, the one that governs first."""
    standing = {model: declared for model, declared in target["declared"].items() if declared}
    if not standing:
        return cell("nothing", "dim")
    text = _standing(target, standing)
    for place in target.get("disputed") or ():
        text.append_text(cell(f"\ndisputed: {place['artifact']} in {place['path']}", "yellow"))
    return text


def _standing(target: Mapping[str, Any], standing: Mapping[str, Any]) -> Text:
    if target["models_agree"] and len(standing) > 1:
        return cell(f"{short_artifacts(next(iter(standing.values()))['artifacts'])} (both)")
    governing = target["governed_by"]
    in_order = sorted(standing, key=lambda model: model != governing)
    marks = {model: model if model == governing else f"{model}, shadow" for model in in_order}
    return cell("\n".join(f"{short_artifacts(standing[model]['artifacts'])} ({marks[model]})" for model in in_order))


def _in_sync(target: Mapping[str, Any], now: datetime) -> Text:
    if target["drift"]:
        return cell(f"drift {since(target['drift']['since'], now)}", "red")
    if target["in_sync"] is None:
        return cell("unknown", "dim")
    return cell("yes", "green") if target["in_sync"] else cell("no", "yellow")


def _nothing(at: datetime | None, known_at: datetime | None, given: Mapping[str, Any]) -> str:
    if given["service"] or given["environment"]:
        return "no such target is in the log at that time: `deploybridge state` without filters lists all"
    if at or known_at:
        return (
            "nothing was declared or observed by that time: `deploybridge events --limit 1` shows where the log begins"
        )
    return "nothing is in the log yet: add a source, declare with `deploybridge intent`, or POST /api/v1/observations"
