"""What an Argo CD's Applications add up to for each service, and when that is news. No server: objects in, facts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from adapters.kubernetes_client import Change, Verb
from adapters.observers.argocd.book import Book
from adapters.observers.argocd.decode import Application, ApplicationReader
from adapters.observers.argocd.settings import ArgocdObserverSettings
from bridge.domain.facts import Fact, IntentDeclared, IntentWithdrawn, ObservationReported
from bridge.domain.names import ImageRef, SourceRef
from bridge.formats.mapping import TargetMap
from tests.support.applications import APPLICATIONS, Applications, helm
from tests.support.fake_kubernetes.store import Entry, Store

V1, V2, V3 = (f"ghcr.io/acme/shop:v{number}" for number in (1, 2, 3))
CACHE = "ghcr.io/acme/cache:c1"


class Reports:
    """An Argo CD whose every write is judged at once, unless ``watching`` is False."""

    def __init__(self, *, watching: bool = True, images: bool = True, **settings: Any) -> None:
        self.store = Store()
        self.argo = Applications(self.store, images)
        self.facts: list[Fact] = []
        self.settings = ArgocdObserverSettings.model_validate({"kind": "argocd", "name": "argo", **settings})
        self.book = Book(SourceRef("argocd", "argo"), started=watching)
        self.describe = ApplicationReader(self.settings, TargetMap(self.settings.mapping)).describe
        self.known: dict[Any, Application] = {}
        self.watching = watching
        self.store.listeners.append(self._see)

    def _see(self, entry: Entry) -> None:
        if not self.watching:
            return
        kept = self.describe(msgspec.json.encode(entry.obj)).kept
        self.facts += self.book.apply([Change(Verb(entry.verb), kept, self.known.get(entry.key))])
        self.known[entry.key] = kept

    def look_now(self, since: str | None = None, *, told: Any = None, followed_on: bool = False) -> None:
        """First contact, or a restart: the state is read whole, and watched from now on."""
        self.book = Book(SourceRef("argocd", "argo"), dict(told or {}))
        self.known.clear()
        for key, obj in self.store.objects.get(APPLICATIONS, {}).items():
            self.known[key] = self.describe(msgspec.json.encode(obj)).kept
        self.book.apply([Change(Verb.ADDED, kept, None) for kept in self.known.values()])
        self.book.started = self.watching = True
        self.facts += self.book.report(self.book.first_targets(followed_on=followed_on), {None: since})

    @property
    def words(self) -> list[str]:
        return [say(fact) for fact in self.facts]


def say(fact: Fact) -> str:
    match fact:
        case ObservationReported():
            past = "once " if fact.backfilled else ""
            return f"{past}{fact.target.service} {short(fact.artifacts)} {fact.phase}".replace("  ", " ")
        case IntentDeclared():
            past = "once " if fact.backfilled else ""
            return f"{past}{fact.target.service} {short(fact.artifacts)} declared by {fact.actor}"
        case IntentWithdrawn():
            return f"{fact.target.service} {short(fact.previous_artifacts)} withdrawn"
        case _:
            raise AssertionError(fact)


def short(images: Sequence[ImageRef]) -> str:
    return " ".join(f"{(image.repository or '').rpartition('/')[2]}:{image.tag}" for image in images)


def live(*first: str, images: bool = True) -> Reports:
    """One that runs v1 already; what led to it is forgotten."""
    seen = Reports(images=images)
    seen.argo.create("shop")
    seen.argo.deploy("shop", "a1", *(first or (V1,)))
    seen.facts.clear()
    return seen


def test_a_sync_is_started_progressing_and_live_when_its_health_says_so() -> None:
    seen = Reports()
    seen.argo.create("shop")
    seen.argo.deploy("shop", "a1", V1, user="alice")
    assert seen.words == ["shop shop:v1 started", "shop shop:v1 progressing", "shop shop:v1 live"]
    fact = seen.facts[-1]
    assert isinstance(fact, ObservationReported)
    assert fact.actor == "alice"
    assert fact.details["images_from"] == "sync"
    assert fact.details["operation"]["revisions"] == ["a1"]
    operation: Any = fact.details["operation"]
    assert operation["started_at"] < operation["finished_at"]
    assert fact.source_time is not None
    assert fact.source_time.isoformat() > operation["finished_at"].replace("Z", "")


def test_healthy_from_before_the_sync_is_not_live() -> None:
    seen = live()
    seen.argo.begin("shop", "a2", V2)
    seen.argo.finish("shop")
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 progressing"]
    assert seen.facts[-1].details["reason"] == "synced, and not looked at since"


def test_the_look_that_led_to_a_quick_sync_is_not_taken_for_one_after_it() -> None:
    seen = live()
    seen.argo.begin("shop", "a2", V2)
    seen.argo.finish("shop")
    finished = seen.argo.get("shop")["status"]["operationState"]["finishedAt"]
    seen.argo.status("shop", reconciledAt=finished, sync={"status": "OutOfSync", "revision": "a2"})
    assert seen.words[-1] == "shop shop:v2 progressing"
    seen.argo.status("shop", sync={"status": "Synced", "revision": "a2"})
    assert seen.words[-1] == "shop shop:v2 live"


def test_a_sync_of_other_settings_is_no_deployment() -> None:
    seen = live()
    seen.argo.deploy("shop", "a2", V1)
    assert seen.words == []


def test_a_failed_sync_is_failed_with_the_words_of_argo_cd() -> None:
    seen = live()
    seen.argo.begin("shop", "a2", V2)
    seen.argo.finish("shop", "Failed", "one or more objects failed to apply")
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 failed"]
    assert seen.facts[-1].details["reason"] == "one or more objects failed to apply"
    seen.argo.deploy("shop", "a3", V1)
    assert seen.words[2:] == ["shop shop:v1 started", "shop shop:v1 progressing", "shop shop:v1 live"]


def test_a_sync_that_failed_before_its_images_were_known_is_a_failure_each_time() -> None:
    seen = live()
    for revision in ("a2", "a3"):
        seen.argo.begin("shop", revision)
        seen.argo.finish("shop", "Error", "ComparisonError: helm template failed")
    assert seen.words == ["shop failed", "shop started", "shop failed"]
    assert seen.facts[-1].details["operation"]["revisions"] == ["a3"]


def test_a_retried_sync_goes_on() -> None:
    seen = live()
    seen.argo.begin("shop", "a2", V2)
    state = seen.argo.get("shop")["status"]["operationState"] | {"retryCount": 1, "message": "Retrying attempt #1"}
    seen.argo.status("shop", operationState=state)
    assert seen.words == ["shop shop:v2 started"]
    seen.argo.finish("shop")
    seen.argo.look("shop", "Healthy", V2)
    assert seen.words[-1] == "shop shop:v2 live"


def test_a_rollout_that_degrades_has_failed_and_pods_that_crash_later_have_not() -> None:
    seen = live()
    seen.argo.look("shop", "Degraded", V1, message="crash loop")
    seen.argo.look("shop", "Progressing", V1)
    seen.argo.look("shop", "Healthy", V1)
    assert seen.words == []
    seen.argo.begin("shop", "a2", V2)
    seen.argo.finish("shop")
    seen.argo.look("shop", "Degraded", V1, V2, message="exceeded its progress deadline")
    assert seen.words[-1] == "shop shop:v2 failed"
    assert seen.facts[-1].details["reason"] == "Degraded: exceeded its progress deadline"


def test_a_self_heal_is_no_deployment() -> None:
    seen = live()
    seen.argo.look("shop", "Healthy", V1, sync="OutOfSync")
    seen.argo.begin("shop", "a1", V1, heals=True)
    seen.argo.finish("shop")
    seen.argo.look("shop", "Healthy", V1)
    assert seen.words == []
    assert seen.book.heals == 1


def test_out_of_sync_is_no_drift_unless_the_pods_run_something_else() -> None:
    seen = live()
    seen.argo.look("shop", "Healthy", V1, sync="OutOfSync")
    seen.argo.look("shop", "Healthy", V1, sync="OutOfSync", revision="a2")
    assert seen.words == []
    seen.argo.look("shop", "Progressing", V1, V3, sync="OutOfSync")
    assert seen.words == []
    seen.argo.look("shop", "Healthy", V3, sync="OutOfSync")
    assert seen.words == ["shop shop:v3 live"]
    assert seen.facts[-1].details["images_from"] == "summary"
    seen.argo.look("shop", "Progressing", V3, sync="OutOfSync")
    seen.argo.begin("shop", "a1", V1, heals=True)
    seen.argo.finish("shop")
    seen.argo.look("shop", "Healthy", V1)
    assert seen.words[1:] == ["shop shop:v1 started", "shop shop:v1 progressing", "shop shop:v1 live"]


def test_a_pending_revision_is_no_deployment_yet() -> None:
    seen = live()
    seen.argo.look("shop", "Healthy", V1, sync="OutOfSync", revision="a2")
    assert seen.words == []


def test_a_rollback_says_where_it_goes_back_to() -> None:
    seen = live()
    seen.argo.deploy("shop", "a2", V2)
    seen.argo.begin("shop", "a1", V1, user="alice", source={"repoURL": "x"})
    seen.argo.finish("shop")
    seen.argo.look("shop", "Healthy", V1)
    assert seen.words[-1] == "shop shop:v1 live"
    fact = seen.facts[-1]
    assert isinstance(fact, ObservationReported)
    assert fact.actor == "alice"
    operation: Any = fact.details["operation"]
    assert operation["rollback_to"] == 0


def test_a_dry_run_tells_nothing() -> None:
    seen = live()
    seen.argo.begin("shop", "a2", V2, dryRun=True)
    seen.argo.finish("shop")
    assert seen.words == []


def test_a_sync_of_selected_resources_changes_only_their_images() -> None:
    seen = live(V1, CACHE)
    seen.argo.begin("shop", "a2", V2, user="alice", resources=[{"kind": "Deployment", "name": "shop"}])
    seen.argo.finish("shop")
    seen.argo.look("shop", "Healthy", V2, CACHE)
    assert seen.words[-1] == "shop cache:c1 shop:v2 live"


def test_a_sync_of_only_what_is_out_of_sync_keeps_the_other_images() -> None:
    seen = live(V1, CACHE)
    seen.argo.begin("shop", "a2", V2, syncOptions=["ApplyOutOfSyncOnly=true"])
    seen.argo.finish("shop")
    seen.argo.look("shop", "Healthy", V2, CACHE)
    assert seen.words[-1] == "shop cache:c1 shop:v2 live"


def test_hooks_and_pruned_resources_are_no_part_of_what_runs() -> None:
    seen = live()
    seen.argo.begin("shop", "a2", V2)
    state = seen.argo.get("shop")["status"]["operationState"]
    done = state["syncResult"]["resources"]
    done.append({"kind": "Job", "name": "migrate", "hookType": "PreSync", "images": ["ghcr.io/acme/migrate:m1"]})
    done.append({"kind": "Deployment", "name": "old", "status": "Pruned", "images": ["ghcr.io/acme/old:v1"]})
    seen.argo.status("shop", operationState=state)
    assert seen.words == ["shop shop:v2 started"]


def test_a_paused_canary_is_not_live_and_a_suspended_cron_job_holds_nothing_up() -> None:
    seen = live()
    seen.argo.begin("shop", "a2", V2)
    seen.argo.finish("shop")
    seen.argo.look("shop", "Suspended", V1, V2)
    assert seen.words[-1] == "shop shop:v2 progressing"
    seen.argo.look("shop", "Suspended", V2)
    assert seen.words[-1] == "shop shop:v2 live"


def test_where_a_sync_does_not_tell_its_images_the_pods_do_and_two_versions_are_no_success() -> None:
    seen = live(images=False)
    seen.argo.begin("shop", "a2", V2)
    seen.argo.finish("shop")
    assert seen.words == []
    seen.argo.look("shop", "Progressing", V1, V2)
    seen.argo.look("shop", "Healthy", V1, V2)
    assert seen.words == ["shop shop:v2 progressing"]
    seen.argo.look("shop", "Healthy", V2)
    assert seen.words == ["shop shop:v2 progressing", "shop shop:v2 live"]
    assert seen.facts[-1].details["images_from"] == "summary"


def test_several_applications_of_one_service_are_live_when_all_are() -> None:
    rules = [{"name": "{service}-{part}"}]
    seen = Reports(mapping=rules)
    for part, image in (("web", V1), ("cache", CACHE)):
        seen.argo.create(f"shop-{part}")
        seen.argo.deploy(f"shop-{part}", "a1", image)
    seen.facts.clear()
    seen.argo.begin("shop-web", "a2", V2)
    seen.argo.finish("shop-web")
    seen.argo.look("shop-web", "Healthy", V2)
    assert seen.words == [f"shop cache:c1 shop:v2 {phase}" for phase in ("started", "progressing", "live")]


def test_two_versions_in_two_applications_of_one_service_are_progressing() -> None:
    seen = Reports(mapping=[{"name": "{service}-{region}", "environment": "production"}])
    for region in ("eu", "us"):
        seen.argo.create(f"shop-{region}")
        seen.argo.deploy(f"shop-{region}", "a1", V1)
    seen.facts.clear()
    seen.argo.deploy("shop-eu", "a2", V2)
    assert seen.words[-1] == "shop shop:v2 progressing"
    seen.argo.deploy("shop-us", "a2", V2)
    assert seen.words[-1] == "shop shop:v2 live"


def test_an_application_that_takes_its_workloads_along_is_gone_and_one_that_does_not_is_not() -> None:
    seen = live()
    seen.argo.delete("shop")
    assert seen.words == ["shop gone"]
    seen.argo.create("cart", metadata={"finalizers": []})
    seen.argo.deploy("cart", "a1", "ghcr.io/acme/cart:v1")
    seen.facts.clear()
    seen.argo.delete("cart")
    assert seen.words == []
    assert seen.book.orphaned == 1


# --- intents by overriding ---------------------------------------------------------------------------------------------


def test_a_parameter_that_somebody_sets_is_an_intent_of_the_api_model() -> None:
    seen = live()
    seen.argo.set_source("shop", helm=helm(image__repository="ghcr.io/acme/shop", image__tag="v2"))
    assert seen.words == ["shop shop:v2 declared by argocd-server"]
    intent = seen.facts[0]
    assert isinstance(intent, IntentDeclared)
    assert (intent.model, intent.source.kind, intent.source.path) == (
        "api",
        "argocd-override",
        "argocd/shop spec.source",
    )
    assert not intent.backfilled
    seen.argo.set_source("shop", manager="kubectl-edit", kustomize={"images": ["ghcr.io/acme/shop:v3"]}, helm=None)
    seen.argo.set_source("shop", kustomize=None)
    assert seen.words[1:] == ["shop shop:v3 declared by kubectl-edit", "shop shop:v3 withdrawn"]


@pytest.mark.parametrize("manager", ["argocd-controller", "argocd-applicationset-controller", "kustomize-controller"])
def test_a_parameter_that_comes_from_git_is_no_override(manager: str) -> None:
    seen = live()
    seen.argo.set_source("shop", manager=manager, helm=helm(image__tag="v2"))
    assert seen.words == []


def test_without_managed_fields_a_generated_application_is_taken_to_come_from_git() -> None:
    seen = live()
    app = seen.argo.get("shop")
    app["spec"]["source"]["helm"] = helm(image__tag="v2")
    app["metadata"]["managedFields"] = []
    kept = seen.describe(msgspec.json.encode(app)).kept
    assert kept.override is not None
    app["metadata"]["ownerReferences"] = [{"kind": "ApplicationSet", "name": "shops", "uid": "1"}]
    assert seen.describe(msgspec.json.encode(app)).kept.override is None


def test_an_override_that_stands_at_the_first_contact_is_history() -> None:
    seen = Reports(watching=False)
    seen.argo.create("shop")
    seen.argo.set_source("shop", helm=helm(image__tag="v1"))
    seen.argo.deploy("shop", "a1", V1)
    seen.look_now()
    assert seen.words == ["once shop :v1 declared by argocd-server", "shop shop:v1 live"]


# --- history and restarts ----------------------------------------------------------------------------------------------


def test_the_history_at_the_first_contact_is_backfilled_and_what_stands_is_observed() -> None:
    seen = Reports(watching=False)
    seen.argo.create("shop")
    seen.argo.deploy("shop", "a1", V1)
    seen.argo.set_source("shop", manager="argocd-controller", helm=helm(image__tag="v2"))
    seen.argo.deploy("shop", "a2", V2)
    seen.argo.deploy("shop", "a3", V3)
    seen.look_now()
    assert seen.words == ["once shop live", "once shop :v2 live", "shop shop:v3 live"]
    first = seen.facts[0]
    assert isinstance(first, ObservationReported)
    assert (first.details["history_id"], first.details["revisions"]) == (0, ["a1"])


def test_a_restart_adds_nothing() -> None:
    seen = live()
    seen.argo.deploy("shop", "a2", V2)
    told, since = seen.book.told, max(kept.moment for kept in seen.known.values())
    seen.facts.clear()
    seen.look_now(since, told=told, followed_on=True)
    assert seen.words == []


def test_what_was_synced_while_nobody_looked_is_backfilled_from_the_history() -> None:
    seen = live()
    told, since = dict(seen.book.told), max(kept.moment for kept in seen.known.values())
    seen.watching = False
    seen.argo.deploy("shop", "a2", V2)
    seen.argo.deploy("shop", "a3", V3)
    seen.look_now(since, told=told)
    assert seen.words == ["once shop live", "shop shop:v3 live"]
    assert seen.facts[0].details["revisions"] == ["a2"]


def test_what_is_not_there_any_more_after_a_restart_is_gone() -> None:
    seen = live()
    told = dict(seen.book.told)
    seen.watching = False
    seen.argo.delete("shop")
    seen.look_now("2026-01-01T00:00:00Z", told=told)
    assert seen.words == ["shop gone"]


def test_a_report_names_the_commit_that_was_synced_and_the_ends_of_the_legs() -> None:
    seen = Reports()
    seen.argo.create("shop")
    seen.argo.deploy("shop", "a" * 40, V1)
    assert {fact.source.revision for fact in seen.facts} == {"a" * 40}
    told = seen.facts[-1].details["legs"]
    assert told["sync_started"]["said_by"] == "operationState.startedAt"
    assert told["sync_started"]["at"] <= told["applied"]["at"]


def test_the_intent_travels_in_the_infos_of_a_sync_and_in_an_annotation() -> None:
    seen = live()
    seen.argo.annotate("shop", **{"deploybridge.dev/intent": "i1"})
    seen.argo.begin("shop", "a2", V2)
    assert seen.facts[-1].intent_id == "i1"
    seen.argo.begin("shop", "a3", V3, info=[{"name": "deploybridge/intent", "value": "i2"}])
    assert seen.facts[-1].intent_id == "i2"
