"""The format helm-release: the images of a Flux HelmRelease."""

from __future__ import annotations

from tests.formats.declarations.conftest import Read

RELEASE = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop, namespace: apps, labels: {tier: prod}}
spec:
  chart: {spec: {chart: podinfo, version: 6.5.0}}
  values:
    image: {repository: acme/shop, tag: 1.10}
    worker: {image: "acme/worker:v2"}
  postRenderers:
  - kustomize: {images: [{name: proxy, newTag: p1}]}
"""


def test_all_images_of_a_release_are_called_after_it(read: Read) -> None:
    assert read("helm-release", RELEASE) == [
        ("prod/shop", "acme/shop:1.10", "spec.values.image.tag"),
        ("prod/shop", "acme/worker:v2", "spec.values.worker.image"),
        ("prod/shop", "proxy:p1", "spec.postRenderers[0].kustomize.images[0].newTag"),
    ]


def test_the_chart_is_declared_when_asked_for(read: Read) -> None:
    assert ("prod/shop", "podinfo:6.5.0", "spec.chart.spec.version") in read("helm-release", RELEASE, charts=True)


def test_names_may_come_from_the_release_and_from_the_keys_above_an_image(read: Read) -> None:
    found = read(
        "helm-release",
        RELEASE,
        environment={"from": "label", "label": "tier"},
        service={"from": "key", "segment": -1, "rename": {"worker": "jobs"}},
    )
    assert [target for target, *_ in found] == ["prod/jobs"]
    found = read("helm-release", RELEASE, environment={"from": "namespace"})
    assert {target for target, *_ in found} == {"apps/shop"}


def test_other_objects_declare_nothing(read: Read) -> None:
    assert read("helm-release", "kind: Deployment\nspec: {values: {image: {tag: v1}}}\n---\ntext\n---\n- x") == []
