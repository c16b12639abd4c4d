"""``deploybridge noise``: the same figures from a running bridge and from its log beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bridge.cli import noise_table
from bridge.domain.noise import CommitClass, Tally, TallyKey
from bridge.domain.noise_report import DEFINITIONS, NoiseReport
from tests.cli.conftest import CommandLine
from tests.support.git_reading import tag
from tests.support.git_repos import GitRepo

SHOP = "tags/production/shop"


def rule(name: str) -> str:
    return f"""
  - kind: git
    name: {name}
    url: ./{name}
    rules: [{{files: "tags/{{environment}}/{{service}}", format: keys, tag: tag}}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Two repositories: one with bumps by a bot in a side branch, one with none."""
    infra, docs = GitRepo(tmp_path / "infra"), GitRepo(tmp_path / "docs")
    infra.commit({SHOP: tag("v1"), "README": "hello\n"})
    infra.commit({SHOP: tag("v2")}, author="acme-ci")
    infra.git("checkout", "-q", "-b", "side")
    infra.commit({SHOP: tag("v3")}, author="Merged only")
    infra.git("checkout", "-q", "main")
    infra.merge("side")
    docs.commit({"README": "text\n"})
    path = tmp_path / "bridge.yaml"
    path.write_text(f"listen: 127.0.0.1:0\ndata_dir: ./data\nsources:{rule('infra')}{rule('docs')}", encoding="utf-8")
    return path


@pytest.fixture
def imported(command_line: CommandLine, config: Path) -> Path:
    assert command_line("import", "-c", config).code == 0
    return config


def test_the_figures_are_the_same_from_both_places(command_line: CommandLine, imported: Path, daemon: str) -> None:
    remote = command_line("noise", "--url", daemon, "--format", "json").json
    local = command_line("noise", "-c", imported, "--format", "json").json
    assert remote["overall"] == local["overall"]
    assert remote["sources"] == local["sources"]
    overall = remote["overall"]
    assert {kind: figures["commits"] for kind, figures in overall["classes"].items()} == {
        "bump_by_bot": 1, "bump_by_human": 1, "merge_of_bumps": 1, "mixed": 0, "other": 2
    }  # fmt: skip
    assert (overall["writers"]["n"], overall["writers"]["authors"]) == (3, 4)
    for origin in (("--url", daemon), ("-c", imported)):
        out = command_line("noise", *origin).out
        (row,) = [line.split() for line in out.splitlines() if line.startswith("noise ")]
        assert row == ["noise", "3", "60.0%", "2", "4"]
        assert "acme-ci (machine)" in out
        assert "3 could change the branches, 1 of them machines, 2 only to bump images; 4 wrote commits" in out


def test_one_source_can_be_asked_for(command_line: CommandLine, imported: Path) -> None:
    told = command_line("noise", "-c", imported, "--source", "docs", "--format", "json").json
    assert [(each["source"], each["commits"]) for each in told["sources"]] == [("docs", 1)]
    assert command_line("noise", "-c", imported, "--source", "docs").out.startswith(
        "Commits of docs in the weeks from "
    )


def test_what_was_not_counted_is_said_with_what_to_do(command_line: CommandLine, imported: Path) -> None:
    unknown = command_line("noise", "-c", imported, "--source", "nonesuch")
    assert (unknown.code, unknown.out) == (0, "")
    assert "`deploybridge noise` shows which sources there are" in unknown.err
    early = command_line("noise", "-c", imported, "--until", "2020-01-01")
    assert "`deploybridge noise` shows which weeks there are" in early.err


def test_a_bridge_without_sources_says_how_commits_get_counted(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bare.yaml").write_text("data_dir: ./bare\n", encoding="utf-8")
    assert command_line("import", "-c", "bare.yaml").code in {0, 2}
    (tmp_path / "docs.yaml").write_text(f"data_dir: ./bare\nsources:{rule('docs')}", encoding="utf-8")
    GitRepo(tmp_path / "docs").commit()
    text = (tmp_path / "docs.yaml").read_text(encoding="utf-8")
    (tmp_path / "docs.yaml").write_text(text + "    history: tip\n", encoding="utf-8")
    assert command_line("import", "-c", "docs.yaml").code == 0
    ended = command_line("noise", "-c", "docs.yaml")
    assert (ended.code, ended.out) == (0, "")
    assert "no commit was counted yet" in ended.err


def test_an_empty_range_is_refused(command_line: CommandLine, imported: Path, daemon: str) -> None:
    for origin in (("--url", daemon), ("-c", imported)):
        ended = command_line("noise", *origin, "--since", "2026-01-02", "--until", "2026-01-01")
        assert ended.code == 2
        assert "the range is empty" in ended.err


def test_compare_says_it_in_a_line(command_line: CommandLine, imported: Path) -> None:
    out = command_line("compare", "-c", imported).out
    assert "3 of 5 commits (60.0%), 4 of 7 lines" in out
    assert "2 commits, 3 lines" in out
    assert "by 3; 3 could change the branch (1 machines); the bridge only reads" in out


@pytest.mark.parametrize("width", [80, 140])
def test_every_line_fits_the_terminal(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        (f"a-repository-with-a-long-name-{n}", TallyKey(f"2026-0{n}-02", kind, f"dev {n}"), Tally(99_999, 9, 77_777_777))
        for n in range(1, 9)
        for kind in CommitClass
    ]  # fmt: skip
    report: dict[str, Any] = {**NoiseReport(rows).in_full(), "definitions": DEFINITIONS}
    noise_table.show_noise(Console(width=width, highlight=False), report)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert any("3,999,960" in line for line in lines)
