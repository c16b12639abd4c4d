"""What Flux's objects and the workloads that they applied add up to for each service, and when that is news."""

from __future__ import annotations

import pytest

from bridge.domain.names import Target
from tests.adapters.flux_observer.cluster import Reports, Watcher, made, say
from tests.support.flux import (
    FLUX,
    GIT_REPOSITORIES,
    HELM_RELEASES,
    KUSTOMIZATIONS,
    OCI_REPOSITORIES,
    commit,
    content,
    revision,
)
from tests.support.workloads import DEPLOYMENTS

V1, V2, V9 = "ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v2", "ghcr.io/acme/shop:v9"
SHOP = Target("shop", "production")


def running(image: str = V1) -> Reports:
    """A shop that was deployed by a Kustomization."""
    seen = Reports()
    seen.cluster.artifact("infra", revision("one"))
    seen.cluster.kustomization("shop")
    seen.cluster.deploy("shop", revision("one"), image)
    assert seen.words == ["shop shop:v1 started", "shop shop:v1 live"]
    seen.facts.clear()
    return seen


def released() -> Reports:
    """A shop that was deployed by a HelmRelease."""
    seen = Reports()
    seen.cluster.release("shop")
    seen.cluster.upgrade("shop", "1.0.0", "v1")
    seen.cluster.apply(HELM_RELEASES, "shop", "shop", V1)
    seen.cluster.workloads.complete("shop")
    seen.cluster.released("shop", reason="InstallSucceeded")
    assert seen.words == ["shop shop:v1 started", "shop shop:v1 live"]
    seen.facts.clear()
    return seen


def test_a_deployment_is_live_when_its_workloads_are_and_flux_says_so() -> None:
    seen = running()
    seen.cluster.artifact("infra", revision("two"))
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "shop", V2)
    seen.cluster.workloads.roll("shop", updated=1)
    seen.cluster.workloads.complete("shop")
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 progressing"], "health checks are still to come"
    seen.cluster.succeed("shop", "two", "shop")
    assert seen.words[2:] == ["shop shop:v2 live"]
    details = seen.last
    assert details["images_from"] == "workloads"
    assert details["objects"] == ["Kustomization flux-system/shop"]
    assert details["workloads"] == ["Deployment production/shop"]
    assert (details["flux_revision"], details["revision"]) == (revision("two"), commit("two"))
    assert seen.facts[-1].source.revision == commit("two")
    assert details["content"] == content("two")
    noticed = seen.store.get(GIT_REPOSITORIES, (FLUX, "infra"))["status"]["artifact"]["lastUpdateTime"]
    legs = details["legs"]
    assert legs["noticed"] == {"at": noticed.replace("Z", ".000000Z"), "said_by": "GitRepository status.artifact"}
    assert list(legs) == ["noticed", "sync_started", "applied"]
    assert legs["noticed"]["at"] < legs["sync_started"]["at"] < legs["applied"]["at"]
    assert legs["applied"]["said_by"] == "Deployment managedFields"
    assert details["source"] == "GitRepository flux-system/infra"
    assert seen.facts[-1].actor == "kustomize-controller"


def test_applied_without_waiting_is_not_live_yet() -> None:
    seen = running()
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "shop", V2)
    seen.cluster.succeed("shop", "two", "shop")
    assert seen.words == ["shop shop:v2 started"]
    seen.cluster.workloads.complete("shop")
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 live"]


def test_a_commit_that_changes_no_manifest_is_noise() -> None:
    seen = running()
    for name in ("two", "three"):
        seen.cluster.artifact("infra", revision(name))
        seen.cluster.attempt("shop", revision(name))
        seen.cluster.succeed("shop", V1, "shop")
    assert seen.words == []
    assert (seen.book.same_content, seen.book.new_content) == (2, 0)


def test_new_manifests_with_the_same_images_are_counted_as_deployments_of_the_object() -> None:
    seen = running()
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.succeed("shop", "other settings", "shop")
    assert seen.words == []
    assert (seen.book.same_content, seen.book.new_content) == (0, 1)


def test_going_back_to_earlier_manifests_is_a_deployment_although_the_history_has_no_new_entry() -> None:
    seen = running()
    seen.cluster.deploy("shop", revision("two"), V2)
    seen.cluster.deploy("shop", revision("three"), V1)
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 live", "shop shop:v1 started", "shop shop:v1 live"]
    assert seen.book.new_content == 2
    assert seen.last["flux_revision"] == revision("three")


