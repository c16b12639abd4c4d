"""Facts gathered into batches of a bounded size, each with the cursor that is true once it is recorded."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.domain.facts import Fact
from bridge.domain.noise import CommitCount
from bridge.ports import Dispute, SourceBatch

_MOST_FACTS = 1024  # one transaction each: larger ones touch each page of the log's indexes less often
_MOST_LANDINGS = 2000  # a long stretch without facts still moves the cursor, so that a restart doesn't read it again
_NO_COMMITS = CommitCount()


class Gathering:
    """The batch that is being filled."""

    def __init__(self) -> None:
        self._facts: list[Fact] = []
        self._landings = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to hand it over."""
        return len(self._facts) >= _MOST_FACTS or self._landings >= _MOST_LANDINGS

    def add(self, facts: Sequence[Fact], *, landings: int = 0) -> None:
        """Take facts of so many landings."""
        self._facts += facts
        self._landings += landings

    def hand_over(
        self,
        cursor: str,
        *,
        revision: str,
        caught_up: bool = False,
        commits: CommitCount = _NO_COMMITS,
        disputes: Sequence[Dispute] | None = None,
    ) -> SourceBatch:
        """The batch, read up to the landing ``revision``, with its ``commits``; the next one starts empty."""
        batch = SourceBatch(self._facts, cursor, self._landings, caught_up, revision, commits, disputes)
        self._facts, self._landings = [], 0
        return batch
