"""The format helm-values: images at any depth, named by the keys above them."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.rules import RuleSet, RuleSettings

HEX = "c" * 64
DIGEST = "sha256:" + HEX


def read(
    text: str, path: str = "envs/prod/values.yaml", files: str = "envs/{environment}/values.yaml", **options: object
) -> list[tuple[str, str, str]]:
    rule = RuleSettings.model_validate({"files": files, "format": "helm-values", **options})
    return [(str(item.target), str(item.image), item.pointer) for item in RuleSet([rule]).read(path, text.encode())]


@pytest.mark.parametrize(
    ("values", "image", "pointer"),
    [
        ("image: {repository: acme/web, tag: 1.10}", "acme/web:1.10", "web.image.tag"),
        ("image: {registry: ghcr.io, repository: acme/web, tag: v1}", "ghcr.io/acme/web:v1", "web.image.tag"),
        ("image: {name: acme/web, tag: v1}", "acme/web:v1", "web.image.tag"),
        ("image: {registry: r.io, image: acme/web, tag: v1}", "r.io/acme/web:v1", "web.image.tag"),
        (f"image: {{repository: acme/web, digest: {DIGEST}}}", f"acme/web@{DIGEST}", "web.image.digest"),
        (f"image: {{repository: acme/web, tag: 'v1@{DIGEST}'}}", f"acme/web:v1@{DIGEST}", "web.image.tag"),
        ("image: {registry: ghcr.io, repo: acme/web, tag: v1}", "ghcr.io/acme/web:v1", "web.image.tag"),
        (f"image: {{repository: acme/web, tag: v1, digest: {HEX}}}", f"acme/web:v1@{DIGEST}", "web.image.tag"),
        (f"image: {{repository: acme/web, tag: v1, sha: {HEX}}}", f"acme/web:v1@{DIGEST}", "web.image.tag"),
        (f"image: {{repository: acme/web, sha: '{DIGEST}'}}", f"acme/web@{DIGEST}", "web.image.sha"),
        ("image: {repository: acme/web, tag: v1, sha: 0123abc}", "acme/web:v1", "web.image.tag"),
        ("image: {repository: 'acme/web:v1'}", "acme/web:v1", "web.image.repository"),
        ("image: {repository: 'acme/web:v1', tag: }", "acme/web:v1", "web.image.repository"),
        ("image: {tag: v1}", ":v1", "web.image.tag"),
        ("image: {repository: '{{ .repo }}', tag: v1}", ":v1", "web.image.tag"),
        ("image: acme/web:v1", "acme/web:v1", "web.image"),
        ("{image: acme/web, imageTag: v1}", "acme/web:v1", "web.imageTag"),
        ("{image: acme/web, tag: v1}", "acme/web:v1", "web.tag"),
        (f"{{image: acme/web, imageDigest: '{DIGEST}'}}", f"acme/web@{DIGEST}", "web.imageDigest"),
        ("{image: '{{ .image }}', imageTag: v1}", ":v1", "web.imageTag"),
        ("{imageRepository: acme/web, imageTag: v1}", "acme/web:v1", "web.imageTag"),
        (f"{{imageName: acme/web, imageTag: v1, imageDigest: '{DIGEST}'}}", f"acme/web:v1@{DIGEST}", "web.imageTag"),
        (f"imageDigest: '{DIGEST}'", f"@{DIGEST}", "web.imageDigest"),
        ("initImage: acme/init:v1", "acme/init:v1", "web.initImage"),
        ("initImage: {repository: acme/init, tag: v1}", "acme/init:v1", "web.initImage.tag"),
    ],
)
def test_an_image_in_any_of_its_spellings_is_found(values: str, image: str, pointer: str) -> None:
    assert read("web:\n  " + values) == [("prod/web", image, pointer)]


@pytest.mark.parametrize(
    "values",
    [
        "image: {repository: acme/web}",
        "image: {repository: acme/web, tag: }",
        "image: {repository: acme/web, tag: ''}",
        "image: acme/web",
        "image:",
        "image: [acme/web:v1]",
        "image: {pullPolicy: Always}",
        "image: {repository: acme/web, tag: '{{ .tag }}'}",
        "image: {repository: acme/web, tag: {{ .tag }}}",
        "image: {repository: acme/web, tag: 'ENC[AES256_GCM,data:x]'}",
        "backgroundImage: https://example.org/a.png",
        "image: 'Not An: image'",
        "imageTag:",
        "{image: acme/web, imageTag: }",
    ],
)
def test_an_image_without_a_version_declares_nothing(values: str) -> None:
    assert read("web:\n  " + values) == []


def test_the_service_is_the_last_key_above_the_image() -> None:
    assert [target for target, *_ in read("shop: {web: {image: a/web:v1}, db: {image: a/db:v2}}")] == [
        "prod/web",
        "prod/db",
    ]


def test_two_places_that_end_in_the_same_key_are_called_by_their_whole_path() -> None:
    text = "shop: {web: {image: a/web:v1}}\nblog: {web: {image: a/web:v2}, db: {image: a/db:v3}}"
    assert [target for target, *_ in read(text)] == ["prod/shop.web", "prod/blog.web", "prod/db"]


def test_items_of_a_list_are_called_by_their_name_or_after_the_list() -> None:
    text = "workers: [{name: mail, image: a/mail:v1}, {image: a/other:v1}, text]\n"
    assert read(text) == [
        ("prod/mail", "a/mail:v1", "workers[0].image"),
        ("prod/workers", "a/other:v1", "workers[1].image"),
    ]


def test_an_image_at_the_top_is_called_after_the_nearest_directory_that_is_no_capture() -> None:
    assert (
        read("image: {tag: v1}", "apps/shop/prod/values.yaml", "apps/*/{environment}/values.yaml")[0][0] == "prod/shop"
    )
    assert read("image: {tag: v1}", "values-prod.yaml", "values-{environment}.yaml")[0][0] == "prod/values-prod"


def test_an_x_image_at_the_top_is_called_by_its_key() -> None:
    assert read("webImage: a/web:v1\nImage: a/b:v1\n") == [
        ("prod/web", "a/web:v1", "webImage"),
        ("prod/envs", "a/b:v1", "Image"),
    ]


def test_a_captured_service_gets_all_images_of_the_file() -> None:
    found = read("image: {tag: v1}\nsidecar: {image: a/proxy:v2}", "prod/shop.yaml", "{environment}/{service}.yaml")
    assert [target for target, *_ in found] == ["prod/shop", "prod/shop"]


def test_a_mapping_with_repository_and_tag_is_an_image_whatever_it_is_called() -> None:
    assert read("images: {web: {repository: a/web, tag: v1}, none: {repository: a/none}}") == [
        ("prod/web", "a/web:v1", "images.web.tag")
    ]


def test_keys_with_dots_are_quoted_in_the_pointer() -> None:
    assert read('"a.b": {image: a/b:v1}')[0][2] == '"a.b".image'


def test_a_second_document_is_searched_as_well() -> None:
    assert [pointer for *_, pointer in read("a: {image: 'x:1'}\n---\nb: {image: 'x:2'}")] == ["a.image", "(2)b.image"]


def test_a_helmfile_template_is_read_without_being_told() -> None:
    text = "image:\n  tag: sha-29226a0\n{{- range .hosts }}\n- {{ . }}\n{{- end }}\nurl: {{ .url }}\n"
    files = "env/{environment}/{service}.values.yaml.gotmpl"
    assert read(text, "env/prod/api.values.yaml.gotmpl", files) == [("prod/api", ":sha-29226a0", "image.tag")]
    with pytest.raises(Unreadable):
        read(text, "env/prod/api.values.yaml.gotmpl", files, templated=False)


def test_a_path_too_long_to_keep_makes_the_file_unreadable() -> None:
    text = "".join(f"{'  ' * depth}{'k' * 500}:\n" for depth in range(3)) + "      image: a/b:v1\n"
    with pytest.raises(Unreadable, match="a path of more than 1024 characters"):
        read(text)


def test_a_compose_files_services_are_read_and_its_extension_fields_are_not() -> None:
    text = """
x-app: &app {image: "acme/app:v1"}
services:
  web: {<<: *app, ports: ["80:80"]}
  db: {image: "postgres:16.1"}
  built: {build: .}
  open: {image: "acme/open:${TAG:-v1}"}
"""
    assert [(str(target), str(image)) for target, image, _ in read(text)] == [
        ("prod/web", "acme/app:v1"),
        ("prod/db", "postgres:16.1"),
    ]


def test_images_in_a_list_are_called_by_their_names_or_else_after_the_list() -> None:
    text = "images:\n- {name: web, repository: acme/web, tag: v1}\n- {registry: r.io, repository: acme/db, tag: v2}\n"
    assert [(str(target), str(image), pointer) for target, image, pointer in read(text)] == [
        ("prod/web", "acme/web:v1", "images[0].tag"),
        ("prod/images", "r.io/acme/db:v2", "images[1].tag"),
    ]
