"""Reads the golden scenarios: their short forms become facts of the domain, their expectations plain dictionaries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from bridge.domain.facts import (
    ConfigChanged,
    Fact,
    IntentDeclared,
    IntentWithdrawn,
    ObservationReported,
    SourceLost,
    SourceReturned,
)
from bridge.domain.names import ImageRef, Model, Phase, SourceRef, Target, bundle
from bridge.domain.policies import Policies, Policy
from bridge.domain.times import format_time

EPOCH = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGET = Target("shop", "production")
SOURCES = {Model.GITOPS: SourceRef("git", "infra"), Model.API: SourceRef("api", "ci")}
OBSERVER = SourceRef("http", "cluster")
PATH = Path(__file__).parents[1] / "domain" / "semantics.yaml"


@dataclass(frozen=True)
class Step:
    """A fact at a moment, or (fact None) time that passes to it."""

    at: datetime
    fact: Fact | None


def moment(text: str) -> datetime:
    """``10:20`` is ten minutes and twenty seconds after the beginning; a minus sign goes before it."""
    return EPOCH + span(text)


def span(text: str) -> timedelta:
    sign = -1 if text.startswith("-") else 1
    minutes, seconds = text.lstrip("-").split(":")
    return sign * timedelta(minutes=int(minutes), seconds=int(seconds))


def artifacts(short: Any) -> tuple[ImageRef, ...]:
    """``v2``, ``v2@d2``, ``:v2`` (unknown repository) or ``{web: v2, worker: v2}``."""
    if short == "nothing":
        return ()
    named = short if isinstance(short, dict) else {"shop": short}
    return bundle(_image(name, text) for name, text in named.items())


def _image(name: str, text: str) -> ImageRef:
    tag, _, digest = text.removeprefix(":").partition("@")
    repository = None if text.startswith(":") else f"ghcr.io/acme/{name}"
    return ImageRef(repository, tag, "sha256:" + sha256(digest.encode()).hexdigest() if digest else None)


def load() -> dict[str, Any]:
    return yaml.load(PATH.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader builds strings only


def policies(settings: dict[str, str]) -> Policies:
    """Limits as spans; ``governed_by: default`` leaves the model to the rule for what is not configured."""
    limits = {name: span(text) for name, text in settings.items() if name != "governed_by"}
    governed_by = None if settings["governed_by"] == "default" else Model(settings["governed_by"])
    return Policies(default=Policy(governed_by=governed_by, **limits))


def steps(scenario: dict[str, Any], settings: dict[str, str] | None = None) -> list[Step]:
    """``settings`` are those that a change of the policy goes out from."""
    return [_step(raw, number, settings or {}) for number, raw in enumerate(scenario["facts"])]


def _step(raw: dict[str, Any], number: int, settings: dict[str, str]) -> Step:
    if "wait" in raw:
        return Step(moment(raw["wait"]), None)
    at = moment(raw["at"])
    if "policy" in raw:
        return Step(at, ConfigChanged(digest=f"{number}", policies=policies(settings | raw["policy"])))
    if "observe" in raw:
        return Step(at, _observation(raw))
    if "observer" in raw:
        kind = SourceLost if raw["observer"] == "lost" else SourceReturned
        return Step(at, kind(source=_observer(raw), model=None))
    model = Model(raw.get("model", "gitops"))
    if "source" in raw:
        kind = SourceLost if raw["source"] == "lost" else SourceReturned
        if "file" in raw:
            source = SourceRef("git", "infra", None, raw["file"])
            return Step(at, kind(source=source, model=model, targets=(_target(raw),)))
        return Step(at, kind(source=SOURCES[model], model=model))
    said = {
        "id": f"{raw.get('id', number)}-intent",
        "model": model,
        "target": _target(raw),
        "declared_at": moment(raw["declared"]) if "declared" in raw else at,
        "source": replace(SOURCES[model], revision=raw.get("revision")),
        "backfilled": raw.get("backfilled") == "true",
    }
    if "withdraw" in raw:
        return Step(at, IntentWithdrawn(**said))
    details = {"reason": raw["reason"]} if "reason" in raw else {}
    return Step(at, IntentDeclared(**said, artifacts=artifacts(raw["intent"]), details=details))


def _target(raw: dict[str, Any]) -> Target:
    return Target(raw.get("service", TARGET.service), TARGET.environment)


def _observer(raw: dict[str, Any]) -> SourceRef:
    return SourceRef("http", raw.get("by", OBSERVER.name))


def _observation(raw: dict[str, Any]) -> ObservationReported:
    """``names`` is the id of an intent that the system carries; ``hook`` says who posted it, ``revision`` what was synced."""
    source = SourceRef("hook", f"hook:{raw['hook']}") if "hook" in raw else _observer(raw)
    return ObservationReported(
        id=f"{raw['id']}-observation" if "id" in raw else None,
        target=_target(raw),
        artifacts=() if raw["observe"] == "nothing" else artifacts(raw["observe"]),
        phase=Phase(raw.get("phase", "live")),
        source=replace(source, revision=raw.get("revision")),
        intent_id=f"{raw['names']}-intent" if "names" in raw else None,
        pushed="hook" in raw,
        source_time=moment(raw["source_time"]) if "source_time" in raw else None,
        actor=raw.get("actor"),
        backfilled=raw.get("backfilled") == "true",
        details={
            **({"intent": f"{raw['carries']}-intent"} if "carries" in raw else {}),
            **({"revision": raw["revision"]} if "revision" in raw else {}),
        },
    )


def disagreements(expected: dict[str, Any], actual: dict[str, Any]) -> list[str]:
    """What of an expectation does not hold on the record (event_v1, as a dictionary) of a conclusion."""
    problems: list[str] = []

    def check(what: str, wanted: object, got: object) -> None:
        if wanted != got:
            problems.append(f"{what}: expected {wanted!r}, got {got!r}")

    for key, wanted in expected.items():
        match key:
            case "at":
                check(key, format_time(moment(wanted)), actual["received_at"])
            case "artifacts":
                check(key, _as_record(wanted), actual["artifacts"])
            case "lead":
                seconds = None if wanted in {"null", "", None} else span(wanted).total_seconds()
                check(key, seconds, actual["details"]["lead_seconds"])
            case "details":
                for name, value in wanted.items():
                    check(f"details.{name}", _detail(name, value), actual["details"].get(name))
            case _:
                check(key, wanted, actual[key])
    return problems


def _detail(name: str, value: str) -> object:
    if value in {"true", "false"}:
        return value == "true"
    if name in {"since", "until"}:
        return format_time(moment(value))
    if name == "ahead_by":
        return span(value).total_seconds()
    if name in {"gitops", "api"}:
        return _as_record(value)
    return value


def _as_record(short: Any) -> list[dict[str, str | None]]:
    if short == "nothing":
        return []
    return [{"repository": i.repository, "tag": i.tag, "digest": i.digest} for i in artifacts(short)]
