"""What a mapping calls the cluster that an Argo CD Application deploys to.

One rule, so that the observer and the hook of an Argo CD mean the same target.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_IN_CLUSTER = frozenset({"in-cluster", "https://kubernetes.default.svc"})


class ClusterNames:
    """Names for destinations."""

    def __init__(self, named: Mapping[str, str], own: str) -> None:
        """``named``: by a destination's name or server. ``own``: the name of the cluster that Argo CD runs in."""
        self._named = named
        self._own = own

    def name_of(self, name: str, server: str) -> str:
        """The cluster of a destination, which has a name or a server: as configured, else its name, else the host of its server."""
        for said in (name, server):
            if said in self._named:
                return self._named[said]
        if name in _IN_CLUSTER or server in _IN_CLUSTER:
            return self._own
        try:
            return name or urlsplit(server).hostname or server
        except ValueError:
            return server
