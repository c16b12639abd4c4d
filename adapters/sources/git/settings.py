"""What a Git source is told: where the repository is, how to sign in, how far back to read, and the rules of declaring."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    field_validator,
)

from adapters.sources.git.branch_names import BranchNames
from bridge.domain.times import format_time, parse_time
from bridge.formats.configuration import Duration, SecretRef, SettingsModel
from bridge.formats.declarations.rule_settings import rules_of_branches
from bridge.formats.declarations.rules import RuleSettings
from bridge.redaction import RepoUrl

_SHORTEST_POLL = timedelta(seconds=1)  # a local repository is watched anyway; a server should not be hammered


def _read_since(value: object) -> datetime:
    if isinstance(value, datetime):
        return parse_time(value.isoformat())
    if isinstance(value, date):
        return datetime.combine(value, time.min, UTC)
    if isinstance(value, str):
        try:
            return datetime.combine(date.fromisoformat(value), time.min, UTC)
        except ValueError:
            return parse_time(value)
    msg = "expected a date such as 2026-01-31 (its start in UTC) or an RFC 3339 time"
    raise ValueError(msg)


class Since(SettingsModel):
    """Read the history from a moment on; the state just before it is declared first."""

    since: Annotated[
        datetime, BeforeValidator(_read_since), WithJsonSchema({"type": "string", "examples": ["2026-01-31"]})
    ] = Field(description="a date (its start in UTC) or an RFC 3339 time")


class Credentials(SettingsModel):
    """How to sign in. Secrets are named by file or environment variable, never written here."""

    username: str | None = Field(
        default=None, description="for https; by default `git`, which hosts accept with a token"
    )
    password: SecretRef | None = Field(default=None, description="password or token for https")
    ssh_key: Path | None = Field(default=None, description="private key file; by default the SSH agent is asked")
    ssh_passphrase: SecretRef | None = Field(default=None, description="the key's passphrase, if it has one")
    known_hosts: Path | None = Field(
        default=None, description="host keys to trust besides ~/.ssh/known_hosts; added for the whole process"
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities for https; replaces the system's for the whole process",
    )

    @field_validator("ssh_key", "known_hosts", "ca_file")
    @classmethod
    def _locate(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        return None if path is None else _directory(info) / path.expanduser()

    @field_validator("password", "ssh_passphrase")
    @classmethod
    def _locate_secret(cls, secret: SecretRef | None, info: ValidationInfo) -> SecretRef | None:
        if secret is None or secret.file is None:
            return secret
        return secret.model_copy(update={"file": _directory(info) / secret.file.expanduser()})


class RepositorySettings(SettingsModel):
    """Where a repository is and which of its branches are meant, and how to sign in."""

    name: str = Field(
        min_length=1, max_length=100, description="the source's name in the log; keep it, the cursor hangs on it"
    )
    url: RepoUrl = Field(
        description="https, ssh, user@host:path, file:// or a path relative to this file; a path may name a Git bundle"
    )
    branch: str = Field(
        default="main",
        description="the branch whose first-parent line is read; or a pattern, such as env/{environment}: every branch that "
        "matches is read by itself, and rules use the words that it captures like those of `files`",
    )
    credentials: Credentials = Field(default=Credentials(), description="how to sign in, where the repository asks")

    @field_validator("url")
    @classmethod
    def _locate(cls, url: RepoUrl, info: ValidationInfo) -> RepoUrl:
        return url.located(_directory(info))

    @field_validator("branch")
    @classmethod
    def _check_branch(cls, branch: str) -> str:
        BranchNames(branch)
        return branch

    @property
    def branches(self) -> BranchNames:
        """``branch``, compiled."""
        return BranchNames(self.branch)


class GitSourceSettings(RepositorySettings):
    """One infra repository whose landings, on one branch or on each of several, are intents."""

    kind: Literal["git"] = Field(description="git")
    poll_interval: Duration = Field(
        default=timedelta(seconds=30),
        description="at least 1s; Argo CD polls every 120s, so the bridge sees a landing first",
    )
    history: Literal["all", "tip"] | Since = Field(
        default="all", description="on first contact: all, tip (only what stands now) or {since: DATE}"
    )
    rules: tuple[RuleSettings, ...] = Field(
        min_length=1, description="which files declare what, in order of precedence"
    )
    machines: tuple[str, ...] = Field(
        default=(),
        description="globs of authors that are machines, besides names that look like one (renovate[bot], ci)",
    )

    @field_validator("rules", mode="wrap")
    @classmethod
    def _check_rules(
        cls, rules: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> tuple[RuleSettings, ...]:
        branch = info.data.get("branch")
        with rules_of_branches(None if branch is None else BranchNames(branch).words):
            checked: tuple[RuleSettings, ...] = handler(rules)
        if branch is not None and not BranchNames(branch).several:
            for number, rule in enumerate(checked):
                if (pattern := rule.never_named_after(branch)) is not None:
                    msg = f"the branch {branch!r} does not match {pattern!r} of rule {number}: nothing would get a name"
                    raise ValueError(msg)
        return checked

    @field_validator("poll_interval")
    @classmethod
    def _check_poll(cls, interval: timedelta) -> timedelta:
        if interval < _SHORTEST_POLL:
            msg = "expected at least 1s (a repository on this machine is watched besides)"
            raise ValueError(msg)
        return interval

    @property
    def history_text(self) -> str:
        """``all``, ``tip`` or ``since TIME``: what the cursor remembers of it."""
        return self.history if isinstance(self.history, str) else f"since {format_time(self.history.since)}"


def _directory(info: ValidationInfo) -> Path:
    """Where relative paths start: beside the configuration file, which the reader of it puts into the context."""
    context = info.context if isinstance(info.context, dict) else {}
    return Path(context.get("directory", ""))
