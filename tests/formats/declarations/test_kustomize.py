"""The format kustomize: what the images of a kustomization pin once kustomize has applied them."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.rules import RuleSet, RuleSettings

DIGEST = "sha256:" + "b" * 64


def read(
    text: str, files: str = "{environment}/kustomization.yaml", path: str = "prod/kustomization.yaml", **options: object
) -> list[tuple[str, str, str]]:
    rule = RuleSettings.model_validate({"files": files, "format": "kustomize", **options})
    return [(str(item.target), str(item.image), item.pointer) for item in RuleSet([rule]).read(path, text.encode())]


@pytest.mark.parametrize(
    ("entry", "image", "pointer"),
    [
        ("{name: acme/api, newTag: 1.10}", "acme/api:1.10", "images[0].newTag"),
        ("{name: api, newName: ghcr.io/acme/api, newTag: v1}", "ghcr.io/acme/api:v1", "images[0].newTag"),
        (
            f"{{name: api, newName: ghcr.io/acme/api, digest: {DIGEST}}}",
            f"ghcr.io/acme/api@{DIGEST}",
            "images[0].digest",
        ),
        (f"{{name: api, newTag: v1, digest: {DIGEST}}}", f"api:v1@{DIGEST}", "images[0].newTag"),
        ("{name: api, newName: 'ghcr.io/acme/api:v1'}", "ghcr.io/acme/api:v1", "images[0].newName"),
        (f"{{name: api, newName: 'ghcr.io/acme/api@{DIGEST}'}}", f"ghcr.io/acme/api@{DIGEST}", "images[0].newName"),
        ("{name: api, newName: 'ghcr.io/acme/api:old', newTag: new}", "ghcr.io/acme/api:new", "images[0].newTag"),
    ],
)
def test_an_entry_declares_its_version_for_the_service_of_its_name(entry: str, image: str, pointer: str) -> None:
    assert read(f"images:\n- {entry}\n") == [("prod/api", image, pointer)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind: Kustomization",
        "images:",
        "images: []",
        "images: [text, [x]]",
        "images: [{name: api}]",
        "images: [{name: 'api:v1'}]",
        "images: [{name: api, newName: ghcr.io/acme/api}]",
        "images: [{name: api, newTag: }]",
        "images: [{name: api, newTag: '{{ .tag }}'}]",
        "- a list",
        "text",
        "images: [{newTag: v1}]",
        "images: [{name: api, newTag: not a tag}]",
    ],
)
def test_what_pins_no_image_declares_nothing(text: str) -> None:
    assert read(text) == []


def test_images_that_are_no_list_make_the_file_unreadable() -> None:
    with pytest.raises(Unreadable, match="at images: expected a list"):
        read("images: {name: api}")


def test_a_captured_service_gets_all_images_of_the_file_as_one_bundle() -> None:
    text = "images: [{name: app, newTag: v1}, {name: nginx, newTag: '1.27'}]"
    found = read(text, "{environment}/{service}/kustomization.yaml", "prod/shop/kustomization.yaml")
    assert [(target, image) for target, image, _ in found] == [("prod/shop", "app:v1"), ("prod/shop", "nginx:1.27")]


def test_services_are_renamed_after_prefix_and_suffix_are_cut() -> None:
    text = "images: [{name: acme-api-image, newTag: v1}, {name: web, newTag: v2}]"
    found = read(text, service={"strip_prefix": "acme-", "strip_suffix": "-image", "rename": {"api": "publishing-api"}})
    assert [target for target, *_ in found] == ["prod/publishing-api", "prod/web"]


def test_an_entry_that_a_later_one_overrides_is_not_declared() -> None:
    text = "images:\n- {name: api, newName: ghcr.io/acme/api, newTag: bumped}\n- {name: ghcr.io/acme/api, newTag: pinned}\n"
    assert read(text) == [("prod/api", "ghcr.io/acme/api:pinned", "images[1].newTag")]


def test_entries_of_a_second_document_have_pointers_of_their_own() -> None:
    found = read("images: [{name: a, newTag: v1}]\n---\nimages: [{name: b, newTag: v2}]")
    assert [pointer for *_, pointer in found] == ["images[0].newTag", "(2)images[0].newTag"]


def test_an_entry_without_a_name_is_called_after_what_it_renames_to() -> None:
    assert read("images: [{newName: ghcr.io/acme/api, newTag: v1}]") == [
        ("prod/api", "ghcr.io/acme/api:v1", "images[0].newTag")
    ]
