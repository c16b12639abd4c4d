"""The format auto: each document is read as what it shows itself to be."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.declaration import Unreadable
from tests.formats.declarations.conftest import Read

POD = "spec: {containers: [{image: 'acme/shop:v1'}]}"


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("kind: HelmRelease\nmetadata: {name: shop}\nspec: {values: {image: {tag: v1}}}", "spec.values.image.tag"),
        (
            "kind: Application\nmetadata: {name: shop}\nspec: {source: {helm: {valuesObject: {image: {tag: v1}}}}}",
            "spec.source.helm.valuesObject.image.tag",
        ),
        ("images: [{name: acme/shop, newTag: v1}]", "images[0].newTag"),
        ("kind: Component\nimages: [{name: acme/shop, newTag: v1}]", "images[0].newTag"),
        (
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {images: [{name: shop, newTag: v1}]}",
            "spec.images[0].newTag",
        ),
        (f"apiVersion: v1\nkind: Pod\nmetadata: {{name: shop}}\n{POD}", "spec.containers[0].image"),
        (f"[{{kind: Pod, metadata: {{name: shop}}, {POD}}}]", "[0].spec.containers[0].image"),
        ("shop: {image: {tag: v1}}", "shop.image.tag"),
        ("services: {shop: {image: 'acme/shop:v1'}}", "services.shop.image"),
        ("helm: {parameters: [{name: image.tag, value: v1}]}", "helm.parameters[0].value"),
        ('kind: X\napiVersion: v1\nspec: {v: v1} # {"$imagepolicy": "ns:shop:tag"}', "spec.v"),
        ('{"shop": {"image": {"tag": "v1"}}}', "shop.image.tag"),
    ],
)
def test_a_document_is_recognised(text: str, pointer: str, read: Read) -> None:
    assert [(target, at) for target, _, at in read("auto", text, "prod/shop/x.yaml")] == [("prod/shop", pointer)]


def test_documents_of_several_formats_keep_their_numbers(read: Read) -> None:
    text = f"a: {{image: {{tag: v1}}}}\n---\nkind: Pod\napiVersion: v1\nmetadata: {{name: b}}\n{POD}\n---\ntext\n"
    assert [(target, at) for target, _, at in read("auto", text)] == [
        ("prod/a", "a.image.tag"),
        ("prod/b", "(2)spec.containers[0].image"),
    ]


def test_what_is_no_yaml_is_unreadable(read: Read) -> None:
    with pytest.raises(Unreadable):
        read("auto", "a: [")


def test_a_template_is_read_without_its_actions(read: Read) -> None:
    text = "{{- if .Values.on }}\na: [\n{{- end }}\nshop: {image: {tag: v1}}\nblog: {image: {tag: {{ .tag }}}}\n"
    assert read("auto", text) == [("prod/shop", ":v1", "shop.image.tag")]


def test_values_with_limits_are_no_kustomization(read: Read) -> None:
    text = "shop: {image: {tag: v1}}\nresources: {limits: {cpu: 1}}\n"
    assert read("auto", text) == [("prod/shop", ":v1", "shop.image.tag")]
