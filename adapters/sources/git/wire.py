"""Batches as bytes, between the process that reads a long history and the one that records it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bridge.domain.facts import Fact, IntentDeclared, IntentWithdrawn, SourceLost, SourceReturned
from bridge.domain.noise import CommitCount, Tally, TallyKey
from bridge.ports import Dispute, SourceBatch

_KINDS: tuple[type[Fact], ...] = (IntentDeclared, IntentWithdrawn, SourceLost, SourceReturned)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_DECODERS = tuple(msgspec.msgpack.Decoder(kind) for kind in _KINDS)


class _Frame(msgspec.Struct, array_like=True):
    declared: list[IntentDeclared]  # all facts of nearly every batch: read in one go
    facts: list[tuple[int, msgspec.Raw]]  # of a batch that has others
    cursor: str
    landings: int
    caught_up: bool
    revision: str | None
    tallies: list[tuple[TallyKey, Tally]]
    afresh: bool
    disputes: list[Dispute] | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Frame).decode


def encode_batch(batch: SourceBatch) -> bytes:
    """One batch of a first contact; ``decode_batch`` gives it back as it was."""
    declared: Sequence[Fact] = batch.facts
    facts: Sequence[tuple[int, Fact]] = ()
    if not all(type(fact) is IntentDeclared for fact in batch.facts):
        declared, facts = (), [(_NUMBERS[type(fact)], fact) for fact in batch.facts]
    counted = batch.commits
    told = (batch.cursor, batch.landings, batch.caught_up, batch.revision)
    return _encode((declared, facts, *told, list(counted.tallies.items()), counted.afresh, batch.disputes))


def decode_batch(data: bytes) -> SourceBatch:
    """Read what ``encode_batch`` wrote."""
    frame = _decode(data)
    facts: Sequence[Fact] = frame.declared or [_DECODERS[number].decode(raw) for number, raw in frame.facts]
    commits = CommitCount(dict(frame.tallies), frame.afresh)
    return SourceBatch(facts, frame.cursor, frame.landings, frame.caught_up, frame.revision, commits, frame.disputes)
