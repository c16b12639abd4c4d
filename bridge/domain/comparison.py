"""The two models side by side: counts of outcomes, lead times, and differences on the deployments that both declared.

Feed it the log in order of position, then ask for the report. Every figure carries the id of its definition, the number of
cases it was taken over, and what was left out with the reason; where there are no cases it is null and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bridge.domain.compared_intents import ComparedIntent, IntentLedger, Pair
from bridge.domain.compared_legs import LegLedger, report_legs
from bridge.domain.drift_episodes import DriftEpisodes
from bridge.domain.events import Event, EventKind
from bridge.domain.legs import Leg
from bridge.domain.names import ImageRef, Model, Target
from bridge.domain.noise_report import DEFINITIONS as NOISE_DEFINITIONS
from bridge.domain.noise_report import NoiseReport, SourceTally
from bridge.domain.outcomes import STATE_AFTER, IntentState, governing_model
from bridge.domain.policies import Policies
from bridge.domain.published_times import PublishedTimes
from bridge.domain.quantiles import summarize_seconds
from bridge.domain.side_notes import Publications
from bridge.domain.write_access import WriteAccess

# A changed meaning gets a new number, so that a kept report can be read by its own definitions.
DEFINITIONS: Mapping[str, str] = {
    "range/1": "An intent, or an event that is counted by itself, belongs to the range if the bridge received it at or after "
    "`since` and before `until`. What is concluded later about an intent of the range still counts.",
    "outcomes/1": "Intents of one model by outcome; the outcomes add up to n. succeeded: seen to run. failed, late, missed, "
    "superseded, withdrawn: as the log last concluded; late means not done yet. pending: no deadline passed. unobserved: no "
    "observer ever reported the target. backfilled: read from history and nothing was ever concluded. followed: a later intent "
    "succeeded and nothing was concluded, because nobody observed the target at the time. unpaired: a shadow that the "
    "governing model did not declare. A shadow that is paired has the outcome of the governing intent. of_which counts overlap.",
    "lead_time/1": "Seconds from an intent's declared time to the time from which an observer says it runs, over the succeeded "
    "intents of the model. A paired shadow is measured from its own declaration to the same live time. n and the exclusions "
    "add up to the succeeded. Quantiles by linear interpolation between order statistics.",
    "legs/1": "The parts of lead_time/1, over the same deployments without shadows: declared (by the source), noticed (the CD "
    "system knew of the wish), sync_started (it began to act), applied (the new objects are in the cluster), live. Each end is the "
    "first statement of it in the log. A leg counts where both ends were told and are in order; not_told and contradictory_times "
    "count the others. complete: deployments of which every leg counts; their legs add up to the lead time, which is `total`.",
    "publication_to_live/1": "Seconds from the time at which a registry took the last of the artifacts to the live time, over the "
    "same deployments without shadows. publication_not_known: no registry told it, or a tag was published with several digests.",
    "pairs/1": "Deployments that both models declared, by the time at which the bridge received the second declaration; only "
    "pairs within the pairing window are compared. first: which model declared earlier.",
    "declared_difference/1": "Declared time of the Git intent minus that of the API intent, in seconds, over the pairs; positive: "
    "the API was first. The Git side is the committer's clock, the API side is the bridge's.",
    "paired_lead_time/1": "lead_time/1 over the pairs only: both models measured to the same live time; "
    "negative where a model declared it only after it was live.",
    "out_of_band/1": "Observed changes that no intent explained within the grace. corrected: an intent explained it after all.",
    "drift/1": "Episodes in which the target ran something unexplained, by when they were opened; seconds from the true start to "
    "the end, or to the time of the report where open.",
    "rollbacks/1": "Returns to an artifact that was live before; declared: by an intent.",
    "divergences/1": "Times at which the models' newest declarations for a target differed for longer than the pairing window.",
    "removals/1": "Services that stopped running because their declaration was withdrawn.",
    "write_access/1": "For each source, how many different people and robots declared something in the range, and what the bridge "
    "itself needs there: it reads, with read-only credentials, and never pushes. branch_writers: all who could change the branch, "
    "by noise over the same weeks; null where nobody counts the commits of a source.",
    "clock_skew_bound/1": "How far the clocks behind the compared times may be apart. Differences below it mean nothing.",
}

OUTCOMES = (
    "succeeded",
    "failed",
    "late",
    "missed",
    "superseded",
    "withdrawn",
    "pending",
    "unobserved",
    "backfilled",
    "followed",
    "unpaired",
)
OF_WHICH = ("succeeded_late", "succeeded_after_missed", "succeeded_after_failure", "by_tag", "backfilled", "shadows")
COMPARED_KINDS = frozenset(
    {
        EventKind.INTENT_DECLARED,
        EventKind.INTENT_WITHDRAWN,
        EventKind.OBSERVATION_REPORTED,
        EventKind.DEPLOYMENT_ROLLED_BACK,
        EventKind.DEPLOYMENT_OUT_OF_BAND,
        EventKind.DEPLOYMENT_REMOVED,
        EventKind.DRIFT_OPENED,
        EventKind.DRIFT_CLOSED,
        EventKind.MODELS_DIVERGED,
        EventKind.MODELS_AGREED,
        *STATE_AFTER,
    }
)
CAVEATS = (
    "Declared and live times are claims of different clocks, and no bound on their skew was measured.",
    (
        "Both ends of a lead time are claimed times: the delay until the bridge polled or was told is in none of them, the "
        "observer's own delay is in all of them."
    ),
)


class Comparison:
    """Accumulates the report; memory grows with the intents in the range only."""

    def __init__(
        self,
        policies: Policies,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        now: datetime | None = None,
    ) -> None:
        self._policies = policies
        self._since, self._until = since, until
        self._ledger = IntentLedger()
        self._episodes = DriftEpisodes(now)
        self._declared_by: dict[Target, frozenset[Model]] = {}
        self._observed: set[Target] = set()
        self._counts: Counter[str] = Counter()
        self._access = WriteAccess()
        self._commits: Sequence[SourceTally] = ()
        self._legs = LegLedger()

    def know_target(self, target: Target, *, declared_by: Iterable[Model], observed: bool) -> None:
        """Say what the range alone may not show: which models ever declared the target, and whether it was ever observed."""
        self._declared_by[target] = self._declared_by.get(target, frozenset()) | frozenset(declared_by)
        if observed:
            self._observed.add(target)

    def add(self, event: Event) -> None:
        """Take in the next event; other kinds than COMPARED_KINDS, and events before the range, change nothing."""
        if event.target is None or (self._since is not None and event.received_at < self._since):
            return
        in_range = self._until is None or event.received_at < self._until
        kind = event.kind
        if kind is EventKind.INTENT_DECLARED:
            assert event.model is not None
            self.know_target(event.target, declared_by=(event.model,), observed=False)
            self._ledger.declare(event, counted=in_range)
            if in_range:
                self._access.add(event)
                self._legs.declare(event)
        elif kind is EventKind.OBSERVATION_REPORTED:
            self._legs.observe(event)
        elif kind is EventKind.INTENT_WITHDRAWN:
            self._ledger.withdraw(event)
        elif kind in STATE_AFTER:
            self._observed.add(event.target)
            self._ledger.conclude(event)
            if kind is EventKind.DEPLOYMENT_SUCCEEDED:
                self._legs.succeed(event)
            if in_range and event.details.get("corrects") == EventKind.DEPLOYMENT_OUT_OF_BAND:
                self._counts["out_of_band.corrected"] += 1
        elif kind is EventKind.MODELS_AGREED:
            self.know_target(event.target, declared_by=Model, observed=False)
            self._ledger.agree(event, in_range=in_range)
            self._legs.agree(str(event.details.get("gitops_intent")), str(event.details.get("api_intent")))
        elif kind is EventKind.DRIFT_CLOSED:
            self._episodes.close(event)
        elif in_range:
            self._count(event)

    def know_commits(self, tallies: Sequence[SourceTally]) -> None:
        """Say what the sources counted of their commits; only the weeks of the range are used."""
        self._commits = tallies

    def ran(self) -> list[ImageRef]:
        """What the counted deployments made live: when it was published is asked of the log before the report."""
        found = {image for _, intent in self._ledger.counted() for image in intent.ran}
        return sorted(found, key=lambda image: image.sort_key)

    def report(self, publications: Publications | None = None) -> dict[str, object]:
        """The figures so far, JSON-ready; ``publications`` as far as they are known of what ``ran``."""
        known = publications or Publications(())
        noise = NoiseReport(self._commits, since=self._since, until=self._until)
        return {
            "models": {model.value: self._report_model(model, known) for model in Model},
            "pairs": self._report_pairs(),
            "out_of_band": self._figure("out_of_band", "same_tag", "gone", "gap", "corrected"),
            "drift": {"definition": "drift/1", **self._episodes.report()},
            "rollbacks": self._figure("rollbacks", "declared", "undeclared"),
            "divergences": self._figure("divergences"),
            "removals": self._figure("removals"),
            "write_access": {"definition": "write_access/1", "sources": self._access.report(noise.writers())},
            "noise": noise.in_short(),
            "clock_skew_bound": {"definition": "clock_skew_bound/1", "seconds": None, "reason": "not measured"},
            "caveats": list(CAVEATS),
            "definitions": {**DEFINITIONS, **NOISE_DEFINITIONS},
        }

    def _count(self, event: Event) -> None:
        counts, details = self._counts, event.details
        match event.kind:
            case EventKind.DEPLOYMENT_OUT_OF_BAND:
                counts["out_of_band"] += 1
                counts.update(f"out_of_band.{flag}" for flag in ("same_tag", "gone", "gap") if details.get(flag))
            case EventKind.DEPLOYMENT_ROLLED_BACK:
                counts["rollbacks"] += 1
                counts["rollbacks.declared" if details.get("declared") else "rollbacks.undeclared"] += 1
            case EventKind.MODELS_DIVERGED:
                counts["divergences"] += 1
            case EventKind.DEPLOYMENT_REMOVED:
                counts["removals"] += 1
            case EventKind.DRIFT_OPENED:
                self._episodes.open(event)
            case _:
                pass

    def _figure(self, name: str, *parts: str) -> dict[str, object]:
        split = {part: self._counts[f"{name}.{part}"] for part in parts}
        return {"definition": f"{name}/1", "n": self._counts[name], **split}

    def _report_model(self, model: Model, publications: Publications) -> dict[str, object]:
        outcomes = dict.fromkeys(OUTCOMES, 0)
        of_which = dict.fromkeys(OF_WHICH, 0)
        excluded: Counter[str] = Counter()
        leads: list[float] = []
        legs: list[dict[str, Leg]] = []
        published = PublishedTimes(publications)
        for intent_id, intent in self._ledger.counted():
            if intent.model is not model:
                continue
            shadow_pair = self._shadow_pair(intent_id, intent)
            told = self._ledger.intents[shadow_pair.intent_of(model.other)] if shadow_pair is not None else intent
            outcome = self._outcome(intent, told)
            outcomes[outcome] += 1
            of_which.update({flag: of_which[flag] + 1 for flag in self._flags(intent, told, outcome)})
            if outcome == "succeeded":
                reason, lead = self._lead(model, told, shadow_pair)
                if reason is not None:
                    excluded[reason] += 1
                else:
                    leads.append(lead)
                    if told is intent:
                        legs.append(self._legs.legs_of(intent_id))
                        published.add(intent.ran, intent.live_at)
        total = sum(outcomes.values())
        none = "no intent succeeded in the range" if not outcomes["succeeded"] else "every deployment was excluded"
        return {
            "intents": {"definition": "outcomes/1", "n": total, "outcomes": outcomes, "of_which": of_which},
            "lead_time": {
                "definition": "lead_time/1",
                **summarize_seconds(leads, nothing=none),
                "excluded": dict(sorted(excluded.items())),
            },
            "legs": {"definition": "legs/1", **report_legs(legs, nothing=none)},
            "publication_to_live": {"definition": "publication_to_live/1", **published.report(nothing=none)},
        }

    def _governs(self, target: Target) -> Model | None:
        return governing_model(target, self._declared_by.get(target, frozenset()), self._policies)

    def _is_shadow(self, intent: ComparedIntent) -> bool:
        """An intent with conclusions of its own governed when they were drawn, whatever governs today."""
        return not intent.has_conclusion and self._governs(intent.target) is not intent.model

    def _shadow_pair(self, intent_id: str, intent: ComparedIntent) -> Pair | None:
        return self._ledger.pair_of(intent_id) if self._is_shadow(intent) else None

    def _telling_model(self, pair: Pair) -> Model:
        """The model whose intent has the pair's conclusions: the governing one, or the one that governed at the time."""
        governing = self._governs(pair.target) or Model.GITOPS
        intents = self._ledger.intents
        governed_then = not intents[pair.intent_of(governing)].has_conclusion and (
            intents[pair.intent_of(governing.other)].has_conclusion
        )
        return governing.other if governed_then else governing

    def _outcome(self, intent: ComparedIntent, told: ComparedIntent) -> str:
        """One of OUTCOMES; ``told`` is the intent whose conclusions tell it, the governing one for a paired shadow."""
        if told is intent and self._is_shadow(intent):
            return "withdrawn" if told.state is IntentState.WITHDRAWN else "unpaired"
        if told.state not in {IntentState.DECLARED, IntentState.APPLYING, IntentState.LATE}:
            return told.state.value
        if told.missed or told.late:
            return "missed" if told.missed else "late"
        if told.state is IntentState.DECLARED and (told.backfilled or told.followed):
            return "backfilled" if told.backfilled else "followed"
        return "pending" if told.target in self._observed else "unobserved"

    def _flags(self, intent: ComparedIntent, told: ComparedIntent, outcome: str) -> list[str]:
        done = outcome == "succeeded"
        holds = (
            done and told.late,
            done and told.missed,
            done and told.failed,
            done and told.by_tag,
            intent.backfilled,
            self._is_shadow(intent),
        )
        return [flag for flag, held in zip(OF_WHICH, holds, strict=True) if held]

    @staticmethod
    def _lead(model: Model, told: ComparedIntent, shadow_pair: Pair | None) -> tuple[str | None, float]:
        """The lead time, or first the reason why it counts nowhere."""
        if told.excluded is not None or told.lead_seconds is None:
            return told.excluded or "no_live_time", 0.0
        if shadow_pair is None:
            return None, told.lead_seconds
        if not shadow_pair.within_window:
            return "outside_window", 0.0
        lead = shadow_pair.lead_of(model, governing=model.other, lead_seconds=told.lead_seconds)
        return ("declared_after_live" if lead < 0 else None), lead

    def _report_pairs(self) -> dict[str, object]:
        leads: dict[Model, list[float]] = {model: [] for model in Model}
        excluded: Counter[str] = Counter()
        counted = [pair for pair in self._ledger.pairs if pair.counted]
        within = [pair for pair in counted if pair.within_window]
        for pair in within:
            governing = self._telling_model(pair)
            told = self._ledger.intents[pair.intent_of(governing)]
            if told.excluded is not None or told.lead_seconds is None:
                excluded[told.excluded or "not_succeeded"] += 1
                continue
            for model in Model:
                leads[model].append(pair.lead_of(model, governing=governing, lead_seconds=told.lead_seconds))
        first = Counter(pair.first for pair in within)
        none = "no deployment was declared by both models within the pairing window"
        lead_none = "no pair has a live time that may be compared" if within else none
        return {
            "definition": "pairs/1",
            "n": len(within),
            "excluded": {"outside_window": len(counted) - len(within)} if len(counted) > len(within) else {},
            "first": {name: first[name] for name in (*(model.value for model in Model), "tie")},
            "declared_difference": {
                "definition": "declared_difference/1",
                **summarize_seconds((pair.api_ahead_seconds for pair in within), nothing=none),
            },
            "lead_time": {
                model.value: {
                    "definition": "paired_lead_time/1",
                    **summarize_seconds(leads[model], nothing=lead_none),
                    "excluded": dict(sorted(excluded.items())),
                }
                for model in Model
            },
        }