def test_a_failed_health_check_is_the_failure_of_what_was_applied() -> None:
    seen = running()
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "shop", V2)
    seen.cluster.fail(
        "shop", "HealthCheckFailed", "timeout waiting for: [Deployment/production/shop status: 'InProgress']"
    )
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 failed"]
    assert seen.last["reason"].startswith("HealthCheckFailed: timeout waiting for")
    assert seen.last["flux_revision"] == revision("two")


def test_trying_the_same_again_and_failing_again_is_no_news() -> None:
    seen = running()
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "shop", V2)
    for _ in range(3):
        seen.cluster.fail("shop", "HealthCheckFailed")
        seen.cluster.attempt("shop", revision("two"))
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 failed"]
    seen.cluster.workloads.complete("shop")
    seen.cluster.succeed("shop", "two", "shop")
    assert seen.words[2:] == ["shop shop:v2 live"]


def test_what_fails_health_long_after_it_was_live_is_no_deployment() -> None:
    seen = running()
    seen.cluster.fail("shop", "HealthCheckFailed")
    assert seen.words == []


def test_a_build_that_fails_names_no_image_that_nobody_knows() -> None:
    seen = running()
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.fail("shop", "BuildFailed", "kustomize build failed: accumulating resources")
    assert seen.words == ["shop failed", "shop shop:v1 live"]
    failed = seen.facts[0].details
    assert failed["images_from"] == "unknown"
    assert failed["flux_revision"] == revision("two")
    assert str(failed["reason"]).startswith("BuildFailed: kustomize build failed")


def test_a_build_that_fails_again_is_told_once_for_each_revision() -> None:
    seen = running()
    for name in ("two", "two", "three"):
        seen.cluster.attempt("shop", revision(name))
        seen.cluster.fail("shop", "BuildFailed")
    assert seen.words == ["shop failed", "shop shop:v1 live"] * 2


def test_a_change_by_hand_is_seen_while_flux_fails() -> None:
    seen = running()
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.fail("shop", "BuildFailed")
    seen.facts.clear()
    seen.cluster.workloads.set_images("shop", V9, manager="kubectl-set")
    seen.cluster.workloads.complete("shop")
    assert seen.words == ["shop shop:v9 started", "shop shop:v9 live"]


def test_a_source_that_is_not_there_is_no_failed_deployment() -> None:
    seen = running()
    seen.cluster.fail("shop", "ArtifactFailed", "Source artifact not found, retrying in 30s")
    assert seen.words == []


def test_images_that_a_kustomization_names_itself_are_those_of_its_failed_build() -> None:
    seen = running()
    images = [{"name": "ghcr.io/acme/shop", "newTag": "v2"}, {"name": "renamed", "newName": "ghcr.io/acme/other"}]
    seen.cluster.edit(KUSTOMIZATIONS, "shop", images=images)
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.fail("shop", "BuildFailed")
    assert seen.words == ["shop shop:v2 failed", "shop shop:v1 live"]
    assert seen.facts[0].details["images_from"] == "spec.images"


def test_a_drift_that_flux_corrects_is_seen_with_who_did_it() -> None:
    seen = running()
    seen.cluster.workloads.set_images("shop", V9, manager="kubectl-set")
    by_hand = seen.facts[-1]
    assert (by_hand.actor, by_hand.details["image_owner"]["hand"]) == ("kubectl-set", "kubectl")  # type: ignore[index]
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "shop", V1)
    seen.cluster.workloads.complete("shop")
    assert seen.words == ["shop shop:v9 started", "shop shop:v1 started", "shop shop:v1 live"]
    assert seen.facts[1].details["corrects"] == "images written by kubectl-set"
    assert "corrects" not in seen.facts[2].details


def test_a_condition_of_an_older_spec_says_nothing_of_the_new_one() -> None:
    seen = running()
    seen.cluster.edit(KUSTOMIZATIONS, "shop", path="./other")
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "shop", V2)
    seen.cluster.workloads.complete("shop")
    assert seen.words == ["shop shop:v2 started"], "Ready=True was said of the generation before"
    seen.cluster.attempt("shop", revision("one"))
    seen.cluster.succeed("shop", "two", "shop")
    assert seen.words[1:] == ["shop shop:v2 live"]


def test_what_waits_for_another_has_not_failed() -> None:
    seen = running()
    seen.cluster.edit(KUSTOMIZATIONS, "shop", dependsOn=[{"name": "database"}])
    seen.cluster.fail("shop", "DependencyNotReady", "dependency 'flux-system/database' is not ready")
    assert seen.words == []


