"""Where a verb reads from: the nearest word wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cli.origin import DEFAULT_URL, Origin, find_origin
from bridge.errors import Refused

ENVIRON = {"DEPLOYBRIDGE_URL": "https://bridge.example.org/", "DEPLOYBRIDGE_CONFIG": "/etc/bridge.yaml"}


def find(
    here: Path, *, url: str | None = None, config: Path | None = None, token_file: Path | None = None, **environ: str
) -> Origin:
    return find_origin(url=url, config=config, token_file=token_file, environ=environ, here=here)


def test_a_url_option_wins_over_everything(tmp_path: Path) -> None:
    assert find(tmp_path, url="http://x:1", config=Path("c.yaml"), **ENVIRON) == Origin(url="http://x:1")


def test_a_configuration_option_wins_over_the_environment(tmp_path: Path) -> None:
    assert find(tmp_path, config=Path("c.yaml"), **ENVIRON) == Origin(config=Path("c.yaml"))


def test_the_environment_s_url_wins_over_its_configuration(tmp_path: Path) -> None:
    assert find(tmp_path, **ENVIRON) == Origin(url="https://bridge.example.org")


def test_the_environment_s_configuration_wins_over_the_file_here(tmp_path: Path) -> None:
    (tmp_path / "deploybridge.yaml").write_text("")
    assert find(tmp_path, DEPLOYBRIDGE_CONFIG="/etc/bridge.yaml") == Origin(config=Path("/etc/bridge.yaml"))


def test_the_file_here_wins_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "deploybridge.yaml").write_text("")
    assert find(tmp_path) == Origin(config=tmp_path / "deploybridge.yaml")


def test_with_nothing_said_the_local_bridge_is_asked(tmp_path: Path) -> None:
    assert find(tmp_path) == Origin(url=DEFAULT_URL)


@pytest.mark.parametrize(
    "url", ["bridge.example.org", "ftp://bridge", "http://", "http://user:pw@bridge", "http://b?token=x"]
)
def test_what_is_no_url_of_a_bridge_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(Refused) as caught:
        find(tmp_path, url=url)
    assert "pw" not in str(caught.value)
    assert "token=x" not in str(caught.value)


def test_a_token_comes_from_its_file_or_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    assert find(tmp_path, DEPLOYBRIDGE_TOKEN="from-environment").token == "from-environment"
    origin = find(tmp_path, token_file=file, DEPLOYBRIDGE_TOKEN="from-environment")
    assert origin.token == "from-file"
    assert "from-file" not in repr(origin)


@pytest.mark.parametrize("content", ["", "two words", "two\nlines"])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    with pytest.raises(Refused, match="holds no token"):
        find(tmp_path, token_file=file)
    with pytest.raises(Refused, match="can't be read: No such file"):
        find(tmp_path, token_file=tmp_path / "missing")
