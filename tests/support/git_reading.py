"""Reads a Git source as the recorder does: each fact once, the cursor kept, what stands remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.sources.git import GitSourceSettings, open_adapter
from bridge.clock import SystemClock
from bridge.domain.facts import Fact, IntentDeclared, IntentWithdrawn
from bridge.domain.names import ImageRef, Target
from bridge.ports import IntentSource, SourceBatch

RULES = [
    {"files": "tags/{environment}/{service}", "format": "keys", "tag": "tag", "repository": "ghcr.io/acme/{service}"},
    {"files": "copies/{environment}/{service}", "format": "keys", "tag": "tag", "repository": "ghcr.io/acme/{service}"},
]


@dataclass
class Reading:
    """Plays the recorder: keeps each fact's id once, the cursor, and what stands."""

    settings: GitSourceSettings
    data_dir: Path
    cursor: str | None = None
    standing: dict[Target, tuple[ImageRef, ...]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    batches: list[SourceBatch] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def open(self) -> AbstractAsyncContextManager[IntentSource]:
        return open_adapter(self.settings, data_dir=self.data_dir, clock=SystemClock())

    async def catch_up(self, source: IntentSource | None = None, *, stop_after: int | None = None) -> list[Fact]:
        """One pass, by a fresh process unless ``source`` is given; the facts that the log did not have."""
        if source is None:
            async with self.open() as opened:
                return await self.catch_up(opened, stop_after=stop_after)
        found: list[Fact] = []
        count = 0
        passes = source.read(self.cursor, dict(self.standing))
        async for batch in passes:
            found += [fact for fact in batch.facts if self._append(fact)]
            self.cursor = batch.cursor
            self.batches.append(batch)
            count += 1
            if stop_after == count:
                await passes.aclose()  # type: ignore[attr-defined]  # an async generator, behind the port's iterator
                break
        self.facts += found
        return found

    def _append(self, fact: Fact) -> bool:
        identity = getattr(fact, "id", None)
        if identity is not None and identity in self.ids:
            return False
        if identity is not None:
            self.ids.add(identity)
        if isinstance(fact, IntentDeclared):
            self.standing[fact.target] = fact.artifacts
        elif isinstance(fact, IntentWithdrawn):
            self.standing.pop(fact.target, None)
        return True


ReadingMaker = Callable[..., Reading]


def make_settings(url: str, changes: Mapping[str, Any] | None = None) -> GitSourceSettings:
    return GitSourceSettings.model_validate(
        {"kind": "git", "name": "infra", "url": url, "rules": RULES, **(changes or {})}
    )


def tag(text: str) -> str:
    return f"tag: {text}\n"


def told(facts: Sequence[Fact]) -> list[str]:
    """Intents in words: ``production/shop v1`` or ``production/shop -`` for a withdrawal."""
    words = []
    for fact in facts:
        if isinstance(fact, IntentDeclared):
            words.append(f"{fact.target} {'+'.join(image.tag or '' for image in fact.artifacts)}")
        elif isinstance(fact, IntentWithdrawn):
            words.append(f"{fact.target} -")
    return words
