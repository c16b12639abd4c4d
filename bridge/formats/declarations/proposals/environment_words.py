"""The words by which teams call environments, and where in a name they stand.

A word list can't know every name (``blue``, ``acme-eu``, a tenant's); ``environment_places`` finds those by structure.
"""

from __future__ import annotations

import re

_WORDS = frozenset({
    "production", "prod", "prd", "live", "staging", "stage", "stg", "development", "dev", "test", "testing", "qa", "uat", "sit",
    "integration", "int", "preproduction", "preprod", "sandbox", "local", "preview", "previews", "demo", "canary", "perf",
    "nonprod", "acceptance", "acc", "training", "scratch", "ephemeral",
})  # fmt: skip
_COLOURS = frozenset({"blue", "green"})
# Words that are syllables of services too (`test-runner`, `local-path-provisioner`) do not count in every place of a name.
_SUFFIXES = _WORDS - {"int", "live", "acc", "perf", "sit", "training", "local"}
_PREFIXES = frozenset({
    "production", "prod", "prd", "staging", "stage", "stg", "development", "dev", "qa", "uat", "preview",
})  # fmt: skip
_SEPARATOR = re.compile(r"[-_.]")
_REGION = re.compile(
    r"(?:eu|us|uk|ap|sa|af|me|ca|cn|west|east|north|south|central|northeast|southeast|northwest|southwest)[0-9]*[a-z]?\Z"
)
_NUMBER = re.compile(r"v?[0-9]+[a-z]?\Z|[a-z]?\Z")  # of several alike; it stands behind the word
_TRAILING_DIGITS = re.compile(r"[0-9]+\Z")

CONTAINERS = frozenset({"env", "envs", "environment", "environments", "overlay", "overlays", "stages", "tenants"})
BASES = frozenset({"base", "bases", "_base", "common", "shared", "defaults", "default"})


def names_environment(name: str) -> bool:
    """Whether a whole name is an environment's: ``prod``, ``staging2``, ``prod-eu-west-1``, ``blue``."""
    if name.startswith("."):
        return False
    tokens = _SEPARATOR.split(name.lower())
    known = [token for token in tokens if _word(token) in _WORDS | _COLOURS]
    return bool(known) and all(
        token in known or _REGION.match(token) or (index > 0 and _NUMBER.match(token))
        for index, token in enumerate(tokens)
    )


def split_affix(name: str) -> tuple[str, str, str] | None:
    """``shop-dev`` as (``shop-``, ``dev``, ````), ``preview-shop`` as (````, ``preview``, ``-shop``); None without such a word."""
    separators = list(_SEPARATOR.finditer(name))
    if not separators:
        return None
    first, last = separators[0], separators[-1]
    if _word(name[last.end() :].lower()) in _SUFFIXES and last.start() > 0:
        return name[: last.end()], name[last.end() :], ""
    if _word(name[: first.start()].lower()) in _PREFIXES and first.end() < len(name):
        return "", name[: first.start()], name[first.start() :]
    return None


def _word(token: str) -> str:
    return _TRAILING_DIGITS.sub("", token)
