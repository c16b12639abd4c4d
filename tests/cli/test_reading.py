"""The verbs that read give the same answers from a running bridge and from its log beside it."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bridge.cli.event_lines import print_line
from tests.cli.conftest import CommandLine

Report = Callable[..., None]


@pytest.fixture
def report(daemon: str) -> Report:
    """POSTs to the daemon."""

    def post(path: str, service: str, image: str, **more: Any) -> None:
        body = {"service": service, "environment": "production", "artifacts": [image], **more}
        request = urllib.request.Request(  # noqa: S310 - our own daemon
            f"{daemon}/api/v1/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            assert answer.status in {200, 201}

    return post


@pytest.fixture
def deployed(report: Report, daemon: str, config: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A bridge that saw one deployment; the two ways to ask it."""
    report("observations", "shop", "ghcr.io/acme/shop:v1")
    report("intents", "shop", "ghcr.io/acme/shop:v2", reason="release", requested_by="ana")
    report("observations", "shop", "ghcr.io/acme/shop:v2")
    return ("--url", daemon), ("-c", str(config))


def test_state_shows_what_runs_and_what_was_declared(command_line: CommandLine, deployed: Any) -> None:
    remote, local = deployed
    for origin in (remote, local):
        (target,) = command_line("state", *origin, "--format", "json").json["targets"]
        assert target["running"]["artifacts"][0]["tag"] == "v2"
        assert target["in_sync"] is True
    table = command_line("state", *remote).out
    assert "shop:v2 (api)" in table
    assert "yes" in table


def test_state_at_an_earlier_time_knows_nothing_and_says_so(command_line: CommandLine, deployed: Any) -> None:
    for origin in deployed:
        ended = command_line("state", *origin, "--at", "1h ago")
        assert (ended.code, ended.out) == (0, "")
        assert "nothing was declared or observed by that time" in ended.err


def test_state_of_an_unknown_target_says_what_to_do(command_line: CommandLine, deployed: Any) -> None:
    ended = command_line("state", *deployed[0], "--service", "nonesuch")
    assert "`deploybridge state` without filters lists all" in ended.err


def test_events_are_the_same_from_both_places(command_line: CommandLine, deployed: Any) -> None:
    remote, local = (command_line("events", *origin, "--format", "json").json for origin in deployed)
    assert remote == local
    assert [event["kind"] for event in remote["events"]][-3:] == [
        "intent.declared",
        "observation.reported",
        "deployment.succeeded",
    ]
    assert remote["last_position"] == remote["events"][-1]["position"]


def test_events_can_be_filtered_and_paged(command_line: CommandLine, deployed: Any) -> None:
    for origin in deployed:
        told = command_line(
            "events", *origin, "--kind", "observation.reported", "--limit", "1", "--format", "json"
        ).json
        assert [event["kind"] for event in told["events"]] == ["observation.reported"]
        after = str(told["next"])
        rest = command_line(
            "events", *origin, "--kind", "observation.reported", "--after", after, "--format", "json"
        ).json
        assert len(rest["events"]) == 1
        assert rest["next"] is None


def test_the_newest_events_can_be_asked_for(command_line: CommandLine, deployed: Any) -> None:
    for origin in deployed:
        everything = command_line("events", *origin, "--format", "json").json["events"]
        assert command_line("events", *origin, "--last", "2", "--format", "json").json["events"] == everything[-2:]
        model = command_line("events", *origin, "--last", "1", "--model", "api", "--format", "json").json["events"]
        assert model == [event for event in everything if event["model"] == "api"][-1:]


def test_the_table_of_events_says_who_and_what(command_line: CommandLine, deployed: Any) -> None:
    table = command_line("events", *deployed[0]).out
    assert "production/shop: shop:v2 (release) [api] by ana" in table
    assert "deployment.succeeded   production/shop: shop:v2 after" in table


def test_text_from_outside_can_t_steer_the_terminal() -> None:
    out = io.StringIO()
    event = {"position": 1, "received_at": "2026-08-21T16:40:39.000000Z", "kind": "intent.declared", "model": "gitops"}
    event |= {"service": "shop", "environment": "production", "artifacts": [], "source": None, "details": {}}
    print_line(Console(file=out, width=100), event | {"actor": "ana\x1b[2J\x9b", "backfilled": False})
    assert "by ana?[2J?" in out.getvalue()


def test_an_empty_match_says_so(command_line: CommandLine, deployed: Any) -> None:
    ended = command_line("events", *deployed[0], "--kind", "drift.opened")
    assert (ended.code, ended.out) == (0, "")
    assert "events in the log matches" in ended.err


def test_compare_puts_the_models_side_by_side(command_line: CommandLine, deployed: Any) -> None:
    remote, local = deployed
    assert command_line("compare", *remote, "--format", "json").json["models"]["api"]["intents"]["n"] == 1
    for origin in (remote, local):
        out = command_line("compare", *origin).out
        (row,) = [line.split() for line in out.splitlines() if line.strip().startswith("succeeded")]
        assert row == ["succeeded", "0", "1"]
        assert "What the words mean" in out


def test_compare_of_an_empty_range_says_so(command_line: CommandLine, deployed: Any) -> None:
    ended = command_line("compare", *deployed[0], "--until", "1h ago")
    assert "no intent was received in that range" in ended.err
    assert command_line("compare", *deployed[1], "--since", "1h ago", "--until", "2h ago").code == 2


def test_an_export_is_the_log_line_by_line(command_line: CommandLine, deployed: Any, tmp_path: Path) -> None:
    remote, local = deployed
    lines = command_line("export", "--format", "jsonl", *remote).out
    assert lines == command_line("export", "--format", "jsonl", *local).out
    positions = [json.loads(line)["position"] for line in lines.splitlines()]
    assert positions == list(range(1, len(positions) + 1))
    target = tmp_path / "log.csv"
    assert command_line("export", "--format", "csv", "-o", target, *local).code == 0
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert [int(row["position"]) for row in rows] == positions


def test_a_file_that_can_t_be_written_ends_with_2(command_line: CommandLine, deployed: Any, tmp_path: Path) -> None:
    ended = command_line("export", "--format", "csv", "-o", tmp_path / "missing" / "log.csv", *deployed[1])
    assert ended.code == 2
    assert "can't be written: No such file or directory" in ended.err


def test_a_log_that_is_whole_is_proved_beside_its_writer(command_line: CommandLine, deployed: Any) -> None:
    told = command_line("verify", *deployed[1], "--format", "json").json
    assert told["ok"] is True
    assert told["events"] == command_line("events", *deployed[1], "--format", "json").json["last_position"]
    assert command_line("replay", "--check", *deployed[1]).out.startswith("ok: ")


def test_a_log_that_was_tampered_with_ends_with_1(command_line: CommandLine, config: Path, tmp_path: Path) -> None:
    assert command_line("import", "-c", config).code == 0
    with sqlite3.connect(tmp_path / "data" / "log.sqlite") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        changed = database.execute("UPDATE events SET body = replace(body, 'start', 'other')").rowcount
    assert changed == 1
    database.close()
    ended = command_line("verify", "-c", config)
    assert ended.code == 1
    assert ended.out.startswith("broken at position 1: ")


def test_a_log_that_is_not_there_is_no_answer(command_line: CommandLine, config: Path) -> None:
    ended = command_line("state", "-c", config)
    assert ended.code in {2, 3}
    assert "log.sqlite" in ended.err
