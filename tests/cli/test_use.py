"""How a call ends: help, wrong use, and a bridge that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.cli.app import VERBS
from tests.cli.conftest import CommandLine

NOBODY = "http://127.0.0.1:1"  # a port that needs root to listen on


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(command_line: CommandLine, verb: str) -> None:
    ended = command_line(verb, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"deploybridge {verb}" in ended.out


def test_the_version_is_that_of_the_package(command_line: CommandLine) -> None:
    assert command_line("--version").out.startswith("deploybridge 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("state", "--at", "yesterday"),
        ("state", "--format", "xml"),
        ("events", "--kind", "intent"),
        ("events", "--after", "-1"),
        ("events", "--limit", "1", "--follow"),
        ("intent", "shop", "production"),
        ("intent", "shop", "production", "ghcr.io/acme/shop"),
        ("intent", "a shop", "production", "ghcr.io/acme/shop:v1"),
        ("intent", "shop", "production", "ghcr.io/acme/shop:v1", "--wait", "10"),
        ("intent", "shop", "production", "ghcr.io/acme/shop:v1", "--label", "novalue"),
        ("export",),
        ("replay",),
        ("serve", "-c", "missing.yaml"),
        ("check",),
        ("state", "--url", "ftp://bridge"),
    ],
)
def test_wrong_use_ends_with_2_and_says_why_on_standard_error(
    command_line: CommandLine, arguments: tuple[str, ...]
) -> None:
    ended = command_line(*arguments)
    assert ended.code == 2
    assert ended.err
    assert not ended.out


@pytest.mark.parametrize(
    "arguments",
    [("state",), ("events",), ("events", "--follow"), ("compare",), ("noise",), ("export", "--format", "csv")],
)
def test_a_bridge_that_is_not_there_ends_with_3(command_line: CommandLine, arguments: tuple[str, ...]) -> None:
    ended = command_line(*arguments, "--url", NOBODY)
    assert ended.code == 3
    assert f"the bridge at {NOBODY} can't be reached: Connection refused" in ended.err


def test_check_names_every_error_and_ends_with_2(command_line: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text("mode: nope\nlisen: x\n")
    ended = command_line("check", "-c", path)
    assert ended.code == 2
    assert f"{path}:1: mode:" in ended.err
    assert f"{path}:2: lisen:" in ended.err
    assert "2 errors" in ended.err
    told = command_line("check", "-c", path, "--format", "json").json
    assert (told["ok"], len(told["errors"])) == (False, 2)


def test_check_of_a_right_configuration_ends_with_0(command_line: CommandLine, config: Path) -> None:
    assert command_line("check", "-c", config).code == 0
    told = command_line("check", "-c", config, "--format", "json").json
    assert told["ok"] is True
    assert len(told["digest"]) == 64


def test_the_schema_is_that_of_the_whole_configuration(command_line: CommandLine) -> None:
    schema = json.loads(command_line("schema").out)
    assert {"mode", "data_dir", "listen", "sources", "tokens"} <= schema["properties"].keys()
    assert "GitSourceSettings" in schema["$defs"]
    assert {"KubernetesObserverSettings", "GithubHookSettings"} <= schema["$defs"].keys()


def test_a_bridge_on_this_machine_is_never_asked_through_a_proxy(
    command_line: CommandLine, daemon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", NOBODY)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert command_line("state", "--url", daemon).code == 0
