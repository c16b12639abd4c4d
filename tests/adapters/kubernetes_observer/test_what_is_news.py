"""What the workloads of a cluster add up to for each service, and when that is news. No server: objects in, facts out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from adapters.kubernetes_client import Change, Verb
from adapters.kubernetes_workloads.kinds import Kind
from adapters.observers.kubernetes.book import Book
from adapters.observers.kubernetes.pods import PodReader
from adapters.observers.kubernetes.settings import KubernetesObserverSettings
from adapters.observers.kubernetes.workloads import WorkloadReader
from bridge.domain.facts import ObservationReported
from bridge.domain.names import SourceRef
from bridge.formats.mapping import TargetMap
from tests.support.fake_kubernetes.store import Entry, Object, Store
from tests.support.workloads import (
    CRON_JOBS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    STATEFUL_SETS,
    Workloads,
    deployment,
    digest,
    template,
)

KINDS = {DEPLOYMENTS: Kind.DEPLOYMENT, STATEFUL_SETS: Kind.STATEFUL_SET, CRON_JOBS: Kind.CRON_JOB, JOBS: Kind.JOB}
V1, V2 = "ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v2"
SHOP = {"app.kubernetes.io/name": "shop"}


class Reports:
    """A cluster whose every write is judged at once."""

    def __init__(self, **settings: Any) -> None:
        self.store = Store()
        self.cluster = Workloads(self.store)
        self.facts: list[ObservationReported] = []
        self.book = Book(SourceRef("kubernetes", "eu"), "eu", started=True)
        self._known: dict[Any, Any] = {}
        made = KubernetesObserverSettings.model_validate({"kind": "kubernetes", "name": "eu", **settings})
        mapping = TargetMap(made.mapping)
        self._readers: dict[str, Callable[[bytes], Any]] = {
            resource: WorkloadReader(kind, made, mapping).describe for resource, kind in KINDS.items()
        }
        self._readers[PODS] = PodReader().describe
        self.store.listeners.append(self._see)

    def _see(self, entry: Entry) -> None:
        kept = self._readers[entry.resource](msgspec.json.encode(entry.obj)).kept
        key = (entry.resource, entry.key)
        changes = [Change(Verb(entry.verb), kept, self._known.get(key))]
        self._known[key] = kept
        self.facts += self.book.apply_pods(changes) if entry.resource == PODS else self.book.apply(changes)

    @property
    def words(self) -> list[str]:
        return [f"{fact.target.service} {' '.join(map(short, fact.artifacts))} {fact.phase}" for fact in self.facts]

    def create(self, resource: str, name: str, image: str, **more: Any) -> None:
        spec: Object = {"template": template(image)}
        if resource == CRON_JOBS:
            spec = {"jobTemplate": {"spec": spec}}
        metadata = {"name": name, "namespace": "production", "labels": SHOP, **more}
        self.store.create(resource, {"metadata": metadata, "spec": spec})


def short(image: Any) -> str:
    name = f"{image.repository.rpartition('/')[2]}:{image.tag}"
    return name if image.digest is None else f"{name}@{image.digest[7:11]}"


def test_several_containers_are_one_deployment_of_several_artifacts() -> None:
    seen = Reports()
    seen.cluster.create("shop", V1, "ghcr.io/acme/cache:c1")
    seen.cluster.complete("shop")
    assert seen.words == ["shop cache:c1 shop:v1 started", "shop cache:c1 shop:v1 live"]


def test_several_workloads_of_one_service_are_live_when_all_are() -> None:
    seen = Reports()
    for name in ("web", "worker"):
        seen.cluster.create(name, V1, labels=SHOP)
        seen.cluster.complete(name)
    seen.facts.clear()
    seen.cluster.set_images("web", V2)
    seen.cluster.complete("web")
    assert seen.words == ["shop shop:v2 started", "shop shop:v2 progressing"], "the worker still runs v1"
    assert seen.facts[-1].details["reason"] == "two versions of ghcr.io/acme/shop in workloads of one service"
    seen.cluster.set_images("worker", V2)
    seen.cluster.complete("worker")
    assert seen.words[2:] == ["shop shop:v2 started", "shop shop:v2 live"]


def test_a_failed_rollout_is_failed_until_it_goes_on() -> None:
    seen = Reports()
    seen.cluster.create("shop", V1)
    seen.cluster.complete("shop")
    seen.cluster.set_images("shop", V2)
    seen.cluster.roll("shop", updated=1, reason="ProgressDeadlineExceeded")
    seen.cluster.set_images("shop", V1, manager="kubectl-rollout")
    seen.cluster.complete("shop")
    assert seen.words[2:] == [
        "shop shop:v2 started",
        "shop shop:v2 failed",
        "shop shop:v1 started",
        "shop shop:v1 live",
    ]
    assert seen.facts[3].details["reason"] == "ProgressDeadlineExceeded"


def test_scaling_restarts_and_labels_are_no_news() -> None:
    seen = Reports()
    seen.cluster.create("shop", V1)
    seen.cluster.complete("shop")
    told = len(seen.facts)
    seen.cluster.edit("shop", replicas=7)
    seen.cluster.roll("shop", updated=2)
    seen.cluster.complete("shop")
    seen.cluster.edit("shop", minReadySeconds=5)
    seen.cluster.roll("shop", updated=1)
    seen.cluster.label("shop", team="red")
    assert len(seen.facts) == told


def test_the_digest_is_that_of_the_running_pods_and_outlives_them() -> None:
    seen = Reports()
    seen.cluster.create("shop", V1)
    seen.cluster.pod("shop", 1, V1, "one")
    seen.cluster.complete("shop")
    live = f"shop shop:v1@{digest('one')[7:11]} live"
    assert seen.words[-1] == live
    told = len(seen.facts)
    seen.cluster.pod("shop", 2, V1, "one")
    for number in (1, 2):
        seen.store.delete(PODS, ("production", f"shop-5d4f-{number}"))
    assert len(seen.facts) == told


def test_a_moved_tag_is_progressing_while_pods_run_two_digests_and_live_when_all_run_the_new() -> None:
    seen = Reports()
    seen.cluster.create("shop", V1)
    seen.cluster.pod("shop", 1, V1, "one")
    seen.cluster.complete("shop")
    told = len(seen.facts)
    seen.cluster.pod("shop", 2, V1, "two", hashed="77aa")
    seen.store.delete(PODS, ("production", "shop-5d4f-1"))
    two = digest("two")[7:11]
    assert seen.words[told:] == [f"shop shop:v1@{two} progressing", f"shop shop:v1@{two} live"]


def test_pods_of_the_old_image_say_nothing_of_the_new_one() -> None:
    seen = Reports()
    seen.cluster.create("shop", V1)
    seen.cluster.pod("shop", 1, V1, "one")
    seen.cluster.complete("shop")
    seen.cluster.set_images("shop", V2)
    assert seen.words[-1] == "shop shop:v2 started"


def test_what_was_deleted_is_gone_and_comes_back_as_something_new() -> None:
    seen = Reports()
    seen.cluster.create("shop", V1)
    seen.cluster.complete("shop")
    seen.cluster.delete("shop")
    seen.cluster.create("shop", V1)
    assert seen.words[2:] == ["shop  gone", "shop shop:v1 started"]


def test_a_workload_that_moves_to_another_service_leaves_the_first_one() -> None:
    seen = Reports()
    seen.cluster.create("web", V1)
    seen.cluster.complete("web")
    seen.cluster.label("web", **SHOP)
    assert seen.words[2:] == ["web  gone", "shop shop:v1 live"]


def test_a_job_speaks_only_for_a_service_that_has_nothing_else_and_its_clean_up_is_no_end() -> None:
    seen = Reports()
    seen.create(JOBS, "migrate-1", V1)
    seen.create(JOBS, "migrate-2", V2)
    assert seen.words == ["shop shop:v1 live", "shop shop:v2 live"]
    seen.store.delete(JOBS, ("production", "migrate-1"))
    seen.store.delete(JOBS, ("production", "migrate-2"))
    assert len(seen.facts) == 2
    seen.cluster.create("web", V2, labels=SHOP)
    seen.create(JOBS, "migrate-3", V1)
    assert seen.words[2:] == ["shop shop:v2 started"]


def test_a_cron_job_is_live_at_once_and_its_jobs_are_its_own() -> None:
    seen = Reports()
    seen.create(CRON_JOBS, "report", V1)
    owner = [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "1", "controller": True}]
    seen.create(JOBS, "report-29000000", V2, ownerReferences=owner)
    assert seen.words == ["shop shop:v1 live"]


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ({}, "proxy:p1 shop:v1"),
        ({"except": ["pro*"]}, "shop:v1"),
        ({"only": ["shop"]}, "shop:v1"),
        ({"images": ["ghcr.io/acme/*"]}, "shop:v1"),
        ({"init": True, "only": ["shop", "setup"]}, "setup:s1 shop:v1"),
    ],
    ids=str,
)
def test_settings_say_which_containers_count(containers: dict[str, Any], expected: str) -> None:
    seen = Reports(containers=containers)
    made = deployment("shop", V1, "docker.io/envoy/proxy:p1")
    made["spec"]["template"]["spec"]["initContainers"] = [{"name": "setup", "image": "ghcr.io/acme/setup:s1"}]
    seen.store.create(DEPLOYMENTS, made)
    assert seen.words == [f"shop {expected} started"]


def test_an_image_without_a_tag_is_latest_and_one_that_is_none_is_said() -> None:
    seen = Reports()
    seen.store.create(DEPLOYMENTS, deployment("shop", "nginx"))
    assert seen.words == ["shop nginx:latest started"]
    odd = deployment("odd", "x")
    odd["spec"]["template"]["spec"]["containers"][0]["image"] = "$(IMAGE)"
    seen.store.create(DEPLOYMENTS, odd)
    assert len(seen.facts) == 1
    assert seen.book.unreadable() == ["Deployment production/odd: $(IMAGE)"]


def test_a_workload_that_no_rule_covers_is_counted() -> None:
    seen = Reports(mapping=[{"namespace": "other"}])
    seen.cluster.create("shop", V1)
    assert (seen.facts, len(seen.book.unmapped)) == ([], 1)
    seen.cluster.delete("shop")
    assert len(seen.book.unmapped) == 0
