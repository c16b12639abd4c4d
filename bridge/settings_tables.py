"""The configuration of one daemon: frozen tables, each key with its unit and default beside it.

What a source, an observer or an exporter takes is its adapter's own table, chosen by ``kind``; ``bridge/settings.py``
reads the file and puts the two together.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SerializeAsAny

from bridge.domain.names import Model, parse_name
from bridge.domain.policies import Policies, Policy
from bridge.formats.configuration import Duration, SettingsModel
from bridge.formats.scopes import Scope, parse_scope

_LISTEN = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^:\s\[\]]+)):(?P<port>[0-9]{1,5})\Z")
_HASH = re.compile(r"sha256:[0-9a-f]{64}\Z")
_HIGHEST_PORT = 65535
_GRACE = timedelta(minutes=5)  # out_of_band_grace where nobody says otherwise; two polls of a slow source raise it


class Mode(StrEnum):
    """Which models of declaring are in use."""

    GITOPS = "gitops"
    API = "api"
    BOTH = "both"


def _check_environment(text: str) -> str:
    return parse_name(text, "the name of an environment")


def _check_listen(text: str) -> str:
    match = _LISTEN.match(text)
    if not match or int(match["port"]) > _HIGHEST_PORT:
        msg = f"expected HOST:PORT such as 127.0.0.1:8484, [::1]:8484 or 0.0.0.0:0, got {text[:80]!r}"
        raise ValueError(msg)
    return text


def _check_hash(text: str) -> str:
    if not _HASH.match(text):
        # The value is not shown: it may be the token itself, pasted into the wrong place.
        msg = "expected sha256: and 64 lower-case hex digits, the SHA-256 of the token; never the token"
        raise ValueError(msg)
    return text


def _check_scope(text: str) -> str:
    parse_scope(text)
    return text


class EnvironmentSettings(SettingsModel):
    """The limits of one environment, where they differ from the top level's."""

    name: Annotated[str, AfterValidator(_check_environment)] = Field(description="as sources and pipelines name it")
    governed_by: Model | None = Field(default=None, description="the model its CD system follows: gitops or api")
    late_after: Duration | None = Field(default=None, description="an intent not live after this is late")
    missed_after: Duration | None = Field(default=None, description="an intent not live after this is missed")
    out_of_band_grace: Duration | None = Field(
        default=None, description="how long an unexplained change may wait for its intent"
    )
    may_be_empty: bool = Field(
        default=False,
        description="answer CD systems that poll with nothing where nothing is declared; they then delete what they made",
    )


class TokenSettings(SettingsModel):
    """One client of the API: what it may do, and the hash of what it presents."""

    name: str = Field(min_length=1, max_length=100, description="recorded as the client's name")
    hash: Annotated[str, AfterValidator(_check_hash)] = Field(
        description="sha256:HEX of the token, e.g. from: printf %s TOKEN | sha256sum"
    )
    scopes: tuple[Annotated[str, AfterValidator(_check_scope)], ...] = Field(
        min_length=1,
        description="intents:write, observations:write (each may take environment-glob/service-glob), read",
    )

    @property
    def parsed_scopes(self) -> tuple[Scope, ...]:
        """The scopes as values."""
        return tuple(parse_scope(text) for text in self.scopes)


class LogSettings(SettingsModel):
    """What the daemon writes about itself to standard error."""

    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console on a terminal, else json"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least severe line written"
    )


