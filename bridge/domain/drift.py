"""What runs without an intent: suspicions with a grace, out-of-band changes, and the drift episodes that they make."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.events import EventKind, Track
from bridge.domain.matching import shares_tag
from bridge.domain.names import Phase
from bridge.domain.obligations import is_earlier_version, satisfies, settle
from bridge.domain.target_state import Episode, IntentRecord, Seen, Suspicion
from bridge.domain.times import format_time
from bridge.domain.transitions import Running
from bridge.domain.turn import Turn

_SUSPICIONS_KEPT = 64  # more wait only where a target flaps while its governing source is lost
RETURNED, DEPLOYED, EXPLAINED, ADOPTED = "returned", "deployed", "explained", "adopted"


def suspect(turn: Turn, seen: Seen, *, after: str = "") -> None:
    """Begin to wait for an explanation of what was seen; ``after`` names the intent that made it doubtful again."""
    state = turn.state
    before = state.expected or ()
    episode = active_episode(turn)
    if episode is None:
        episode = Episode(since=seen.live_at)
        state.episodes.append(episode)
    episode.suspicions.append(
        Suspicion(
            seen=seen,
            previous=before,
            grace_from=turn.at,
            same_tag=seen.phase is not Phase.GONE and shares_tag(seen.artifacts, before),
            earlier_version=seen.phase is not Phase.GONE and is_earlier_version(turn, seen.artifacts, before),
            gap=state.gap_since_report,
            after=after,
        )
    )
    _forget_oldest(state.episodes)


def _forget_oldest(episodes: list[Episode]) -> None:
    """Keep what may still be explained or must be called; the oldest of very many goes, and the next one says so."""
    for episode in episodes:
        episode.suspicions[:-1] = [each for each in episode.suspicions[:-1] if not each.called]
    waiting = [
        (episode, each)
        for episode in episodes
        for each in episode.suspicions
        if not each.called and (episode.opened_id is None or len(episode.suspicions) > 1)
    ]
    if len(waiting) <= _SUSPICIONS_KEPT:
        return
    (episode, oldest), (_, following) = waiting[:2]
    following.gap = True
    _drop(episode, oldest)
    if not episode.suspicions:
        episodes[:] = [each for each in episodes if each is not episode]


def active_episode(turn: Turn) -> Episode | None:
    """The episode that has not ended, if there is one."""
    episodes = turn.state.episodes
    return episodes[-1] if episodes and episodes[-1].until is None else None


def end_episode(turn: Turn, until: datetime, reason: str, cause: str) -> None:
    """What runs is explained again; the episode is closed in the log once each of its changes has been called."""
    episode = active_episode(turn)
    if episode is not None:
        episode.until, episode.reason = max(until, episode.since), reason
        _close_if_done(turn, episode, cause)


def _close_if_done(turn: Turn, episode: Episode, cause: str) -> None:
    if episode.until is None or any(not suspicion.called for suspicion in episode.suspicions):
        return
    turn.state.episodes[:] = [each for each in turn.state.episodes if each is not episode]
    if episode.opened_id is None:
        return
    turn.conclude(
        EventKind.DRIFT_CLOSED,
        about=episode.opened_id,
        causes=(episode.opened_id, cause),
        model=turn.governing,
        artifacts=episode.suspicions[-1].seen.artifacts if episode.suspicions else (),
        source_time=episode.until,
        details={
            "since": format_time(episode.since),
            "until": format_time(episode.until),
            "seconds": (episode.until - episode.since).total_seconds(),
            "reason": episode.reason,
        },
        track=Track.DRIFT,
        effective_at=turn.effective(Track.DRIFT, episode.until),
    )


def suspicion_due(turn: Turn) -> tuple[datetime, Episode, Suspicion] | None:
    """The next end of a grace; none while the governing source can't be read, for it may hold the explanation."""
    if not turn.state.episodes or governing_source_lost(turn):
        return None
    waiting = [
        (suspicion.grace_from + turn.policy.out_of_band_grace, episode, suspicion)
        for episode in turn.state.episodes
        for suspicion in episode.suspicions
        if not suspicion.called
    ]
    return min(waiting, key=lambda item: item[0], default=None)


def governing_source_lost(turn: Turn) -> bool:
    """Whether a source that could explain a change of the target is lost, wholly or for the declaring file."""
    return any(concerns_governing(turn, key) for key in turn.state.lost_sources)


