"""The formats by the name that a rule gives in ``format:``. A new format is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.formats.declarations import (
    argocd,
    argocd_source,
    auto,
    helm_release,
    helm_values,
    keys,
    kustomize,
    manifests,
    regex,
    setters,
)
from bridge.formats.declarations.found import Format

FORMATS: Mapping[str, Format] = {
    "keys": keys.FORMAT,
    "kustomize": kustomize.FORMAT,
    "helm-values": helm_values.FORMAT,
    "helm-release": helm_release.FORMAT,
    "manifests": manifests.FORMAT,
    "argocd": argocd.FORMAT,
    "argocd-source": argocd_source.FORMAT,
    "setters": setters.FORMAT,
    "regex": regex.FORMAT,
    "auto": auto.FORMAT,
}