def test_a_suspended_object_holds_nothing_back() -> None:
    seen = running()
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.edit(KUSTOMIZATIONS, "shop", suspend=True)
    seen.cluster.workloads.set_images("shop", V9, manager="kubectl-set")
    seen.cluster.workloads.complete("shop")
    assert seen.words == ["shop shop:v9 started", "shop shop:v9 live"]
    assert seen.last["suspended"] == ["Kustomization flux-system/shop"]


def test_half_of_a_service_is_no_success() -> None:
    seen = Reports()
    seen.cluster.kustomization("shop")
    seen.cluster.attempt("shop", revision("one"))
    for name in ("web", "worker"):
        seen.cluster.apply(KUSTOMIZATIONS, "shop", name, V1)
        seen.cluster.workloads.complete(name)
    seen.cluster.succeed("shop", "one", "web", "worker")
    seen.facts.clear()
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "web", V2)
    seen.cluster.workloads.complete("web")
    seen.cluster.succeed("shop", "two", "web", "worker")
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 progressing"]
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "worker", V2)
    seen.cluster.workloads.complete("worker")
    assert seen.words[-1] == "shop shop:v2 live"


def test_a_workload_that_was_applied_but_not_seen_yet_is_waited_for() -> None:
    seen = Reports()
    seen.cluster.kustomization("shop")
    seen.cluster.attempt("shop", revision("one"))
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "web", V1)
    seen.facts.clear()
    seen.cluster.succeed("shop", "one", "web", "worker")
    seen.cluster.workloads.complete("web")
    assert seen.words == [], "the worker is in the inventory, but its watch has not told of it"
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "worker", "ghcr.io/acme/worker:w1")
    seen.cluster.workloads.complete("worker")
    assert seen.words[-1] == "shop shop:v1 worker:w1 live"


def test_a_deleted_kustomization_is_gone_when_its_workloads_are() -> None:
    seen = running()
    seen.store.delete(KUSTOMIZATIONS, (FLUX, "shop"))
    assert seen.words == [], "what it applied still runs"
    seen.store.delete(DEPLOYMENTS, ("production", "shop"))
    assert seen.words == ["shop gone"]


def test_what_an_orphaned_workload_runs_is_still_told() -> None:
    seen = running()
    seen.store.delete(KUSTOMIZATIONS, (FLUX, "shop"))
    seen.cluster.workloads.set_images("shop", V9, manager="kubectl-set")
    assert seen.words == ["shop shop:v9 started"]


def test_a_workload_deleted_by_hand_is_gone_until_flux_brings_it_back() -> None:
    seen = running()
    seen.store.delete(DEPLOYMENTS, ("production", "shop"))
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "shop", V1)
    seen.cluster.workloads.complete("shop")
    assert seen.words == ["shop gone", "shop shop:v1 started", "shop shop:v1 live"]


def test_workloads_of_others_are_passed_over() -> None:
    seen = running()
    seen.cluster.workloads.create("shop-canary", V9, manager="argocd-controller")
    assert seen.words == []


# --- HelmReleases --------------------------------------------------------------------------------------------------


def test_a_release_is_live_when_helm_is_done() -> None:
    seen = released()
    seen.cluster.artifact("shop", f"1.1.0@{content('chart')}", OCI_REPOSITORIES)
    seen.cluster.upgrade("shop", f"1.1.0+{content('chart')[7:19]}", "v2")
    seen.cluster.apply(HELM_RELEASES, "shop", "shop", V2)
    seen.cluster.workloads.complete("shop")
    assert seen.words == ["shop shop:v2 started"], "the release's tests may still fail"
    seen.cluster.released("shop")
    assert seen.words[1:] == ["shop shop:v2 live"]
    assert seen.last["release"] == 2
    assert "noticed" in seen.last["legs"], "by the digest, of which the chart's version holds a part"


def test_a_failed_upgrade_that_is_rolled_back_failed_and_went_back() -> None:
    seen = released()
    seen.cluster.upgrade("shop", "1.1.0", "v2")
    seen.cluster.apply(HELM_RELEASES, "shop", "shop", V2)
    seen.cluster.released("shop", "failed", "UpgradeFailed", "Helm upgrade failed: context deadline exceeded")
    seen.cluster.apply(HELM_RELEASES, "shop", "shop", V1)
    seen.cluster.workloads.complete("shop")
    seen.cluster.rolled_back("shop", "Helm upgrade failed: context deadline exceeded")
    assert seen.words == [
        "shop shop:v2 started",
        "shop shop:v2 failed",
        "shop shop:v1 started",
        "shop shop:v1 live",
    ]
    assert str(seen.facts[1].details["reason"]).startswith("UpgradeFailed: Helm upgrade failed")


