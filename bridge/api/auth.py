"""Who calls, and what they may do: bearer tokens kept as hashes, or without any token this machine's own programs."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aiohttp import web

from bridge.api.problems import FOREIGN_ORIGIN, MISSING_SCOPE, UNAUTHENTICATED, Problem
from bridge.domain.names import Target
from bridge.formats.scopes import Scope, ScopeVerb

_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?\Z")


@dataclass(frozen=True, slots=True)
class Token:
    """One client: the name it is recorded under, ``sha256:<hex>`` of what it presents, and what it may do."""

    name: str
    hash: str = field(repr=False)
    scopes: tuple[Scope, ...]


class Client:
    """A caller whose token was checked; kept between requests, so what follows from its scopes is worked out once."""

    def __init__(self, name: str, scopes: tuple[Scope, ...]) -> None:
        self.name = name
        self._scopes = scopes
        self._verbs = frozenset(scope.verb for scope in scopes)

    def require(self, verb: ScopeVerb, target: Target | None = None) -> None:
        """Refuse, naming the scope that is missing; without a target it is enough to have the verb on some."""
        if target is None:
            if verb in self._verbs:
                return
            needed = verb.value
        else:
            for scope in self._scopes:
                if scope.allows(verb, target.environment, target.service):
                    return
            needed = f"{verb.value} {target}"
        detail = (
            f"The token {self.name!r} lacks the scope `{needed}`. Add it to the token's scopes in the configuration."
        )
        raise Problem(MISSING_SCOPE, detail, needed)


ANONYMOUS = Client("anonymous", tuple(Scope(verb) for verb in ScopeVerb))


class Gatekeeper:
    """Finds the client of a request by the tokens of the present configuration."""

    def __init__(self, tokens: Callable[[], Sequence[Token]]) -> None:
        self._tokens = tokens
        self._known_tokens: Sequence[Token] = ()
        self._verified: dict[str, Client] = {}  # by digest: at most one entry a token

    def identify(self, request: web.Request) -> Client:
        """Who calls.

        Raises:
            Problem: no token or a wrong one; or, where none is configured, a call that came by way of a web page or a
                foreign host name.
        """
        tokens = self._tokens()
        if not tokens:
            _refuse_foreigners(request)
            return ANONYMOUS
        if tokens is not self._known_tokens:
            self._known_tokens = tokens
            self._verified.clear()
        scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
        presented = presented.strip()
        if scheme.lower() != "bearer" or not presented:
            raise _unauthenticated("Send `Authorization: Bearer TOKEN` with a token of this bridge.", "Bearer")
        digest = "sha256:" + hashlib.sha256(presented.encode("utf-8", "surrogateescape")).hexdigest()
        client = self._verified.get(digest) or self._verify(tokens, digest)
        if client is None:
            challenge = 'Bearer error="invalid_token"'
            raise _unauthenticated("The token presented is not one of this bridge's: check its spelling.", challenge)
        return client

    def _verify(self, tokens: Sequence[Token], digest: str) -> Client | None:
        """Compare with every token in constant time, so that the time taken tells nothing about any of them."""
        found = None
        for token in tokens:
            if hmac.compare_digest(token.hash, digest) and found is None:
                found = Client(token.name, token.scopes)
        if found is not None:
            self._verified[digest] = found
        return found


GATEKEEPER = web.AppKey("gatekeeper", Gatekeeper)  # for hooks, which ask for a token only where they have no secret


def _unauthenticated(detail: str, challenge: str) -> Problem:
    return Problem(UNAUTHENTICATED, detail, "Authorization", {"WWW-Authenticate": challenge})


def _refuse_foreigners(request: web.Request) -> None:
    """Without tokens the daemon listens on loopback; a browser on this machine must not become a stranger's way in.

    A page of another origin sends its Origin; a rebound DNS name shows in Host.
    """
    host = request.headers.get("Host", "")
    if not _is_this_machine(host):
        detail = f"No tokens are configured, so only calls to localhost are served, not to {host[:100]!r}. Configure a token."
        raise Problem(FOREIGN_ORIGIN, detail, "Host")
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        detail = f"No tokens are configured, so a page of {origin[:100]!r} may not call. Configure a token."
        raise Problem(FOREIGN_ORIGIN, detail, "Origin")


@lru_cache(maxsize=64)
def _is_this_machine(host: str) -> bool:
    match = _HOST.match(host)
    if match is None:
        return False
    name = (match["six"] or match["name"]).lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
