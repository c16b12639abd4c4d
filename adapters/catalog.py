"""Every adapter there is: one literal table from (role, kind) to its module. Nothing is discovered.

A module is imported when it is first asked for, so that reading a log needs no pygit2.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from pydantic import BaseModel

ADAPTERS = {
    ("source", "git"): "adapters.sources.git",
    ("observer", "argocd"): "adapters.observers.argocd",
    ("observer", "flux"): "adapters.observers.flux",
    ("observer", "kubernetes"): "adapters.observers.kubernetes",
    ("eventlog", "sqlite"): "adapters.eventlogs.sqlite",
    ("hook", "github"): "adapters.hooks.github",
    ("hook", "bitbucket"): "adapters.hooks.bitbucket",
    ("hook", "gitea"): "adapters.hooks.gitea",
    ("hook", "gitlab"): "adapters.hooks.gitlab",
    ("hook", "argocd"): "adapters.hooks.argocd",
    ("hook", "flux"): "adapters.hooks.flux",
    ("hook", "cdevents"): "adapters.hooks.cdevents",
    ("hook", "alertmanager"): "adapters.hooks.alertmanager",
    ("hook", "distribution"): "adapters.hooks.distribution",
    ("hook", "harbor"): "adapters.hooks.harbor",
}

# The adapters that the configuration lists, and the name of their table in the module's settings.py.
SETTINGS = {
    ("source", "git"): "GitSourceSettings",
    ("observer", "argocd"): "ArgocdObserverSettings",
    ("observer", "flux"): "FluxObserverSettings",
    ("observer", "kubernetes"): "KubernetesObserverSettings",
    ("hook", "github"): "GithubHookSettings",
    ("hook", "bitbucket"): "BitbucketHookSettings",
    ("hook", "gitea"): "GiteaHookSettings",
    ("hook", "gitlab"): "GitlabHookSettings",
    ("hook", "argocd"): "ArgocdHookSettings",
    ("hook", "flux"): "FluxHookSettings",
    ("hook", "cdevents"): "CdeventsHookSettings",
    ("hook", "alertmanager"): "AlertmanagerHookSettings",
    ("hook", "distribution"): "DistributionHookSettings",
    ("hook", "harbor"): "HarborHookSettings",
}


def import_adapter(role: str, kind: str) -> ModuleType:
    """The adapter's module, whose ``open_adapter`` (a hook's: ``open_decoder``) opens it."""
    return importlib.import_module(ADAPTERS[role, kind])


def import_settings() -> dict[tuple[str, str], type[BaseModel]]:
    """The table that each (role, kind) takes in the configuration."""
    return {key: getattr(importlib.import_module(f"{ADAPTERS[key]}.settings"), name) for key, name in SETTINGS.items()}
