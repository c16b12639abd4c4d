"""What a token may do, as it is written: ``intents:write production/*``, ``observations:write``, ``read``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

_GLOB = re.compile(r"[^\s\x00-\x1f\x7f]{1,253}\Z")


class ScopeVerb(StrEnum):
    """The closed set of permissions."""

    INTENTS_WRITE = "intents:write"
    OBSERVATIONS_WRITE = "observations:write"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Scope:
    """One permission, perhaps limited to the targets that both globs match (``*``, ``?``, ``[...]``; case matters)."""

    verb: ScopeVerb
    environment_glob: str = "*"
    service_glob: str = "*"

    def __str__(self) -> str:
        if self.environment_glob == self.service_glob == "*":
            return self.verb.value
        return f"{self.verb.value} {self.environment_glob}/{self.service_glob}"

    def allows(self, verb: ScopeVerb | str, environment: str | None = None, service: str | None = None) -> bool:
        """Whether it permits ``verb`` on a target; None asks whether it may do so on every one."""
        return verb == self.verb and _covers(self.environment_glob, environment) and _covers(self.service_glob, service)


def parse_scope(text: str) -> Scope:
    """Read ``verb`` or ``verb environment-glob/service-glob``.

    The first slash parts the two globs, so an environment whose name holds a slash is written ``eu?prod/*``. Reading
    can't be limited to targets: the verb stands alone.

    Raises:
        ValueError: it is no such scope; the text says what was expected.
    """
    word, *rest = text.split() or [""]
    try:
        verb = ScopeVerb(word)
    except ValueError:
        known = ", ".join(verb.value for verb in ScopeVerb)
        msg = (
            f"{word[:80]!r} is not a scope: expected one of {known}, perhaps followed by environment-glob/service-glob"
        )
        raise ValueError(msg) from None
    if not rest:
        return Scope(verb)
    if verb is ScopeVerb.READ:
        msg = "the scope `read` covers the whole log and takes no globs: write just `read`"
        raise ValueError(msg)
    environment, slash, service = rest[0].partition("/")
    if len(rest) > 1 or not slash or not (_GLOB.match(environment) and _GLOB.match(service)):
        msg = f"{' '.join(rest)[:80]!r} is not environment-glob/service-glob such as production/* or staging/shop"
        raise ValueError(msg)
    return Scope(verb, environment, service)


def _covers(glob: str, name: str | None) -> bool:
    return glob == "*" if name is None else fnmatchcase(name, glob)