def concerns_governing(turn: Turn, key: str) -> bool:
    """Whether the lost source ``key`` ("model:name" or "model:name:path") belongs to what governs the target."""
    model, _, rest = key.partition(":")
    if model != turn.governing:
        return False
    sources = turn.state.of(turn.governing).sources
    return not sources or rest in sources or rest.partition(":")[0] in sources


def call_out_of_band(turn: Turn, episode: Episode, suspicion: Suspicion) -> None:
    """The grace is over: say so, with the true start."""
    seen = suspicion.seen
    suspicion.called = True
    gone = seen.phase is Phase.GONE
    flags = {"gone": gone, "same_tag": suspicion.same_tag, "gap": suspicion.gap}
    event = turn.conclude(
        EventKind.DEPLOYMENT_OUT_OF_BAND,
        about=_about(suspicion),
        causes=(seen.id,),
        model=turn.governing,
        artifacts=() if gone else seen.artifacts,
        previous=suspicion.previous,
        source_time=seen.live_at,
        actor=seen.actor,
        details={name: True for name, holds in flags.items() if holds},
    )
    if suspicion.earlier_version:
        turn.conclude(
            EventKind.DEPLOYMENT_ROLLED_BACK,
            about=_about(suspicion),
            causes=(seen.id, event.id),
            model=turn.governing,
            artifacts=seen.artifacts,
            previous=suspicion.previous,
            source_time=seen.live_at,
            actor=seen.actor,
            details={"declared": False},
        )
    if episode.opened_id is None:
        opened = turn.conclude(
            EventKind.DRIFT_OPENED,
            about=_about(suspicion),
            causes=(event.id,),
            model=turn.governing,
            artifacts=() if gone else seen.artifacts,
            previous=suspicion.previous,
            source_time=episode.since,
            actor=seen.actor,
            details={"since": format_time(episode.since)} | ({"gap": True} if suspicion.gap else {}),
            track=Track.DRIFT,
            effective_at=turn.effective(Track.DRIFT, episode.since),
        )
        episode.opened_id = opened.id
    _close_if_done(turn, episode, event.id)


def _drop(episode: Episode, suspicion: Suspicion) -> None:
    episode.suspicions[:] = [each for each in episode.suspicions if each is not suspicion]


def _about(suspicion: Suspicion) -> str:
    """The same report may come under suspicion once more when a later intent explains only what ran before it."""
    return f"{suspicion.seen.id} {suspicion.after}" if suspicion.after else suspicion.seen.id


def explain(turn: Turn, record: IntentRecord) -> bool:
    """Let a new intent of the governing model explain what was seen before it came; whether it did.

    Only one that was declared before the change explains it; one declared afterwards adopts what runs. Claimed times are
    compared by the second, for the CD systems' own times have no finer grain.
    """
    for episode in reversed(turn.state.episodes):
        for suspicion in reversed(episode.suspicions):
            if not satisfies(record, suspicion.seen):
                continue
            declared_before = record.declared_at.replace(microsecond=0) <= suspicion.seen.live_at
            if episode.until is None and suspicion is episode.suspicions[-1]:
                if declared_before:
                    _explain_present(turn, record, episode, suspicion)
                else:
                    _adopt(turn, record, suspicion)
                return True
            if declared_before and not suspicion.called:
                _explain_past(turn, record, episode, suspicion)
                return True
    return False


def _explain_present(turn: Turn, record: IntentRecord, episode: Episode, suspicion: Suspicion) -> None:
    turn.state.running = Running.EXPLAINED
    corrected = None
    if suspicion.called:
        corrected = EventKind.DEPLOYMENT_OUT_OF_BAND
        end_episode(turn, turn.at, EXPLAINED, record.id)
    else:
        _drop(episode, suspicion)
        end_episode(turn, suspicion.seen.live_at, DEPLOYED, record.id)
    settle(turn, record, suspicion.seen, corrects=corrected)


def _adopt(turn: Turn, record: IntentRecord, suspicion: Suspicion) -> None:
    turn.state.running = Running.EXPLAINED
    end_episode(turn, min(record.declared_at, turn.at), ADOPTED, record.id)
    settle(turn, record, suspicion.seen, already_running=True)


def _explain_past(turn: Turn, record: IntentRecord, episode: Episode, suspicion: Suspicion) -> None:
    """It did run for a while; what runs now is no longer what the newest intent wants."""
    _drop(episode, suspicion)
    _close_if_done(turn, episode, record.id)
    settle(turn, record, suspicion.seen)
    live = turn.state.live
    if episode.until is not None and live is not None and active_episode(turn) is None:
        turn.state.running = Running.UNEXPLAINED
        suspect(turn, live, after=record.id)
