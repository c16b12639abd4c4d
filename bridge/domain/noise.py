"""Commit noise: what share of an infra repository's history says nothing but which image runs where.

Each commit of a branch's whole history is of one class, by what it changed against its first parent and by nothing that it
says about itself. Sources count commits as they read them; the figures over these counts are in ``noise_report``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

# Machine accounts as hosts and their tools name them: dependabot[bot], renovate, fluxcdbot, acme-ci, argocd-image-updater.
# An ending in "bot" counts only for an account of one word: people are called Talbot.
_MACHINE = re.compile(
    r"\[bot\]|(?:^|[^a-z])(?:bot|robot|ci|cd|automation|renovate|dependabot|jenkins|actions?|updater|argocd|flux|fluxcd)"
    r"(?:$|[^a-z])|^\S+bot$",
    re.IGNORECASE,
)
_WEEK = 7  # days
_DAY = 86_400  # seconds
_FIRST_DAY = date(1970, 1, 1)
_LAST_DAY = (date.max - _FIRST_DAY).days


class CommitClass(StrEnum):
    """What a commit is, by its content."""

    BUMP_BY_BOT = "bump_by_bot"
    BUMP_BY_HUMAN = "bump_by_human"
    MERGE_OF_BUMPS = "merge_of_bumps"
    MIXED = "mixed"
    OTHER = "other"

    @property
    def is_noise(self) -> bool:
        """Whether the commit says nothing but which image runs where."""
        return self in _NOISE


_NOISE = frozenset({CommitClass.BUMP_BY_BOT, CommitClass.BUMP_BY_HUMAN, CommitClass.MERGE_OF_BUMPS})


class TallyKey(NamedTuple):
    """What commits are counted together; ``week`` is its Monday (``2026-08-17``), ``author`` the name, "" where there is none."""

    week: str
    kind: CommitClass
    author: str


@dataclass(slots=True)
class Tally:
    """How many; ``lines`` are those added plus those removed."""

    commits: int = 0
    landings: int = 0
    lines: int = 0

    def add(self, other: Tally) -> None:
        """Count these as well."""
        self.commits += other.commits
        self.landings += other.landings
        self.lines += other.lines


@dataclass(frozen=True, slots=True)
class CommitCount:
    """What one batch adds to the count of a source. ``afresh``: the source is counted from its beginning again.

    Where a history was rewritten, the commits that are gone are taken off: counts can be negative, their sums can't.
    """

    tallies: Mapping[TallyKey, Tally] = field(default_factory=dict)
    afresh: bool = False

    def without(self, gone: CommitCount) -> CommitCount:
        """This count less the commits of another."""
        left = {key: Tally(tally.commits, tally.landings, tally.lines) for key, tally in self.tallies.items()}
        for key, tally in gone.tallies.items():
            left.setdefault(key, Tally()).add(Tally(-tally.commits, -tally.landings, -tally.lines))
        return CommitCount({key: tally for key, tally in left.items() if tally != Tally()}, self.afresh)


def week_of(seconds: int) -> str:
    """The Monday of the week that a time lies in, UTC; one outside the years 1970 to 9999 is moved to the nearest inside."""
    return _monday_before(min(max(seconds // _DAY, 0), _LAST_DAY))


@lru_cache(maxsize=1024)  # commits of one day come together, and there are very many
def _monday_before(day: int) -> str:
    ordinal = _FIRST_DAY.toordinal() + day
    return date.fromordinal(ordinal - (ordinal - 1) % _WEEK).isoformat()  # day 1 of the calendar is a Monday


def is_machine(author: str) -> bool:
    """Whether a name looks like a machine account's."""
    return _MACHINE.search(author) is not None
