"""The formats by the name that a rule gives in ``format:``. A new format is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.formats.declarations import helm_values, keys, kustomize, manifests
from bridge.formats.declarations.found import Format

FORMATS: Mapping[str, Format] = {
    "keys": keys.FORMAT,
    "kustomize": kustomize.FORMAT,
    "helm-values": helm_values.FORMAT,
    "manifests": manifests.FORMAT,
}
