"""Feeds whatever the fuzzer makes up to one format after the other: anything but declarations or Unreadable is a finding.

The first byte chooses the format, the rest is the file. A file that takes longer than a second is a finding too.
"""

from __future__ import annotations

import sys
import time

import atheris

with atheris.instrument_imports(include=["bridge.formats.declarations"]):
    from bridge.formats.declarations.declaration import Unreadable
    from bridge.formats.declarations.rules import RuleSet, RuleSettings

_LONGEST = 1.0  # seconds
_NAMED = {"environment": "prod", "service": "api"}
_RULES: tuple[dict[str, object], ...] = (
    {"format": "kustomize", "environment": "prod"},
    {"format": "helm-values", "environment": "prod"},
    {"format": "helm-values", "environment": {"from": "key", "segment": 0}, "templated": True},
    {"format": "helm-release", "environment": "prod", "charts": True},
    {"format": "manifests", "environment": {"from": "namespace"}},
    {"format": "argocd", "environment": {"from": "label", "label": "env"}, "charts": True},
    {"format": "argocd-source", "environment": "prod", "charts": True},
    {"format": "setters", "environment": "prod"},
    {"format": "regex", "pattern": r"(?P<service>\w+): *(?P<image>(\S+)+)$", "environment": "prod"},
    {"format": "auto", "environment": {"from": "suffix", "suffixes": {"-dev": "dev"}, "otherwise": "prod"}},
    {"format": "keys", "tag": "image.tag", "digest": "image.digest", **_NAMED},
    {"format": "keys", "image": "images.0", **_NAMED},
    {"format": "keys", "tags": {"a": "A", "b": "b.0.tag"}, "environment": "prod"},
)
_RULE_SETS = [RuleSet([RuleSettings.model_validate({"files": "**", **rule})], branch="main") for rule in _RULES]


def read_one(data: bytes) -> None:
    """One file by one format."""
    if not data:
        return
    rules = _RULE_SETS[data[0] % len(_RULE_SETS)]
    started = time.perf_counter()
    try:
        found = rules.read("apps/shop/.argocd-source-shop.yaml", data[1:])
    except Unreadable:
        pass
    else:
        pointers = [one.pointer for one in found]
        assert len(set(pointers)) == len(pointers), "two declarations at one place"
    assert time.perf_counter() - started < _LONGEST, "too slow"


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
