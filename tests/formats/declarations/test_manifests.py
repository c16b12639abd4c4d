"""The format manifests: containers of workloads, recognised by their shape."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.formats.declarations.rules import RuleSet, RuleSettings

POD = "containers: [{name: app, image: 'acme/api:v1'}]"


def read(text: str, path: str = "apps/prod/x.yaml", **options: object) -> list[tuple[str, str, str]]:
    rule = {"files": "apps/**/*.yaml", "format": "manifests", "environment": {"from": "path", "segment": 1}, **options}
    found = RuleSet([RuleSettings.model_validate(rule)]).read(path, text.encode())
    return [(str(item.target), str(item.image), item.pointer) for item in found]


@pytest.mark.parametrize(
    "kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Rollout", "Elasticsearch"]
)
def test_a_workload_with_a_pod_template_declares_its_containers(kind: str) -> None:
    text = f"kind: {kind}\nmetadata: {{name: api}}\nspec: {{template: {{spec: {{{POD}}}}}}}\n"
    assert read(text) == [("prod/api", "acme/api:v1", "spec.template.spec.containers[0].image")]


def test_a_cron_job_and_a_pod_declare_their_containers() -> None:
    cron = f"kind: CronJob\nmetadata: {{name: nightly}}\nspec: {{jobTemplate: {{spec: {{template: {{spec: {{{POD}}}}}}}}}}}\n"
    pod = f"kind: Pod\nmetadata: {{name: shell}}\nspec: {{{POD}}}\n"
    assert read(cron + "---\n" + pod) == [
        ("prod/nightly", "acme/api:v1", "spec.jobTemplate.spec.template.spec.containers[0].image"),
        ("prod/shell", "acme/api:v1", "(2)spec.containers[0].image"),
    ]


def test_all_containers_of_a_workload_are_one_bundle() -> None:
    text = """
metadata: {name: api}
spec:
  template:
    spec:
      initContainers: [{image: acme/migrate:v1}, {image: acme/none}]
      containers: [{image: acme/api:v1}, {image: acme/proxy@sha256:%s}, text, {image: }]
""" % ("d" * 64)
    assert [(target, image) for target, image, _ in read(text)] == [
        ("prod/api", "acme/migrate:v1"),
        ("prod/api", "acme/api:v1"),
        ("prod/api", "acme/proxy@sha256:" + "d" * 64),
    ]


def test_lists_within_lists_are_opened() -> None:
    item = f"{{metadata: {{name: api}}, spec: {{template: {{spec: {{{POD}}}}}}}}}"
    text = f"kind: List\nitems:\n- {item}\n- kind: DeploymentList\n  items: [{item}, text]\n"
    assert [pointer for *_, pointer in read(text)] == [
        "items[0].spec.template.spec.containers[0].image",
        "items[1].items[0].spec.template.spec.containers[0].image",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "[a]",
        "kind: Service\nspec: {ports: []}",
        "metadata: {name: api}\nspec: {template: {spec: {containers: {}}}}",
        "metadata: {name: api}\nspec: {template: {spec: {containers: [{name: app}]}}}",
        "spec: {template: {spec: {containers: [{image: 'a:v1'}]}}}",
        "metadata: {name: api}\nspec: {template: {spec: {containers: [{image: 'a:{{ .v }}'}]}}}",
        "metadata: {name: a b}\nspec: {containers: [{image: 'a:v1'}]}",
    ],
)
def test_what_is_no_named_workload_with_a_pinned_image_declares_nothing(text: str) -> None:
    assert read(text) == []


def test_a_service_may_be_called_by_a_label_and_an_environment_by_the_namespace() -> None:
    text = f"""
metadata: {{name: api-v2, namespace: team-prod, labels: {{app.kubernetes.io/name: api}}}}
spec: {{template: {{metadata: {{labels: {{tier: web}}}}, spec: {{{POD}}}}}}}
"""
    options: dict[str, Any] = {"environment": {"from": "namespace", "strip_prefix": "team-"}}
    assert read(text, service={"from": "label", "label": "app.kubernetes.io/name"}, **options)[0][0] == "prod/api"
    assert read(text, service={"from": "label", "label": "tier"}, **options)[0][0] == "prod/web"
    assert read(text, service={"from": "label", "label": "absent"}, **options) == []


def test_an_object_without_namespace_belongs_to_no_environment() -> None:
    assert read(f"metadata: {{name: api}}\nspec: {{{POD}}}", environment={"from": "namespace"}) == []


def test_a_json_document_is_read() -> None:
    text = '{"metadata": {"name": "api"}, "spec": {"containers": [{"image": "acme/api:v1"}]}}'
    assert read(text) == [("prod/api", "acme/api:v1", "spec.containers[0].image")]
