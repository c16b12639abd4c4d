"""Answers to pollers as bytes, made once for a state of their environment and kept, up to a few megabytes, the newest longest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiohttp import web

from bridge.domain.desired import StandingIntent

_MOST_BYTES = 16 * 1024 * 1024  # about 60 answers of a thousand services; more are made again when they are asked for


class Shape(NamedTuple):
    """One kind of answer: who takes it, as the log names the poller; how it is written; how large it may be."""

    poller: str
    encode: Callable[[Sequence[StandingIntent]], bytes]
    said_by: str
    largest: int | None = None  # bytes


class Scope(NamedTuple):
    """Which targets are asked for; None: all."""

    environment: str | None
    services: frozenset[str] | None

    def holds(self, intent: StandingIntent) -> bool:
        """Whether the intent's target is among them; its environment was looked at already."""
        return self.services is None or intent.target.service in self.services

    def __str__(self) -> str:
        where = "any environment" if self.environment is None else self.environment
        return where if self.services is None else f"{where} for {', '.join(sorted(self.services))[:200]}"


class Prepared(NamedTuple):
    """An answer, true for one version of its environment. Equal bodies have equal tags, also after a restart."""

    version: int
    body: bytes
    etag: str

    @classmethod
    def of(cls, version: int, body: bytes) -> Prepared:
        """The answer with its tag."""
        return cls(version, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def is_known(self, if_none_match: str) -> bool:
        """Whether the header names the tag (RFC 9110, compared weakly: proxies may weaken it)."""
        if if_none_match == self.etag:
            return True
        tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
        return self.etag in tags or "*" in tags


class KeptAnswers:
    """The answers made last."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._answers: dict[tuple[Shape, Scope], Prepared] = {}
        self._bytes = 0

    def get(self, shape: Shape, scope: Scope, version: int) -> Prepared | None:
        """The answer, if it was made for this version."""
        kept = self._answers.get((shape, scope))
        return kept if kept is not None and kept.version == version else None

    def keep(self, shape: Shape, scope: Scope, prepared: Prepared) -> None:
        """Take it in the place of an older one, and let the oldest go where there is no room."""
        self._drop((shape, scope))
        self._answers[shape, scope] = prepared
        self._bytes += len(prepared.body)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: tuple[Shape, Scope]) -> None:
        dropped = self._answers.pop(key, None)
        if dropped is not None:
            self._bytes -= len(dropped.body)


KEPT_ANSWERS = web.AppKey("kept_answers", KeptAnswers)
