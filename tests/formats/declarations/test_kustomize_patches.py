"""Images that a kustomization sets by inline patches and replacements."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.declaration import Unreadable
from tests.formats.declarations.conftest import Read

MERGE = """|-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: shop}
    spec: {template: {spec: {containers: [{name: app, image: "acme/shop:1.10"}]}}}
"""


def test_a_strategic_merge_patch_sets_the_images_of_its_object(read: Read) -> None:
    place = "patches[0].patch|spec.template.spec.containers[0].image"
    assert read("kustomize", f"patches:\n- patch: {MERGE}") == [("prod/shop", "acme/shop:1.10", place)]
    place = "patchesStrategicMerge[0]|spec.template.spec.containers[0].image"
    assert read("kustomize", f"patchesStrategicMerge:\n- {MERGE}") == [("prod/shop", "acme/shop:1.10", place)]


def test_the_target_of_a_patch_names_the_service_unless_it_is_a_pattern(read: Read) -> None:
    assert read("kustomize", f"patches:\n- patch: {MERGE}  target: {{name: blog}}\n")[0][0] == "prod/blog"
    assert read("kustomize", f"patches:\n- patch: {MERGE}  target: {{name: 'b.*'}}\n")[0][0] == "prod/shop"


def test_a_json_patch_sets_the_image_of_its_target(read: Read) -> None:
    text = """
patchesJson6902:
- target: {kind: CronJob, name: shop}
  patch: |
    - {op: test, path: /spec/template/spec/containers/0/image, value: "acme/shop:v0"}
    - {op: replace, path: /spec/jobTemplate/spec/template/spec/containers/0/image, value: "acme/shop:v1"}
    - {op: replace, path: /spec/replicas, value: 2}
    - {op: add, path: /spec/template/spec/initContainers/0/image, value: no-version}
"""
    assert read("kustomize", text) == [("prod/shop", "acme/shop:v1", "patchesJson6902[0].patch|[1].value")]


@pytest.mark.parametrize(
    "entry", ["{path: image-patch.yaml}", "patch.yaml", "{patch: 'kind: [\n\n'}", "7", "{patch: {image: x}}"]
)
def test_patches_elsewhere_or_without_images_are_passed_over(entry: str, read: Read) -> None:
    assert read("kustomize", f"patches: [{entry}]") == []


def test_a_patch_that_is_no_yaml_makes_the_file_unreadable(read: Read) -> None:
    with pytest.raises(Unreadable, match=r"at patches\[0\]\.patch: line"):
        read("kustomize", "patches: [{patch: 'image: ['}]")


def test_replacements_put_what_stands_in_the_same_file(read: Read) -> None:
    image = "spec.template.spec.containers.[name=app].image"
    text = f"""
configMapGenerator:
- name: versions
  literals: [SHOP=v1, 'BLOG="acme/blog:v2"', broken]
replacements:
- source: {{kind: ConfigMap, name: versions, fieldPath: data.SHOP}}
  targets:
  - {{select: {{name: shop}}, fieldPaths: ["{image}"], options: {{delimiter: ":", index: 1}}}}
- source: {{kind: ConfigMap, name: versions, fieldPath: data.BLOG}}
  targets:
  - {{select: {{name: blog}}, fieldPaths: ["{image}"]}}
  - {{select: {{name: mirror}}, fieldPaths: ["{image}"]}}
  - {{select: {{name: other}}, fieldPaths: [spec.replicas]}}
- sourceValue: acme/fixed:v3
  targets: [{{select: {{name: fixed}}, fieldPaths: ["{image}"]}}]
- source: {{kind: Secret, name: x, fieldPath: data.y}}
  targets: [{{select: {{name: none}}, fieldPaths: ["{image}"]}}]
- sourceValue: v4
  targets: [{{select: {{name: odd}}, fieldPaths: ["{image}"], options: {{delimiter: "/", index: 0}}}}]
"""
    assert read("kustomize", text) == [
        ("prod/shop", ":v1", "configMapGenerator[0].literals[0]"),
        ("prod/blog", "acme/blog:v2", "configMapGenerator[0].literals[1]#1.0"),
        ("prod/mirror", "acme/blog:v2", "configMapGenerator[0].literals[1]#1.1"),
        ("prod/fixed", "acme/fixed:v3", "replacements[2].sourceValue"),
    ]


def test_a_flux_kustomization_pins_images_and_patches_below_its_spec(read: Read) -> None:
    deeper = MERGE.replace("\n", "\n  ")
    text = f"""
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
spec:
  images: [{{name: acme/api, newTag: v1}}]
  patches:
  - patch: {deeper}
"""
    assert [(target, image) for target, image, _ in read("kustomize", text)] == [
        ("prod/api", "acme/api:v1"),
        ("prod/shop", "acme/shop:1.10"),
    ]
