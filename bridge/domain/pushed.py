"""What a hook reports: recorded, but it decides nothing where the state is read, or where something newer is known.

Deliveries come late, twice, out of order, or not at all. So a pushed report stands aside (it is told of no track and nothing is
concluded from it) wherever it could only mislead; its times and links are kept for the story of the intent.
"""

from __future__ import annotations

from bridge.domain.facts import ObservationReported
from bridge.domain.names import Model, Phase
from bridge.domain.target_state import IntentRecord
from bridge.domain.turn import Turn

_ORDER = {Phase.STARTED: 0, Phase.PROGRESSING: 1, Phase.FAILED: 2, Phase.LIVE: 2, Phase.GONE: 2}


def stands_aside(turn: Turn, fact: ObservationReported) -> bool:
    """Whether the report only adds to the story."""
    if not fact.pushed:
        return False
    return _shows_nothing(fact) or _is_read_by_an_observer(turn) or _is_older_than_known(turn, fact)


def says_nothing(turn: Turn, fact: ObservationReported) -> bool:
    """Whether it shows no artifacts and names no intent of the target: there is nothing to record."""
    return fact.pushed and _shows_nothing(fact) and not any(_names(fact, record) for record in _intents(turn))


def moves_on(turn: Turn, fact: ObservationReported) -> bool:
    """Whether it decides, and says that something was so at a later time.

    Such a report is news although nothing else changed: what is delivered after it of an earlier time is then known to be old.
    """
    return fact.pushed and fact.source_time is not None and not stands_aside(turn, fact)


def _shows_nothing(fact: ObservationReported) -> bool:
    return not fact.artifacts and fact.phase is not Phase.GONE


def _is_read_by_an_observer(turn: Turn) -> bool:
    state = turn.state
    return any(not report.pushed and name not in state.lost_observers for name, report in state.reports.items())


def _is_older_than_known(turn: Turn, fact: ObservationReported) -> bool:
    known = turn.state.current
    if known is None or fact.source_time is None:
        return False
    if fact.source_time == known.live_at:
        return _ORDER[fact.phase] < _ORDER[known.phase]
    return fact.source_time < known.live_at


def _intents(turn: Turn) -> list[IntentRecord]:
    state = turn.state
    standing = [mine.standing for mine in (state.of(model) for model in Model) if mine.standing is not None]
    return [*standing, *state.gitops.open, *state.api.open]


def _names(fact: ObservationReported, record: IntentRecord) -> bool:
    if fact.intent_id is not None:
        return fact.intent_id == record.id
    return fact.source.revision is not None and fact.source.revision == record.revision
