"""What the observer of an Argo CD is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from adapters.kubernetes_client import ConnectionSettings
from bridge.formats.configuration import Duration, SecretRef, SettingsModel, refuse_repetitions
from bridge.formats.mapping import MappingRule

_SHORTEST = timedelta(seconds=1)


class ApiSettings(SettingsModel):
    """The Argo CD API, where the cluster itself can't be reached."""

    url: str = Field(description="the address of argocd-server, such as https://argocd.example.org; without a password")
    token: SecretRef = Field(description="the token of an account or a project role that may `get` applications")
    ca_file: Path | None = Field(default=None, description="authorities for https, instead of the system's")
    stall_after: Duration = Field(
        default=timedelta(seconds=45), description="a stream silent for so long is made anew; a beat comes every 15 s"
    )
    relist_interval: Duration = Field(
        default=timedelta(minutes=10),
        description="how often everything is read anew, for the stream drops events without a word where it is slow",
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            msg = "expected an address such as https://argocd.example.org"
            raise ValueError(msg)
        if parts.password is not None or parts.username is not None:
            msg = "an address holds no user or password; the token stands under `token`"
            raise ValueError(msg)
        return url.rstrip("/")

    @field_validator("ca_file")
    @classmethod
    def _locate(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        context = info.context if isinstance(info.context, dict) else {}
        return None if path is None else Path(context.get("directory", "")) / path.expanduser()

    @field_validator("stall_after", "relist_interval")
    @classmethod
    def _check_limit(cls, limit: timedelta) -> timedelta:
        if limit < _SHORTEST:
            msg = "expected at least 1s"
            raise ValueError(msg)
        return limit


class ArgocdObserverSettings(SettingsModel):
    """One Argo CD whose Applications are watched."""

    kind: Literal["argocd"] = Field(description="argocd")
    name: str = Field(
        min_length=1, max_length=100, description="the observer's name in the log; keep it, the cursors hang on it"
    )
    cluster: str | None = Field(
        default=None, description="the name, for the mapping, of the cluster that Argo CD runs in; default: `name`"
    )
    connection: ConnectionSettings | None = Field(
        default=None, description="how to reach the cluster of Argo CD; default: as a pod of it"
    )
    api: ApiSettings | None = Field(
        default=None, description="ask the Argo CD API instead of the cluster; it tells less, and forgets at once"
    )
    namespaces: tuple[str, ...] = Field(
        default=(), description="only Applications in these; default: all, which needs a ClusterRole"
    )
    selector: str | None = Field(default=None, description="a label selector of Applications, such as team=shop")
    projects: tuple[str, ...] = Field(default=(), description="only Applications of these projects; default: all")
    clusters: dict[str, str] = Field(
        default_factory=dict,
        description="names, for the mapping, of the clusters that Applications deploy to: "
        "destination name or server: name; default: the destination's name, else the host of its server",
    )
    images: tuple[str, ...] = Field(
        default=(), description="globs of image repositories (* also matches /): others are left out"
    )
    history: bool = Field(default=True, description="record the deployments before the first contact, as backfilled")
    overrides: bool = Field(
        default=True, description="take images that are set in an Application, and not by a CD system, as API intents"
    )
    mapping: tuple[MappingRule, ...] = Field(
        default=(), description="from Applications to services and environments; the first rule that matches counts"
    )

    _each_once = field_validator("namespaces", "projects")(refuse_repetitions)

    @model_validator(mode="after")
    def _one_way_in(self) -> ArgocdObserverSettings:
        if self.api is not None and self.connection is not None:
            msg = "`connection` (the cluster) and `api` (Argo CD's own) are two ways in: expected one of them"
            raise ValueError(msg)
        return self

    @property
    def cluster_name(self) -> str:
        """The name of Argo CD's own cluster as the mapping sees it."""
        return self.cluster or self.name
