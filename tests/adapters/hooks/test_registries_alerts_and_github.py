"""When registries took an artifact, which alerts fire, and what GitHub says of deployments and packages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.facts import ObservationReported
from bridge.domain.names import ImageRef, Phase, Target
from bridge.domain.side_notes import Incident, Publication
from bridge.errors import Refused
from tests.support.report_deliveries import (
    DIGEST,
    TIP,
    alerts,
    decode,
    deployment_status,
    distribution,
    harbor,
    harbor_cloudevent,
    package,
)

PUBLISHED = datetime(2026, 3, 2, 11, 59, tzinfo=UTC)


def publication(kind: str, body: Any, headers: dict[str, str] | None = None, **settings: Any) -> Publication:
    message = decode(kind, body, headers, **settings)
    assert message is not None
    (note,) = message.notes
    assert isinstance(note, Publication)
    assert message.reports == message.hints == ()
    return note


def test_every_registry_tells_which_artifact_it_took_and_when() -> None:
    host = "registry.example.org:5000"
    told = [
        publication("distribution", distribution()),
        publication("harbor", harbor()),
        publication("github", package(), {"X-GitHub-Event": "package"}),
        publication("github", package("registry_package"), {"X-GitHub-Event": "registry_package"}),
    ]
    assert [each.artifact for each in told] == [
        ImageRef(f"{host}/acme/shop", "v2", DIGEST),
        ImageRef("harbor.example.org/acme/shop", "v2", DIGEST),
        ImageRef("ghcr.io/acme/shop", "v2", DIGEST),
        ImageRef("ghcr.io/acme/shop", "v2", DIGEST),
    ]
    assert {each.published_at.replace(microsecond=0) for each in told} == {PUBLISHED}


def test_both_payload_formats_of_harbor_tell_the_same() -> None:
    structured = {"Content-Type": "application/cloudevents+json"}
    assert publication("harbor", harbor_cloudevent(), structured) == publication("harbor", harbor())
    pulled = harbor_cloudevent() | {"type": "harbor.artifact.pulled"}
    assert decode("harbor", pulled, structured) is None
    for time in ({"time": "yesterday"}, {"time": None}):
        with pytest.raises(Refused, match="time"):
            decode("harbor", harbor_cloudevent() | time, structured)


def test_a_registry_that_is_known_by_another_name_is_told_so() -> None:
    note = publication("distribution", distribution(), registry="registry.acme.example")
    assert note.artifact.repository == "registry.acme.example/acme/shop"


def test_pulls_layers_and_odd_targets_are_no_publications() -> None:
    layer = "application/vnd.oci.image.layer.v1.tar+gzip"
    for body in (distribution("pull"), distribution(media_type=layer), distribution("delete"), {"events": []}):
        assert decode("distribution", body) is None
    for key in ("repository", "mediaType"):
        body = distribution()
        del body["events"][0]["target"][key]
        assert decode("distribution", body) is None
    odd = distribution()
    odd["events"][0]["target"]["repository"] = "Not A Name"
    assert decode("distribution", odd) is None


def test_a_push_without_a_tag_is_known_by_its_digest() -> None:
    assert publication("harbor", harbor(DIGEST)).artifact == ImageRef("harbor.example.org/acme/shop", None, DIGEST)
    body = package()
    body["package"]["package_version"] |= {"package_url": "ghcr.io/acme/shop", "container_metadata": {"tag": {}}}
    note = publication("github", body, {"X-GitHub-Event": "package"})
    assert note.artifact == ImageRef("ghcr.io/acme/shop", None, DIGEST)


def test_other_events_of_registries_are_left_alone() -> None:
    assert decode("harbor", harbor() | {"type": "PULL_ARTIFACT"}) is None
    npm = package()
    npm["package"]["package_type"] = "npm"
    timeless = package()
    timeless["package"] |= {"created_at": None, "updated_at": None}
    timeless["package"]["package_version"]["created_at"] = None
    for body in (npm, timeless, package() | {"action": "deleted"}, {"action": "published"}):
        assert decode("github", body, {"X-GitHub-Event": "package"}) is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("distribution", {"events": distribution()["events"] * 1001}),
        ("distribution", {"events": [{"timestamp": "x"}]}),
        ("harbor", harbor() | {"occur_at": "now"}),
        ("harbor", harbor() | {"occur_at": 10**18}),
        ("alertmanager", {"alerts": alerts()["alerts"] * 1001}),
        ("alertmanager", alerts("unknown")),
        ("alertmanager", {}),
        ("alertmanager", b"\xff"),
    ],
)
def test_what_a_sender_would_never_post_is_refused(kind: str, body: Any) -> None:
    with pytest.raises(Refused):
        decode(kind, body)


# --- alerts --------------------------------------------------------------------------------------------------------


def incident(body: Any, **settings: Any) -> Incident:
    message = decode("alertmanager", body, **settings)
    assert message is not None
    (note,) = message.notes
    assert isinstance(note, Incident)
    return note


def test_an_alert_is_an_incident_of_its_target_until_it_is_resolved() -> None:
    firing, again = incident(alerts()), incident(alerts(ended="2026-03-02T12:10:00Z"))
    assert firing == again, "the end of a firing alert is a time-out, no end"
    assert (firing.target, firing.title, firing.severity) == (
        Target("shop", "production"),
        "Too many errors in shop",
        "page",
    )
    assert firing.ended_at is None
    resolved = incident(alerts("resolved", "2026-03-02T12:20:00Z"))
    assert resolved.id == firing.id
    assert resolved.ended_at is not None
    assert resolved.ended_at - resolved.started_at < timedelta(minutes=14)


def test_an_alert_that_fires_again_is_another_incident() -> None:
    later = alerts()
    later["alerts"][0]["startsAt"] = "2026-03-03T12:06:00Z"
    assert incident(later).id != incident(alerts()).id


def test_an_alert_without_a_service_is_kept_without_a_target() -> None:
    body = alerts()
    body["alerts"][0]["labels"] = {"alertname": "Watchdog"}
    body["alerts"][0]["annotations"] = {}
    assert (incident(body).target, incident(body).title) == (None, "Watchdog")


def test_labels_that_are_called_otherwise_are_mapped() -> None:
    body = alerts()
    body["alerts"][0]["labels"] = {"alertname": "Slow", "component": "web", "namespace": "shop-live"}
    mapping = [{"namespace": "*-live", "service": {"from": "label", "label": "component"}, "environment": "production"}]
    assert incident(body, mapping=mapping).target == Target("web", "production")


# --- deployments of GitHub -----------------------------------------------------------------------------------------


def deployed(body: Any, **settings: Any) -> ObservationReported:
    message = decode("github", body, {"X-GitHub-Event": "deployment_status"}, **settings)
    assert message is not None
    (fact,) = message.reports
    assert isinstance(fact, ObservationReported)
    return fact


def test_a_deployment_of_github_is_a_report_of_the_image_that_it_names() -> None:
    payload = {"image": "ghcr.io/acme/shop:v2", "deploybridge-intent": "intent-1", "other": {}}
    fact = deployed(deployment_status(payload=payload), mapping=[{"service": "shop"}])
    assert (fact.target, fact.phase, fact.actor) == (Target("shop", "production"), Phase.LIVE, "ada")
    assert (fact.artifacts, fact.intent_id) == ((ImageRef("ghcr.io/acme/shop", "v2"),), "intent-1")
    assert fact.details["commit"] == TIP
    text = '{"images": ["ghcr.io/acme/shop:v2"], "deploybridge-intent": "intent-1"}'
    assert deployed(deployment_status(payload=text), mapping=[{"service": "shop"}]).artifacts == fact.artifacts


def test_an_image_may_be_made_of_the_commit() -> None:
    fact = deployed(deployment_status(), image="ghcr.io/{owner}/{repository}:{sha}")
    assert fact.artifacts == (ImageRef("ghcr.io/acme/shop", TIP),)
    assert fact.target == Target("Shop", "production")
    for payload in ("", "text", "[1]", [1], {"image": 5}):
        assert deployed(deployment_status(payload=payload)).artifacts == ()


@pytest.mark.parametrize(
    ("state", "phase"), [("in_progress", Phase.STARTED), ("failure", Phase.FAILED), ("error", Phase.FAILED)]
)
def test_each_state_that_says_something_has_its_phase(state: str, phase: Phase) -> None:
    assert deployed(deployment_status(state)).phase is phase


def test_a_state_that_says_nothing_of_what_runs_is_left_alone() -> None:
    for state in ("queued", "pending", "inactive", "waiting"):
        assert decode("github", deployment_status(state), {"X-GitHub-Event": "deployment_status"}) is None


def test_a_template_with_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\{tag\}"):
        decode("github", {}, image="ghcr.io/acme/shop:{tag}")
