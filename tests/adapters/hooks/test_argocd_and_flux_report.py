"""What Argo CD and Flux post becomes a report of the right target, with its times and its link."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.observers.argocd.decode import ApplicationReader
from adapters.observers.argocd.settings import ArgocdObserverSettings
from bridge.domain.facts import ObservationReported
from bridge.domain.names import ImageRef, Phase, Target
from bridge.errors import Refused
from bridge.formats.mapping import TargetMap
from bridge.ports import Hint, HookMessage
from tests.support import report_deliveries as others
from tests.support.report_deliveries import TIP, application, decode, decoder, flux, notify, request

BY_NAME = [{"name": "{service}-{environment}"}]


def at(minute: int, second: int = 0) -> datetime:
    return datetime(2026, 3, 2, 12, minute, second, tzinfo=UTC)


def told(kind: str, body: Any, **settings: Any) -> HookMessage:
    message = decode(kind, body, **settings)
    assert message is not None
    return message


def report(kind: str, body: Any, **settings: Any) -> ObservationReported:
    (fact,) = told(kind, body, **settings).reports
    assert isinstance(fact, ObservationReported)
    assert fact.pushed
    assert fact.id is not None
    return fact


def argocd(**status: Any) -> ObservationReported:
    return report("argocd", notify(application(**status)), mapping=BY_NAME)


def test_our_own_template_tells_what_a_sync_made_live() -> None:
    fact = argocd()
    assert fact.target == Target("shop", "production")
    assert fact.artifacts == (ImageRef("ghcr.io/acme/shop", "v2"),), "what PreSync ran is no part of the service"
    assert (fact.phase, fact.source_time) == (Phase.LIVE, at(2))
    assert (fact.intent_id, fact.source.revision, fact.actor) == ("intent-1", TIP, "ada")
    assert fact.details["images_from"] == "sync"
    assert fact.details["legs"] == {
        "sync_started": {"at": "2026-03-02T12:01:00.000000Z", "said_by": "operationState.startedAt"},
        "applied": {"at": "2026-03-02T12:01:20.000000Z", "said_by": "operationState.finishedAt"},
    }


def test_the_hook_and_the_observer_of_an_argo_cd_mean_the_same_target() -> None:
    words = {
        "cluster": "eu",
        "clusters": {"https://10.0.0.1:6443": "us"},
        "mapping": [{"cluster": "{environment}"}],
    }
    settings = ArgocdObserverSettings.model_validate({"kind": "argocd", "name": "argo", **words})
    read = ApplicationReader(settings, TargetMap(settings.mapping)).describe
    destinations = {
        "eu": {"server": "https://kubernetes.default.svc"},
        "us": {"server": "https://10.0.0.1:6443"},
        "asia": {"name": "asia"},
        "k8s.example.org": {"server": "https://k8s.example.org:6443"},
    }
    for environment, destination in destinations.items():
        app = application()
        app["spec"]["destination"] = destination
        app["metadata"] |= {"uid": "1", "resourceVersion": "1"}
        target = report("argocd", notify(app), **words).target
        assert target == read(json.dumps(app).encode()).kept.target == Target("shop-production", environment)


@pytest.mark.parametrize("reason", ["DriftDetected", "DriftCorrectionFailed"])
def test_a_drift_that_flux_warns_of_is_no_failed_deployment(reason: str) -> None:
    assert decode("flux", flux("HelmRelease", severity="error", reason=reason)) is None


def test_flux_may_say_which_namespace_the_workloads_are_in() -> None:
    event = flux(involvedObject={"kind": "Kustomization", "namespace": "flux-system", "name": "shop"})
    assert report("flux", event).target == Target("shop", "flux-system")
    event["metadata"] |= {"namespace": "production"}
    assert report("flux", event).target == Target("shop", "production")


def test_every_phase_of_an_operation_is_told_with_its_own_time() -> None:
    running = {"phase": "Running", "finishedAt": None}
    since = {"lastTransitionTime": "2026-03-02T12:01:30Z"}
    seen = [
        argocd(operationState=running),
        argocd(operationState={"phase": "Failed", "message": "one or more objects failed to apply"}),
        argocd(health={"status": "Progressing"}),
        argocd(health={"status": "Degraded", **since}),
        argocd(health={"status": "Degraded", "lastTransitionTime": "2026-03-02T11:00:00Z"}),
        argocd(health={"status": "Healthy", "lastTransitionTime": "2026-03-02T11:00:00Z"}),
    ]
    assert [(each.phase, each.source_time) for each in seen] == [
        (Phase.STARTED, at(1)),
        (Phase.FAILED, at(1, 20)),
        (Phase.PROGRESSING, at(1, 20)),
        (Phase.FAILED, at(1, 30)),
        (Phase.PROGRESSING, at(1, 20)),  # degraded before the sync: it says nothing about this one yet
        (Phase.LIVE, at(1, 20)),
    ]
    assert seen[1].details["reason"] == "one or more objects failed to apply"


def test_an_automated_sync_was_noticed_by_the_comparison_that_began_it() -> None:
    operation = {"initiatedBy": {"automated": True}, "sync": {"revision": TIP}}
    running = argocd(operationState={"phase": "Running", "finishedAt": None, "operation": operation})
    legs = running.details["legs"]
    assert isinstance(legs, dict)
    assert legs["noticed"] == {
        "at": "2026-03-02T12:00:50.000000Z",
        "said_by": "reconciledAt before the automated sync",
    }
    assert running.actor == "automated sync"
    for status in (
        {"operationState": {"phase": "Running"}},  # somebody asked for it
        {"operationState": {"phase": "Succeeded", "operation": operation}},  # it was compared again since
        {
            "operationState": {"phase": "Running", "operation": operation},
            "reconciledAt": "2026-03-02T12:01:01Z",
        },
    ):
        assert "noticed" not in str(argocd(**status).details["legs"])


def test_an_old_argo_cd_without_images_in_the_result_is_read_by_its_summary_once_it_is_healthy() -> None:
    plain = {"revision": TIP, "resources": [{"kind": "Deployment", "syncPhase": "Sync"}]}
    summary = {"images": ["ghcr.io/acme/shop:v2", "not an image", "nginx"]}
    live = argocd(operationState={"syncResult": plain}, summary=summary)
    assert [str(image) for image in live.artifacts] == ["ghcr.io/acme/shop:v2", "nginx:latest"]
    assert live.details["images_from"] == "summary"
    rolling = argocd(operationState={"syncResult": plain}, summary=summary, health={"status": "Progressing"})
    assert rolling.artifacts == (), "while pods are replaced the summary holds old and new"


def test_a_partial_sync_tells_no_images_of_its_own_and_a_dry_run_or_a_self_heal_nothing() -> None:
    some = {"operation": {"sync": {"resources": [{"kind": "Deployment"}]}}}
    fact = argocd(operationState=some, summary={"images": ["ghcr.io/acme/shop:v2"]})
    assert (fact.details["partial"], fact.details["images_from"]) == ("true", "summary")
    for sync in ({"dryRun": True}, {"autoHealAttemptsCount": 1, "resources": [{"kind": "Deployment"}]}):
        body = notify(application(operationState={"operation": {"sync": sync}}))
        assert decode("argocd", body, mapping=BY_NAME) is None


def test_an_application_out_of_sync_hints_at_its_repository() -> None:
    body = notify(application(sync={"status": "OutOfSync", "revision": TIP}))
    assert told("argocd", body).hints == (Hint(("https://git.example.org/acme/infra.git",), None, TIP),)
    app = application(sync={"status": "OutOfSync", "revision": "1.2.3"})
    app["spec"]["source"]["chart"] = "shop"
    assert told("argocd", notify(app)).hints == (), "a chart's repository holds no commits"


def test_an_application_that_never_synced_or_that_no_mapping_covers_tells_nothing() -> None:
    fresh = application(operationState=None, health=None, summary=None)
    assert decode("argocd", notify(fresh)) is None
    assert decode("argocd", notify(application()), mapping=[{"name": "other-{environment}"}]) is None


def test_the_same_notification_has_the_same_id_and_the_next_operation_another() -> None:
    again, later = argocd(), argocd(operationState={"finishedAt": "2026-03-02T12:09:00Z"})
    assert argocd() == again
    assert later.id != again.id


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "object"),
        (b'{"v": 1}', "app"),
        (b'{"v": 2, "app": "shop"}', "version 2"),
        (b'{"v": 1, "app": "shop", "operationState": {"phase": "Running", "startedAt": "noon"}}', "startedAt"),
        (b'{"v": 1, "app": ' + b"[" * 100_000, "nested|Expected|expected|JSON"),
        (b'{"v": 1, "app": "shop", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
        (json.dumps({"v": 1, "app": "s", "summary": {"images": ["x"] * 1001}}).encode(), "length"),
    ],
)
def test_a_body_that_is_not_the_templates_is_refused_naming_what_is_wrong(body: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said):
        decode("argocd", body)


# --- Flux ----------------------------------------------------------------------------------------------------------


def test_a_reconciled_kustomization_tells_its_times_and_link_but_no_images() -> None:
    fact = report("flux", flux())
    assert fact.target == Target("shop", "production")
    assert (fact.artifacts, fact.phase) == ((), Phase.PROGRESSING), "applied is not live"
    assert (fact.intent_id, fact.source.revision, fact.source_time) == ("intent-1", TIP, at(3))
    legs = fact.details["legs"]
    assert isinstance(legs, dict)
    assert list(legs) == ["applied"]


@pytest.mark.parametrize(
    ("event", "phase"),
    [
        (flux(reason="Progressing", message="Deployment/production/shop configured"), Phase.PROGRESSING),
        (flux(reason="Progressing", message="Health check passed in 12.3s"), Phase.LIVE),
        (flux(reason="HealthCheckFailed", severity="error", message="timeout waiting for: [...]"), Phase.FAILED),
        (flux("HelmRelease", reason="UpgradeSucceeded"), Phase.LIVE),
        (flux("HelmRelease", reason="UpgradeFailed", severity="error"), Phase.FAILED),
    ],
)
def test_each_event_of_progress_has_its_phase(event: dict[str, Any], phase: Phase) -> None:
    assert report("flux", event).phase is phase


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        (f"main@sha1:{TIP}", TIP),
        (f"refs/pull/1/head@sha1:{TIP}", TIP),
        (f"main/{TIP}", TIP),
        (f"sha1:{TIP}", TIP),
        ("6.6.1", None),
        (f"main@sha1:{TIP[:7]}", None),
        ("", None),
    ],
)
def test_the_commit_is_read_off_every_shape_of_a_revision(revision: str, expected: str | None) -> None:
    assert report("flux", flux(metadata={"revision": revision})).source.revision == expected


def test_an_artifact_from_git_is_known_by_the_commit_that_it_was_made_of() -> None:
    made = {"revision": f"latest@sha256:{'ab' * 32}", "originRevision": f"main@sha1:{TIP}"}
    assert report("flux", flux(metadata=made)).source.revision == TIP


def test_a_new_artifact_of_a_source_wakes_the_sources_that_the_hook_names() -> None:
    event = flux("GitRepository", reason="NewArtifact", message="stored artifact for commit 'Bump shop'")
    assert told("flux", event, wakes=["infra"]) == HookMessage("NewArtifact", (Hint((), None, TIP),))
    assert decode("flux", event) is None, "it tells no address"
    for other in (flux("ImagePolicy"), flux("HelmRelease", reason="DriftDetected"), flux(reason="DependencyNotReady")):
        assert decode("flux", other) is None


def test_the_cluster_of_the_alert_or_of_the_hook_is_mapped() -> None:
    mapping = [{"cluster": "{environment}-*"}]
    event = flux(metadata={"cluster": "staging-eu1"})
    assert report("flux", event, mapping=mapping).target == Target("shop", "staging")
    assert report("flux", flux(metadata=None), mapping=mapping, cluster="live-us2").target == Target("shop", "live")


@pytest.mark.parametrize("algorithm", ["sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("newline", ["", "\n"], ids=["as it is", "with the newline that a Secret may end in"])
def test_flux_is_believed_by_each_algorithm_that_it_may_sign_with(algorithm: str, newline: str) -> None:
    body = json.dumps(flux()).encode()
    signature = hmac.new(f"s3cret{newline}".encode(), body, algorithm).hexdigest()
    reading = decoder("flux")
    for text in (signature, signature.upper()):
        assert reading.is_genuine(request({"X-Signature": f"{algorithm}={text}"}, body), ["old", "s3cret"])
    for wrong in (signature[:-1], "", hashlib.new(algorithm, body).hexdigest()):
        assert not reading.is_genuine(request({"X-Signature": f"{algorithm}={wrong}"}, body), ["s3cret"])
    assert not reading.is_genuine(request({"X-Signature": f"{algorithm}={signature}"}, body + b" "), ["s3cret"])


@pytest.mark.parametrize("signature", ["sha1=aa", "md5=aa", "aa", "=aa", "sha256"])
def test_a_signature_of_an_unknown_algorithm_is_refused_and_says_which_are_known(signature: str) -> None:
    with pytest.raises(Refused, match="sha224, sha256, sha384, sha512"):
        decoder("flux").is_genuine(request({"X-Signature": signature}, b"{}"), ["s3cret"])


@pytest.mark.parametrize("kind", ["argocd", "flux", "cdevents", "alertmanager", "distribution", "harbor"])
def test_who_signs_nothing_is_believed_by_the_secret_itself(kind: str) -> None:
    reading = others.decoder(kind)
    for given in ("Bearer s3cret", "bearer  s3cret", "s3cret"):
        assert reading.is_genuine(request({"Authorization": given}, b""), ["old", "s3cret"])
    for given in ("", "Bearer", "Bearer ", "Basic s3cret", "Bearer s3cret2", "Bearer s3cre"):
        assert not reading.is_genuine(request({"Authorization": given}, b""), ["s3cret", ""])
    assert not reading.is_genuine(request({}, b""), ["s3cret"])