class Settings(SettingsModel):
    """Everything a daemon is told. An empty file is a legal one."""

    mode: Mode = Field(default=Mode.BOTH, description="gitops, api or both")
    data_dir: Path = Field(default=Path("data"), description="the log, the mirrors and the lock; relative to this file")
    listen: Annotated[str, AfterValidator(_check_listen)] = Field(
        default="127.0.0.1:8484", description="HOST:PORT of the API; port 0 takes a free one"
    )
    late_after: Duration = Field(default=timedelta(minutes=15), description="an intent not live after this is late")
    missed_after: Duration = Field(default=timedelta(hours=24), description="an intent not live after this is missed")
    out_of_band_grace: Duration | None = Field(
        default=None,
        description="how long an unexplained change may wait for its intent; at least two polls; default 5m",
    )
    pairing_window: Duration = Field(
        default=timedelta(minutes=60),
        description="the same artifacts declared in both models within this are one deployment",
    )
    environments: tuple[EnvironmentSettings, ...] = Field(
        default=(), description="those that differ from the limits above"
    )
    tokens: tuple[TokenSettings, ...] = Field(default=(), description="clients of the API; without any, loopback only")
    sources: tuple[SerializeAsAny[BaseModel], ...] = Field(default=(), description="where intents are read from")
    observers: tuple[SerializeAsAny[BaseModel], ...] = Field(default=(), description="what is watched to see what runs")
    exporters: tuple[SerializeAsAny[BaseModel], ...] = Field(
        default=(), description="where the log is sent; no kinds yet"
    )
    hooks: tuple[SerializeAsAny[BaseModel], ...] = Field(
        default=(), description="whose webhooks are taken at /api/v1/hooks/NAME"
    )
    log: LogSettings = Field(default=LogSettings(), description="what the daemon writes about itself")
    shutdown_limit: Duration = Field(default=timedelta(seconds=10), description="how long an orderly end may take")

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port apart."""
        match = _LISTEN.match(self.listen)
        assert match is not None, "checked on construction"
        return match["six"] or match["host"], int(match["port"])

    def policies(self) -> Policies:
        """The limits as the core takes them; the grace is never below two polls of the slowest source."""
        governed_by = {Mode.GITOPS: Model.GITOPS, Mode.API: Model.API, Mode.BOTH: None}[self.mode]
        default = Policy(
            governed_by=governed_by,
            late_after=self.late_after,
            missed_after=self.missed_after,
            out_of_band_grace=max(self.out_of_band_grace or _GRACE, self._two_polls()),
            pairing_window=self.pairing_window,
        )
        return Policies(default=default, environments={e.name: self._policy_of(e, default) for e in self.environments})

    def digest(self) -> str:
        """A name for everything but secrets: SHA-256 over ``public()``."""
        text = json.dumps(self.public(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def public(self) -> dict[str, object]:
        """JSON-ready and without token hashes, for logs; adapters' tables refer to secrets and never hold them."""
        values: dict[str, object] = self.model_dump(mode="json", exclude={"tokens": {"__all__": {"hash"}}})
        return values

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What can't hold together though each key is right: (path, what and what to do)."""
        yield from self._limit_contradictions()
        yield from self._mode_contradictions()
        yield from self._hook_contradictions()
        for table in ("environments", "tokens", "sources", "observers", "hooks"):
            yield from _repeated_names(table, getattr(self, table))

    def _two_polls(self) -> timedelta:
        polls = [] if self.mode is Mode.API else [getattr(source, "poll_interval", None) for source in self.sources]
        return max((2 * poll for poll in polls if isinstance(poll, timedelta)), default=timedelta())

    def _policy_of(self, environment: EnvironmentSettings, default: Policy) -> Policy:
        grace = environment.out_of_band_grace
        return Policy(
            governed_by=environment.governed_by or default.governed_by,
            late_after=environment.late_after or default.late_after,
            missed_after=environment.missed_after or default.missed_after,
            out_of_band_grace=default.out_of_band_grace if grace is None else max(grace, self._two_polls()),
            pairing_window=default.pairing_window,
        )

    def _limit_contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.missed_after <= self.late_after:
            yield ("missed_after",), "an intent is late before it is missed: expected more than late_after"
        for index, environment in enumerate(self.environments):
            late = environment.late_after or self.late_after
            missed = environment.missed_after or self.missed_after
            if missed <= late and (environment.late_after or environment.missed_after):
                key = "missed_after" if environment.missed_after else "late_after"
                yield (
                    ("environments", index, key),
                    "an intent is late before it is missed: late_after must be the smaller",
                )

    def _mode_contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for index, environment in enumerate(self.environments):
            if (
                environment.governed_by
                and self.mode is not Mode.BOTH
                and environment.governed_by.value != self.mode.value
            ):
                said = (
                    f"{environment.governed_by} can't govern under mode {self.mode}: leave it out, or write mode: both"
                )
                yield ("environments", index, "governed_by"), said
        if self.mode is Mode.API and self.sources:
            yield ("sources",), "mode api reads no sources: remove them, or write mode: both"
        if self.mode is Mode.GITOPS and not self.sources:
            yield ("mode",), "mode gitops has no source to read: add one under sources, or write mode: api"

    def _hook_contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        known = {getattr(source, "name", None) for source in self.sources}
        for index, hook in enumerate(self.hooks):
            for place, name in enumerate(getattr(hook, "wakes", ())):
                if name not in known:
                    yield ("hooks", index, "wakes", place), f"no source has the name {name!r}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def changed_keys(old: Settings, new: Settings) -> list[str]:
    """The dotted paths that differ, two levels deep: ``mode``, ``log.level``, ``tokens.ci``, ``sources.infra``."""
    before, after = _by_path(old), _by_path(new)
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _by_path(settings: Settings) -> Mapping[str, object]:
    paths: dict[str, object] = {}
    for key, value in settings:
        if isinstance(value, SettingsModel):
            paths |= {f"{key}.{inner}": each for inner, each in value}
        elif isinstance(value, tuple):
            paths |= {f"{key}.{getattr(each, 'name', index)}": each for index, each in enumerate(value)}
        else:
            paths[key] = value
    return paths


def _repeated_names(table: str, rows: Sequence[BaseModel]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    seen: set[str] = set()
    for index, row in enumerate(rows):
        name = getattr(row, "name", None)
        if name in seen:
            yield (table, index, "name"), f"the name {name!r} stands twice in {table}: each needs its own"
        if isinstance(name, str):
            seen.add(name)
