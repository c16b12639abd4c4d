"""Rules from files: few of them, apart from each other, and without what no environment runs by itself."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.formats.declarations.proposals.image_words import has_image_words, is_image_change
from bridge.formats.declarations.proposals.recognising import recognise
from bridge.formats.declarations.proposals.rule_proposals import propose_rules
from bridge.formats.declarations.proposals.seen_files import SeenFile

VALUES = "image: {repository: acme/shop, tag: v1}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec: {containers: [{image: 'acme/shop:v1'}]}\n"
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop}
spec: {source: {helm: {values: "image: {repository: acme/shop, tag: v1}"}}}
"""


def propose(files: dict[str, str], charts: tuple[str, ...] = (), changes: int = 0) -> list[Any]:
    seen = []
    for path, text in files.items():
        known = recognise(path, text.encode())
        assert known is not None, path
        seen.append(SeenFile(path, known, changes))
    return sorted((dict(each.rule) for each in propose_rules(seen, charts)), key=str)


def test_a_rule_ignores_single_files_that_another_format_reads() -> None:
    files = {f"env/{e}/{s}.yaml": VALUES for e in ("prod", "dev") for s in ("shop", "cart")}
    files |= {"env/prod/worker.yaml": POD, "env/dev/worker.yaml": POD}
    assert propose(files) == [
        {"files": "env/{environment}/*.yaml", "format": "manifests"},
        {"files": "env/{environment}/{service}.yaml", "format": "helm-values", "ignore": ["**/worker.yaml"]},
    ]


def test_a_rule_ignores_a_whole_folder_that_another_one_reads() -> None:
    files = {f"apps/{s}/values.yaml": VALUES for s in ("shop", "cart")}
    files |= {f"apps/old/{s}.yaml": VALUES for s in ("a", "b")} | {f"apps/old/{s}-dev.yaml": VALUES for s in ("a", "b")}
    rules = propose(files)
    production = [rule for rule in rules if "environment" in rule]
    assert [rule for rule in rules if rule not in production] == [
        {"files": "apps/old/{service}-{environment}.yaml", "format": "helm-values"}
    ]
    assert [rule["ignore"] for rule in production if "old" in str(rule["files"])] == [["apps/old/*-*.yaml"]]


def test_the_defaults_of_charts_are_left_out_where_environments_override_them() -> None:
    files = {"env/prod/shop.yaml": VALUES, "charts/shop/values.yaml": VALUES, "charts/cart/values.yaml": VALUES}
    charts = ("charts/shop", "charts/cart")
    environments = {"files": "env/{environment}/{service}.yaml", "format": "helm-values"}
    assert propose(files, charts) == [environments]
    assert (
        len(propose(files, charts, changes=9)) == 2
    )  # bumped there again and again: that is where it is deployed from
    only = {path: text for path, text in files.items() if path.startswith("charts")}
    assert propose(only, charts) == [
        {"files": "charts/{service}/values.yaml", "format": "helm-values", "environment": "production"}
    ]


def test_an_app_of_apps_in_a_chart_is_read_although_it_is_a_template() -> None:
    files = {
        "boot/templates/shop.yaml": "{{ if .Values.on }}\na: 1\n{{ end }}\n" + APPLICATION,
        "boot/templates/cart.yaml": APPLICATION,
    }
    assert propose(files, ("boot",)) == [
        {"files": "boot/**/*.yaml", "format": "argocd", "environment": "production", "templated": True}
    ]


def test_what_has_no_image_is_in_no_format() -> None:
    texts = ["a: [", "a: 1", "{{ x", "", "services: {shop: {build: .}}", "a: {b: {c: d}}"]
    assert [recognise("x.yaml", text.encode()) for text in texts] == [None] * len(texts)
    assert recognise("x.py", b"image: acme/shop:v1") is None


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("tag: v1", "tag: v2", True),
        ('API_TAG="1.9"', 'API_TAG="1.10"', True),
        ("- image: acme/shop:v1", "- image: acme/shop:v2", True),
        ('{"image": "acme/shop:v1"}', '{"image": "acme/shop:v2"}', True),
        (f"- acme/shop@sha256:{'0' * 64}", f"- acme/shop@sha256:{'1' * 64}", True),
        ("replicas: 1", "replicas: 2", False),
        ("# tag: v1", "# tag: v2", False),
        ("etag: a1", "etag: b2", False),
        ("useTag: true", "useTag: false", False),
        ("x: ENC[AES256_GCM,data:a,tag:b1]", "x: ENC[AES256_GCM,data:a,tag:b2]", False),
        ("tag: v1\0", "tag: v2\0", False),
        ("tag: v1", "image: acme/shop:v2", False),
    ],
)
def test_changes_that_look_like_a_bump(before: str, after: str, changed: bool) -> None:
    assert is_image_change(before.encode(), after.encode()) is changed


def test_a_first_look_finds_every_way_to_write_an_image() -> None:
    for text in ("newTag: v1", "imageTag: v1", "SHOP_IMAGE=acme/shop:v1", f"- acme/shop@sha256:{'0' * 64}"):
        assert has_image_words(text.encode())
    assert not has_image_words(b"replicas: 3\n")
