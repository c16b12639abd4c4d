"""The format setters: scalars with a marker of Flux's image automation."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.declaration import Unreadable
from tests.formats.declarations.conftest import Read


def marker(part: str = "") -> str:
    return f'# {{"$imagepolicy": "flux-system:shop{part}"}}'


def test_a_marked_reference_is_for_the_service_of_its_policy(read: Read) -> None:
    text = f"kind: X\nspec:\n  containers:\n  - name: a\n    image: 'acme/shop:1.10' {marker()}\n  - image: acme/other:v1\n"
    assert read("setters", text) == [("prod/shop", "acme/shop:1.10", "spec.containers[0].image")]


def test_marked_parts_in_one_mapping_are_one_image(read: Read) -> None:
    digest = "sha256:" + "b" * 64
    lines = [
        f"repository: acme/shop {marker(':name')}",
        f"tag: 007 {marker(':tag')}",
        f"digest: {digest} {marker(':digest')}",
    ]
    text = "\n  ".join(["image:", *lines])
    assert read("setters", text) == [("prod/shop", f"acme/shop:007@{digest}", "image.tag")]


def test_a_name_elsewhere_in_the_document_counts_for_lone_tags(read: Read) -> None:
    text = f"a: acme/shop {marker(':name')}\nb: {{c: v1}} {marker(':tag')}\n---\nd: v2 {marker(':tag')}\n"
    assert read("setters", text) == [("prod/shop", "acme/shop:v1", "b.c"), ("prod/shop", ":v2", "(2)d")]


def test_a_lone_digest_is_a_version_and_the_namespace_that_of_the_policy(read: Read) -> None:
    digest = "sha256:" + "b" * 64
    text = f"? [x, y]\n: {digest} {marker(':digest')}\n"
    found = read("setters", text, environment={"from": "namespace"})
    assert [(target, image) for target, image, _ in found] == [("flux-system/shop", f"@{digest}")]


@pytest.mark.parametrize(
    "text",
    [
        f"a: {marker()}\n",
        f"a: v1\n{marker()}\n",
        f"a: 'text {marker()}'\n",
        f"a: acme/shop {marker(':other')}\n",
        f"a: {{x: y}}\nb: acme/shop {marker()}\n",
        "a: acme/shop:v1\n",
        f"a: &x acme/shop:v1\nb: *x {marker()}\n",
    ],
)
def test_what_is_marked_nowhere_or_names_no_version_declares_nothing(text: str, read: Read) -> None:
    assert read("setters", text) == []


def test_other_line_ends_do_not_move_the_markers(read: Read) -> None:
    text = f'x: 1\r\ny: "a\u2028b"\r\nimage: acme/shop:v1 {marker()}\r\n'
    assert read("setters", text) == [("prod/shop", "acme/shop:v1", "image")]


def test_markers_in_what_is_no_yaml_make_the_file_unreadable(read: Read) -> None:
    with pytest.raises(Unreadable, match="line 3"):
        read("setters", f"a: v1 {marker()}\nb: [\n")
    with pytest.raises(Unreadable, match="nested deeper"):
        read("setters", f"a: v1 {marker()}\nb: {'[' * 100}{']' * 100}\n")