def test_a_rollback_of_which_only_the_end_was_seen_still_tells_the_failure() -> None:
    seen = released()
    values = {"image": {"repository": "ghcr.io/acme/shop", "tag": "v2"}}
    seen.cluster.edit(HELM_RELEASES, "shop", values=values)
    seen.store.listeners.clear()
    seen.cluster.upgrade("shop", "1.1.0", "v2")
    seen.cluster.released("shop", "failed", "UpgradeFailed")
    seen.store.listeners.append(lambda entry: seen.facts.extend(seen.watcher.see(entry)))
    seen.cluster.rolled_back("shop", "Helm upgrade failed")
    assert seen.words == ["shop shop:v2 failed", "shop shop:v1 live"]
    assert seen.facts[0].details["images_from"] == "spec.values"


def test_a_test_that_fails_after_the_rollout_is_a_failure() -> None:
    seen = released()
    seen.cluster.upgrade("shop", "1.1.0", "v2")
    seen.cluster.apply(HELM_RELEASES, "shop", "shop", V2)
    seen.cluster.workloads.complete("shop")
    failed = [
        seen.cluster.condition("False", "TestFailed", "Helm test failed for release production/shop.v2"),
        seen.cluster.condition("True", "UpgradeSucceeded", kind="Released"),
    ]
    seen.cluster.status(HELM_RELEASES, "shop", conditions=failed)
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 failed"]


def test_drift_that_helm_detects_stands_in_the_report() -> None:
    seen = released()
    drifted = seen.cluster.condition("True", "DriftDetected", "Deployment/production/shop changed", "Drifted")
    seen.cluster.status(HELM_RELEASES, "shop", conditions=[seen.cluster.condition("True", "UpgradeSucceeded"), drifted])
    seen.cluster.workloads.set_images("shop", V9, manager="kubectl-set")
    assert seen.last["drift"] == "DriftDetected: Deployment/production/shop changed"


# --- where workloads can't be read ---------------------------------------------------------------------------------


def test_without_workloads_only_images_that_flux_itself_names_are_told() -> None:
    seen = Reports(workloads=[])
    seen.cluster.kustomization("shop", images=[{"name": "ghcr.io/acme/shop", "newTag": "v1"}])
    seen.cluster.kustomization("cart")
    for name in ("shop", "cart"):
        seen.cluster.attempt(name, revision("one"))
        seen.cluster.succeed(name, name, name)
    assert seen.words == ["shop shop:v1 started", "shop shop:v1 live"]
    assert seen.last["images_from"] == "spec.images"
    assert [key.name for key in seen.book.without_images()] == ["cart"]


def test_what_is_applied_to_another_cluster_is_known_by_what_the_object_names_only() -> None:
    seen = Reports()
    values = {"image": {"repository": "ghcr.io/acme/shop", "tag": "v1"}, "replicas": 2}
    seen.cluster.release("shop", values=values, kubeConfig={"secretRef": {"name": "far"}})
    seen.cluster.upgrade("shop", "1.0.0", "v1")
    seen.cluster.released("shop")
    assert seen.words == ["shop shop:v1 started", "shop shop:v1 live"]
    assert seen.last["images_from"] == "spec.values"


# --- causation -----------------------------------------------------------------------------------------------------

INTENT = "0123456789abcdef0123456789abcdef"


def test_an_intent_in_the_event_annotation_is_in_the_report() -> None:
    seen = running()
    seen.cluster.annotate(KUSTOMIZATIONS, "shop", **{"event.toolkit.fluxcd.io/deploybridge-intent": INTENT})
    seen.cluster.deploy("shop", revision("two"), V2)
    assert (seen.facts[-1].intent_id, seen.last["intent_in"]) == (INTENT, "event.toolkit.fluxcd.io/deploybridge-intent")


def test_a_change_by_hand_is_of_no_intent_although_the_annotation_stays() -> None:
    seen = running()
    seen.cluster.annotate(KUSTOMIZATIONS, "shop", **{"event.toolkit.fluxcd.io/deploybridge-intent": INTENT})
    seen.cluster.workloads.set_images("shop", V9, manager="kubectl-set")
    assert seen.facts[-1].intent_id is None


