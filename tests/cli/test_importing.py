"""``deploybridge import``: every source once, and an exit code that says whether all could be read."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.cli.conftest import CommandLine

CONFIG = """\
sources:
  - kind: git
    name: infra
    url: ./infra
    rules:
      - {{files: "{{environment}}/{{service}}.yaml", format: keys, tag: tag, repository: "ghcr.io/acme/{{service}}"}}
{more}"""
MISSING = """\
  - kind: git
    name: elsewhere
    url: ./nowhere
    rules:
      - {files: "{environment}/{service}.yaml", format: keys, tag: tag}
"""


@pytest.fixture
def infra(tmp_path: Path) -> Path:
    """A repository with two landings, on shop in production."""
    path = tmp_path / "infra"
    environ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=ana", "-c", "user.email=ana@example.org")
        subprocess.run(["git", "-C", str(path), *who, *arguments], check=True, env=environ)

    (path / "production").mkdir(parents=True)
    git("init", "--quiet", "--initial-branch=main")
    for tag in ("1.10", "1.11"):
        (path / "production" / "shop.yaml").write_text(f"tag: {tag}\n")
        git("add", "--all")
        git("commit", "--quiet", "--message", tag)
    return path


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """The verb sets logging up, as its process would."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()


def write_config(tmp_path: Path, more: str = "") -> Path:
    path = tmp_path / "infra.yaml"
    path.write_text(CONFIG.format(more=more))
    return path


@pytest.mark.usefixtures("infra")
def test_a_history_is_read_once_and_summed_up(command_line: CommandLine, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    ended = command_line("import", "-c", config)
    assert ended.code == 0
    assert "infra: 2 landings, 2 intents, 0 withdrawn, 0 unreadable in " in ended.out
    (again,) = command_line("import", "-c", config, "--format", "json").json
    assert (again["landings"], again["intents"], again["error"]) == (0, 0, None)
    (target,) = command_line("state", "-c", config, "--format", "json").json["targets"]
    assert target["declared"]["gitops"]["artifacts"][0]["tag"] == "1.11"
    assert "not observed" in command_line("state", "-c", config).out


@pytest.mark.usefixtures("infra")
def test_a_source_that_can_t_be_read_ends_with_1_and_the_others_go_on(
    command_line: CommandLine, tmp_path: Path
) -> None:
    ended = command_line("import", "-c", write_config(tmp_path, MISSING))
    assert ended.code == 1
    assert "infra: 2 landings, 2 intents" in ended.out
    (line,) = [line for line in ended.out.splitlines() if line.startswith("elsewhere: ")]
    assert "FAILED: " in line


@pytest.mark.usefixtures("infra")
def test_a_source_that_can_t_be_read_does_not_disturb_what_programs_read(
    command_line: CommandLine, tmp_path: Path
) -> None:
    ended = command_line("import", "-c", write_config(tmp_path, MISSING), "--format", "json")
    assert [(each["source"], each["error"] is None) for each in ended.json] == [("infra", True), ("elsewhere", False)]


def test_without_a_source_there_is_nothing_to_read_and_it_says_so(command_line: CommandLine, config: Path) -> None:
    assert command_line("import", "-c", config).out == "no sources are configured: add one under `sources`\n"


@pytest.mark.usefixtures("infra")
def test_rules_that_find_nothing_are_told_with_what_to_do(command_line: CommandLine, tmp_path: Path) -> None:
    config = tmp_path / "deploybridge.yaml"
    config.write_text(
        CONFIG.format(more="").replace("{environment}/{service}.yaml", "envs/{environment}/{service}.yaml")
    )
    answer = command_line("import", "-c", config)
    assert answer.code == 0
    assert "no file that its rules read declares an image" in answer.out
    assert "deploybridge discover" in answer.out
    config.write_text(CONFIG.format(more=""))
    for _ in range(2):  # also where nothing is new
        assert "discover" not in command_line("import", "-c", config).out
