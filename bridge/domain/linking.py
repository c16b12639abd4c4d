"""Which intent a report is about: the one that the system carries along by id, else the newest that its artifacts satisfy.

Artifacts decide whether an intent is satisfied; a link only decides which one, where several are. It never makes a report
of something else a success, for what carries the id may have been changed by hand since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from bridge.domain.target_state import IntentRecord, Seen

INTENT_ANNOTATION = "deploybridge.dev/intent"  # of a workload, or of an Argo CD Application
INTENT_LABEL = (
    "deploybridge-intent"  # where others carry an intent's id under a plain word, such as Flux in an event's metadata
)
INTENT_INFO = "deploybridge/intent"  # the name in the `infos` of an Argo CD sync
_LONGEST_LINK = 200  # characters
_HASH_LENGTHS = frozenset({40, 64})  # SHA-1, SHA-256
_HEXADECIMAL = frozenset("0123456789abcdef")


def read_link(text: str | None) -> str | None:
    """An intent's id as a system carries it; it may be any text, so it is bounded. None: there is none."""
    return (text or "").strip()[:_LONGEST_LINK] or None


def is_commit(text: str) -> bool:
    """Whether a revision is a commit's whole hash: the only kind that can be that of an intent from Git."""
    return len(text) in _HASH_LENGTHS and _HEXADECIMAL.issuperset(text)


class Link(StrEnum):
    """How a report was linked with its intent, as conclusions say under ``linked_by``."""

    INTENT_ID = "intent_id"  # the system carried the intent's id, or that of its pair in the other model
    REVISION = "revision"  # it had synced the very commit that declared the artifacts
    ARTIFACTS = "artifacts"  # the artifacts are those, and the time fits


def link(record: IntentRecord, seen: Seen) -> Link:
    """How ``seen`` is linked with an intent that it is about."""
    if seen.intent_id is not None and seen.intent_id in {record.id, record.pair_id}:
        return Link.INTENT_ID
    if seen.revision is not None and seen.revision == record.revision:
        return Link.REVISION
    return Link.ARTIFACTS


def choose(records: Sequence[IntentRecord], seen: Seen, fits: Callable[[IntentRecord], bool]) -> IntentRecord | None:
    """Of the records (oldest first) that fit, the one that ``seen`` names by id, else the newest.

    An equal revision does not make an older one the better choice: a CD system goes to the tip, so that what was declared
    before it is satisfied too.
    """
    newest = None
    for record in reversed(records):
        if fits(record):
            if link(record, seen) is Link.INTENT_ID:
                return record
            newest = newest or record
    return newest