@pytest.mark.parametrize("token", [INTENT, f"deploybridge/{INTENT}"])
def test_an_intent_in_the_request_token_counts_when_flux_acted_on_it(token: str) -> None:
    seen = running()
    seen.cluster.annotate(KUSTOMIZATIONS, "shop", **{"reconcile.fluxcd.io/requestedAt": token})
    seen.cluster.apply(KUSTOMIZATIONS, "shop", "shop", V2)
    assert seen.facts[-1].intent_id is None
    seen.cluster.status(KUSTOMIZATIONS, "shop", lastHandledReconcileAt=token)
    seen.cluster.workloads.complete("shop")
    assert (seen.facts[-1].intent_id, seen.last["intent_in"]) == (INTENT, "reconcile.fluxcd.io/requestedAt")


def test_a_time_in_the_request_token_is_no_intent() -> None:
    seen = running()
    token = "2026-03-01T12:00:00.304148696Z"
    seen.cluster.annotate(KUSTOMIZATIONS, "shop", **{"reconcile.fluxcd.io/requestedAt": token})
    seen.cluster.status(KUSTOMIZATIONS, "shop", lastHandledReconcileAt=token)
    seen.cluster.deploy("shop", revision("two"), V2)
    assert seen.facts[-1].intent_id is None


def test_a_commit_of_an_image_automation_is_named_as_one() -> None:
    seen = running()
    seen.cluster.pushed("updates", commit("two"))
    seen.cluster.deploy("shop", revision("two"), V2)
    assert seen.last["pushed_by"] == "ImageUpdateAutomation flux-system/updates"


# --- first contact and restarts ------------------------------------------------------------------------------------


def test_first_contact_tells_what_runs_with_the_history_that_flux_kept() -> None:
    seen = running()
    seen.cluster.deploy("shop", revision("two"), V2)
    watcher = Watcher(made(), started=False)
    for entry in seen.store.history:
        assert watcher.see(entry) == []
    watcher.book.started = True
    facts = watcher.book.report(watcher.book.first_targets(followed_on=False))
    assert [say(fact) for fact in facts] == ["shop live", "shop live", "shop shop:v2 live"]
    assert [fact.backfilled for fact in facts] == [True, True, False]
    assert [fact.details["flux_revision"] for fact in facts[:2]] == [revision("one"), revision("two")]
    assert all(fact.details["images_from"] == "unknown" for fact in facts[:2])
    assert len({fact.id for fact in facts}) == 3


def test_a_restart_tells_nothing_that_the_log_has() -> None:
    seen = running()
    seen.cluster.attempt("shop", revision("two"))
    seen.cluster.fail("shop", "BuildFailed")
    watcher = Watcher(made(), seen.book.told, started=False)
    for entry in seen.store.history:
        watcher.see(entry)
    watcher.book.started = True
    assert watcher.book.report(watcher.book.first_targets(followed_on=True)) == []


def test_what_is_not_there_any_more_after_a_gap_is_gone() -> None:
    seen = running()
    watcher = Watcher(made(), seen.book.told)
    assert watcher.book.first_targets(followed_on=True) == []
    facts = watcher.book.report(watcher.book.first_targets(followed_on=False))
    assert [say(fact) for fact in facts] == ["shop gone"]


# --- mapping -------------------------------------------------------------------------------------------------------


def test_rules_map_flux_objects_by_name_namespace_label_and_cluster() -> None:
    rules = [{"name": "{environment:dev|prod}-{service}"}, {"namespace": FLUX, "ignore": True}]
    seen = Reports(mapping=rules)
    seen.cluster.kustomization("prod-shop")
    seen.cluster.deploy("prod-shop", revision("one"), V1)
    assert {fact.target for fact in seen.facts} == {Target("shop", "prod")}


def test_the_environment_is_where_the_workloads_run() -> None:
    seen = Reports()
    seen.cluster.kustomization("shop", targetNamespace=None)
    seen.cluster.deploy("shop", revision("one"), V1)
    assert seen.facts[-1].target == SHOP


def test_two_releases_of_one_service_are_one_deployment() -> None:
    seen = Reports(mapping=[{"name": "{service}-{part}"}])
    for name, image in (("shop-web", V1), ("shop-db", "ghcr.io/acme/db:d1")):
        seen.cluster.release(name)
        seen.cluster.upgrade(name, "1.0.0", "v1")
        seen.cluster.apply(HELM_RELEASES, name, name, image)
        seen.cluster.workloads.complete(name)
        seen.cluster.released(name)
    assert seen.words[-1] == "shop db:d1 shop:v1 live"
