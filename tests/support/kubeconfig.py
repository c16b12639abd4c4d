"""Kubeconfig files for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def write_kubeconfig(
    path: Path, server: str, *, token_file: str | None = None, user: Any = None, cluster: Any = None
) -> Path:
    """A kubeconfig with one context; without more it signs in with the token ``t0p-s3cret``."""
    signs_in = user if user is not None else {"tokenFile": token_file} if token_file else {"token": "t0p-s3cret"}
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "fake",
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "somebody"}}],
        "clusters": [{"name": "fake", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "somebody", "user": signs_in}],
    }
    path.write_text(yaml.safe_dump(value))
    return path
