"""Applications as Argo CD writes them, read; what was recorded names its source in its first lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.observers.argocd.decode import Application, ApplicationReader
from adapters.observers.argocd.settings import ArgocdObserverSettings
from adapters.observers.argocd.verdict import Memory, judge
from adapters.observers.argocd.versions import Abilities
from bridge.domain.names import ImageRef, Phase, Target
from bridge.formats.mapping import TargetMap
from tests.support.applications import application, helm

RECORDED = Path(__file__).parents[2] / "data" / "argocd" / "stream-before-3.1.txt"


def read(obj: Any, **settings: Any) -> Application:
    made = ArgocdObserverSettings.model_validate({"kind": "argocd", "name": "argo", **settings})
    return ApplicationReader(made, TargetMap(made.mapping)).describe(msgspec.json.encode(obj)).kept


def recorded() -> list[Any]:
    lines = [line for line in RECORDED.read_text().splitlines() if line.startswith("data:")]
    return [json.loads(line.removeprefix("data:"))["result"]["application"] for line in lines]


def test_a_recorded_application_is_live_by_its_pods_since_it_was_healthy() -> None:
    app = read(recorded()[0])
    assert app.target == Target("myapp", "devops")
    assert app.override is None
    verdict = judge(app, Memory())
    assert verdict is not None
    assert verdict.artifacts == (ImageRef("registry.cn-shanghai.aliyuncs.com/public-namespace/myapp", "v2"),)
    assert (verdict.phase, verdict.trust) == (Phase.LIVE, "summary")
    assert verdict.at is not None
    assert verdict.at.isoformat() == "2025-08-13T07:55:07+00:00"


def test_a_recorded_look_that_finds_nothing_new_is_no_news() -> None:
    first, later = (read(obj) for obj in recorded())
    memory = Memory()
    assert judge(first, memory) == judge(later, memory)
    assert first.moment == later.moment


def test_what_the_recorded_argo_cd_can_not_tell_is_said() -> None:
    abilities = Abilities(by_api=False)
    abilities.see(read(obj) for obj in recorded())
    assert abilities.details()["argocd"] == "3.0, by its fields"
    assert [each[:32] for each in abilities.news()] == ["which images a sync applied (sin"]
    assert abilities.news() == []


def test_several_sources_have_several_revisions_and_set_images_together() -> None:
    sources = [
        {
            "repoURL": "https://charts.example.org",
            "chart": "shop",
            "targetRevision": "1.2",
            "helm": helm(image__tag="v2"),
        },
        {"repoURL": "https://git.example.org/values.git", "ref": "values"},
        {"repoURL": "https://git.example.org/more.git", "kustomize": {"images": ["cache=ghcr.io/acme/cache:c1"]}},
    ]
    obj = application("shop", source=None, sources=sources)
    result = {"revision": "", "revisions": ["1.2", "aa", "bb"], "resources": []}
    obj["status"] = {
        "sync": {"status": "Synced", "revisions": ["1.2", "aa", "bb"]},
        "operationState": {
            "phase": "Succeeded",
            "startedAt": "2026-03-01T12:00:00Z",
            "operation": {"sync": {}},
            "syncResult": result,
        },
    }
    app = read(obj)
    assert app.override is not None
    assert [str(image) for image in app.override.images] == [":v2", "ghcr.io/acme/cache:c1"]
    assert app.operation is not None
    assert app.operation.revisions == app.compared == ("1.2", "aa", "bb")


@pytest.mark.parametrize(
    ("destination", "settings", "expected"),
    [
        ({"server": "https://kubernetes.default.svc", "namespace": "n"}, {}, "argo/n"),
        ({"name": "in-cluster", "namespace": "n"}, {"cluster": "eu"}, "eu/n"),
        ({"name": "us", "namespace": "n"}, {}, "us/n"),
        ({"server": "https://10.0.0.1:6443", "namespace": "n"}, {}, "10.0.0.1/n"),
        ({"server": "https://10.0.0.1:6443"}, {"clusters": {"https://10.0.0.1:6443": "asia"}}, "asia/"),
    ],
    ids=["own server", "own name", "name", "server", "renamed"],
)
def test_the_destination_names_the_cluster_for_the_mapping(
    destination: dict[str, str], settings: dict[str, Any], expected: str
) -> None:
    app = read(application("shop", destination=destination), **settings)
    assert app.destination == expected


def test_the_cluster_and_the_name_make_the_target() -> None:
    rules = [{"name": "{service}-{stage}", "cluster": "{region}", "environment": "{region}-{stage}"}]
    obj = application("shop-live", destination={"name": "us", "namespace": "anything"})
    assert read(obj, mapping=rules).target == Target("shop", "us-live")


def test_an_application_that_was_never_synced_says_nothing() -> None:
    assert judge(read(application("shop")), Memory()) is None


def test_images_that_are_none_are_left_out_and_named() -> None:
    obj = application("shop")
    obj["status"] = {"summary": {"images": ["ghcr.io/acme/shop:v1", "$(IMAGE)", "docker.io/envoy/proxy:p1"]}}
    app = read(obj, images=["ghcr.io/*"])
    assert [str(image) for image in app.running] == ["ghcr.io/acme/shop:v1"]
    assert read(obj).unreadable == ("$(IMAGE)",)


@pytest.mark.parametrize(
    "url", ["argocd.example.org", "https://me:secret@argocd.example.org", "https://a.example/?x=1"]
)
def test_the_address_of_the_api_is_checked(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected an address|holds no user"):
        ArgocdObserverSettings.model_validate(
            {"kind": "argocd", "name": "argo", "api": {"url": url, "token": {"env": "TOKEN"}}}
        )


def test_there_is_one_way_in() -> None:
    api = {"url": "https://argocd.example.org", "token": {"env": "TOKEN"}}
    with pytest.raises(ValueError, match="two ways in"):
        ArgocdObserverSettings.model_validate({"kind": "argocd", "name": "argo", "api": api, "connection": {}})
