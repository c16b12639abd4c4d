"""The formats argocd and argocd-source: the images that Argo CD's objects and override files set."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.declaration import Unreadable
from tests.formats.declarations.conftest import Read

DIGEST = "sha256:" + "a" * 64
APPLICATION = f"""
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: shop, namespace: argocd, annotations: {{stage: qa}}}}
spec:
  destination: {{namespace: shop-ns}}
  sources:
  - repoURL: https://charts.example.org
    chart: shop
    targetRevision: 1.2.3
    helm:
      parameters:
      - {{name: image.repository, value: acme/shop}}
      - {{name: image.tag, value: 1.10}}
      - {{name: 'we\\.ird.image.tag', value: w1}}
      values: |
        worker: {{image: {{repository: acme/worker, tag: 0123}}}}
      valuesObject: {{cron: {{image: "acme/cron:c1"}}}}
  - kustomize:
      images: [acme/api:v1, "acme/web=mirror/web@{DIGEST}", "only/renamed=other"]
      patches:
      - target: {{kind: Deployment, name: api}}
        patch: |
          - {{op: replace, path: /spec/template/spec/containers/0/image, value: "acme/side:s1"}}
"""


def test_every_way_to_set_an_image_in_a_source_is_read_with_its_place(read: Read) -> None:
    assert read("argocd", APPLICATION) == [
        ("prod/shop", "acme/shop:1.10", "spec.sources[0].helm.parameters[1].value"),
        ("prod/shop", ":w1", "spec.sources[0].helm.parameters[2].value"),
        ("prod/shop", "acme/worker:0123", "spec.sources[0].helm.values|worker.image.tag"),
        ("prod/shop", "acme/cron:c1", "spec.sources[0].helm.valuesObject.cron.image"),
        ("prod/shop", "acme/api:v1", "spec.sources[1].kustomize.images[0]"),
        ("prod/shop", f"mirror/web@{DIGEST}", "spec.sources[1].kustomize.images[1]"),
        ("prod/shop", "acme/side:s1", "spec.sources[1].kustomize.patches[0].patch|[0].value"),
    ]


def test_the_pinned_chart_is_declared_when_asked_for(read: Read) -> None:
    found = read("argocd", APPLICATION, charts=True)
    assert ("prod/shop", "charts.example.org/shop:1.2.3", "spec.sources[0].targetRevision") in found


def test_the_environment_may_be_the_destination_or_an_annotation(read: Read) -> None:
    assert read("argocd", APPLICATION, environment={"from": "namespace"})[0][0] == "shop-ns/shop"
    by_annotation = {"from": "annotation", "annotation": "stage"}
    assert read("argocd", APPLICATION, environment=by_annotation)[0][0] == "qa/shop"


def test_an_application_set_declares_by_its_template_and_by_elements_with_tags(read: Read) -> None:
    text = """
kind: ApplicationSet
metadata: {name: shops}
spec:
  generators:
  - matrix:
      generators:
      - list: {elements: [{env: dev, tag: d1}, {env: qa, app: blog, image: "acme/blog:q1"}, {env: none}]}
      - git: {}
  template:
    metadata: {name: '{{env}}-shop'}
    spec: {source: {helm: {parameters: [{name: image.tag, value: v1}, {name: x.image.tag, value: '{{tag}}'}]}}}
"""
    place = "spec.generators[0].matrix.generators[0].list.elements"
    template = "spec.template.spec.source.helm.parameters[0].value"
    assert read("argocd", text, service={"rename": {"shops": "shop"}}) == [
        ("prod/shop", ":d1", f"{place}[0].tag"),
        ("prod/blog", "acme/blog:q1", f"{place}[1].image"),
        ("prod/shop", ":v1", template),
    ]
    by_element = read("argocd", text, environment={"from": "label", "label": "env"})
    assert [target for target, *_ in by_element] == ["dev/shops", "qa/blog"]


def test_values_that_are_no_yaml_make_the_file_unreadable(read: Read) -> None:
    with pytest.raises(Unreadable, match=r"at spec\.source\.helm\.values: line 2"):
        read("argocd", "kind: Application\nspec: {source: {helm: {values: '['}}}")


def test_a_text_that_aliases_repeat_is_read_within_a_budget(read: Read) -> None:
    padding = "# " + "x" * 500_000
    sources = ", ".join(["{helm: {values: *text}}"] * 20)
    text = f'kind: Application\nmetadata: {{x: &text "{padding}"}}\nspec: {{sources: [{sources}]}}\n'
    with pytest.raises(Unreadable, match="aliases counted"):
        read("argocd", text)


@pytest.mark.parametrize(
    ("path", "target"),
    [("prod/shop/.argocd-source-blog.yaml", "prod/blog"), ("prod/shop/.argocd-source.yaml", "prod/shop")],
)
def test_an_override_file_is_for_the_application_in_its_name_or_its_directory(
    path: str, target: str, read: Read
) -> None:
    text = "kustomize: {images: ['acme/shop=mirror/shop:v1']}\nhelm: {parameters: [{name: side.image.tag, value: '7'}]}"
    assert read("argocd-source", text, path) == [
        (target, ":7", "helm.parameters[0].value"),
        (target, "mirror/shop:v1", "kustomize.images[0]"),
    ]


def test_values_that_hold_a_variable_are_read_all_the_same(read: Read) -> None:
    values = "image: {repository: acme/shop, tag: v1}\\nsecret: ${TOKEN}\\nhost: 'x.{{ .Values.domain }}'"
    head = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\n"
    ((target, image, _),) = read("argocd", f'{head}spec: {{source: {{helm: {{values: "{values}"}}}}}}\n')
    assert (target, image) == ("prod/shop", "acme/shop:v1")
    assert read("argocd", f'{head}spec: {{source: {{helm: {{values: "${{ALL}}: [a"}}}}}}\n') == []
