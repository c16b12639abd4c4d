"""What a Git source may be told, and that no secret is ever shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.sources.git import GitSourceSettings
from adapters.sources.git.settings import Since
from bridge.redaction import RepoUrl, redact
from tests.support.git_reading import RULES, make_settings


@pytest.mark.parametrize(
    ("text", "scheme", "shown"),
    [
        ("https://git.example.org/acme/infra.git", "https", "https://git.example.org/acme/infra.git"),
        ("ssh://git@git.example.org:2222/infra.git", "ssh", "ssh://git.example.org:2222/infra.git"),
        ("git@git.example.org:acme/infra.git", "ssh", "git.example.org:acme/infra.git"),
        ("file:///srv/infra.git", "file", "file:///srv/infra.git"),
        ("/srv/infra.git", "file", "/srv/infra.git"),
        ("./infra.git", "file", "./infra.git"),
        ("infra", "file", "infra"),
    ],
)
def test_every_form_of_address_is_known_and_shown_without_its_user(text: str, scheme: str, shown: str) -> None:
    url = RepoUrl(text)
    assert (url.scheme, str(url), url.address) == (scheme, shown, text)
    assert repr(url) == f"RepoUrl({shown!r})"


@pytest.mark.parametrize(
    "text",
    [
        "https://ci:s3cret@git.example.org/infra.git",
        "https://s3cret@git.example.org/infra.git",
        "ssh://git:s3cret@git.example.org/infra.git",
        "https://git.example.org/infra.git?token=s3cret",
        "ext::sh -c s3cret",
        "ftp://git.example.org/s3cret",
        "",
        "https://git.example.org/a\nb-s3cret",
        "https://[bad/s3cret",
    ],
)
def test_an_address_with_a_secret_or_of_no_known_form_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        make_settings(text)
    assert "s3cret" not in str(raised.value)


def test_redaction_cuts_users_and_queries_out_of_any_text() -> None:
    text = "fetching https://ci:s3cret@h.org/x?token=s3cret failed, also ssh://s3cret@h/y"
    assert redact(text) == "fetching https://***@h.org/x?*** failed, also ssh://***@h/y"


def test_a_dump_of_the_settings_shows_no_user_and_no_secret() -> None:
    settings = make_settings("git@git.example.org:infra.git", {"credentials": {"password": {"env": "INFRA_TOKEN"}}})
    assert settings.model_dump(mode="json")["url"] == "git.example.org:infra.git"
    assert "git@" not in repr(settings)


def test_relative_paths_start_at_the_configuration_file(tmp_path: Path) -> None:
    raw = {
        "kind": "git",
        "name": "infra",
        "url": "../infra.git",
        "rules": RULES,
        "credentials": {"ssh_key": "keys/id", "password": {"file": "/run/token"}, "ca_file": "ca.pem"},
    }
    settings = GitSourceSettings.model_validate(raw, context={"directory": tmp_path})
    assert settings.url.local_path == tmp_path / "../infra.git"
    assert settings.credentials.ssh_key == tmp_path / "keys/id"
    assert settings.credentials.ca_file == tmp_path / "ca.pem"
    assert settings.credentials.password is not None
    assert settings.credentials.password.file == Path("/run/token")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_since_takes_a_date_or_a_time(written: str, read: datetime) -> None:
    settings = make_settings("/srv/infra", {"history": {"since": written}})
    assert settings.history == Since(since=read)


@pytest.mark.parametrize(
    "change",
    [
        {"branch": ""},
        {"branch": "a b"},
        {"branch": "refs/heads/main"},
        {"branch": "a*"},
        {"branch": "../x"},
        {"poll_interval": "500ms"},
        {"poll_interval": 30},
        {"history": "some"},
        {"history": {"since": "yesterday"}},
        {"history": {"since": "2026-01-31T12:00:00"}},
        {"rules": []},
        {"name": ""},
        {"password": "x"},
        {"credentials": {"password": "x"}},
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_settings("/srv/infra", change)


def test_a_name_from_a_branch_that_is_not_read_is_refused() -> None:
    rule = {"files": "*.yaml", "format": "manifests", "environment": {"from": "branch", "pattern": "env/{name}"}}
    with pytest.raises(ValidationError, match=r"the branch 'main' does not match 'env/\{name\}'"):
        make_settings("/srv/infra", {"rules": [rule]})
    for branch in ("env/prod", "env/{stage}"):
        make_settings("/srv/infra", {"rules": [rule], "branch": branch})


def test_the_json_schema_can_be_made() -> None:
    schema = GitSourceSettings.model_json_schema()
    assert schema["properties"]["url"]["type"] == "string"
