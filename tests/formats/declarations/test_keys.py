"""The format keys: tags at configured places, as text, and errors that never show the value."""

from __future__ import annotations

import pytest

from bridge.domain.names import ImageRef, Target
from bridge.formats.declarations.declaration import Declaration, Unreadable
from bridge.formats.declarations.keys import parse_dotted
from bridge.formats.declarations.rules import RuleSet, RuleSettings


def read(text: str, path: str = "production/api", **options: object) -> list[tuple[str, str, str]]:
    rule = {"files": "{environment}/{service}", "format": "keys", **options}
    found = RuleSet([RuleSettings.model_validate(rule)]).read(path, text.encode())
    return [(str(item.target), str(item.image), item.pointer) for item in found]


def test_a_flat_file_declares_the_tag_with_the_repository_of_the_template() -> None:
    rule = RuleSettings.model_validate(
        {
            "files": "charts/app-config/image-tags/{environment}/{service}",
            "format": "keys",
            "tag": "image_tag",
            "repository": "ghcr.io/acme/{service}",
        }
    )
    found = RuleSet([rule]).read("charts/app-config/image-tags/production/api", b"image_tag: v1694\npromote: true\n")
    image = ImageRef("ghcr.io/acme/api", "v1694")
    assert found == (Declaration(Target("api", "production"), image, "image_tag"),)


def test_without_a_repository_only_the_tag_is_known() -> None:
    assert read("tag: 1.10", tag="tag") == [("production/api", ":1.10", "tag")]


@pytest.mark.parametrize(
    ("place", "steps"),
    [
        ("a", ("a",)),
        ("a.0.b", ("a", "0", "b")),
        ('a."b.c".d', ("a", "b.c", "d")),
        (r'"a\"b"', ('a"b',)),
        ('""', ("",)),
    ],
)
def test_a_dotted_path_is_cut_at_dots_outside_quotes(place: str, steps: tuple[str, ...]) -> None:
    assert parse_dotted(place) == steps


@pytest.mark.parametrize("place", ["", ".", "a.", ".a", "a..b", '"a', 'a"b"', '"a"b'])
def test_what_is_no_dotted_path_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="is not a dotted path"):
        parse_dotted(place)


@pytest.mark.parametrize("place", ["images.1.tag", 'images.1."the.tag"'])
def test_places_may_lie_in_lists_and_behind_quoted_keys(place: str) -> None:
    text = "images:\n- {tag: a}\n- {tag: b, the.tag: b}\n"
    assert read(text, tag=place) == [("production/api", ":b", place)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "other: x",
        "image: {}",
        "image: {tag: }",
        "image: {tag: ''}",
        "image: [a]",
        "image: v1",
        "image: {tag: '{{ .x }}'}",
        "image: {tag: {{ .x }} }",
        "image: {tag: 'ENC[AES256_GCM,data:x]'}",
    ],
)
def test_a_place_that_says_nothing_declares_nothing(text: str) -> None:
    assert read(text, tag="image.tag") == []


def test_an_index_beyond_the_list_declares_nothing() -> None:
    assert read("a: [x]", tag="a.1") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tag: {a: b}", "at tag: expected a text, found a mapping"),
        ("tag: [b]", "at tag: expected a text, found a list"),
        ("tag: not a tag", "at tag: the value is no image version"),
        ("just text", "expected a mapping at the top of the file"),
    ],
)
def test_a_place_that_holds_no_version_makes_the_file_unreadable(text: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(text, tag="tag")
    assert str(caught.value).startswith(reason)


def test_an_error_never_shows_the_value() -> None:
    with pytest.raises(Unreadable) as caught:
        read("tag: hunter2 is my password", tag="tag")
    assert "hunter2" not in str(caught.value)


def test_a_digest_beside_the_tag_is_read_and_may_stand_alone() -> None:
    digest = "sha256:" + "a" * 64
    assert read(f"t: v1\nd: {digest}", tag="t", digest="d") == [("production/api", f":v1@{digest}", "t")]
    assert read(f"d: {digest}", tag="t", digest="d") == [("production/api", f"@{digest}", "d")]
    assert read(f"d: {digest}", digest="d") == [("production/api", f"@{digest}", "d")]
    assert read(f"t: v1@{digest}", tag="t") == [("production/api", f":v1@{digest}", "t")]


def test_a_whole_reference_is_cut_into_its_parts() -> None:
    assert read("image: ghcr.io:443/acme/api:v1", image="image") == [
        ("production/api", "ghcr.io:443/acme/api:v1", "image")
    ]
    assert read("image:", image="image") == []


@pytest.mark.parametrize(
    ("reference", "reason"), [("acme/api", "names no version"), ("Acme//api:v1", "the image repository is malformed")]
)
def test_a_reference_that_is_none_makes_the_file_unreadable(reference: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(f"image: {reference}", image="image")


def test_one_file_declares_several_services() -> None:
    text = 'API_TAG: "f3d0498"\nADMIN_TAG: 682c882\nADMIN_REPO: quay.io/x/admin\nDOCS_TAG: ""\n'
    found = read(
        text,
        path="staging/flat",
        tags={"api": "API_TAG", "celery": "API_TAG", "admin": "ADMIN_TAG", "docs": "DOCS_TAG"},
        repositories={"admin": "ADMIN_REPO", "api": "API_REPO"},
        repository="ghcr.io/acme/{service}",
    )
    assert found == [
        ("staging/api", "ghcr.io/acme/api:f3d0498", "API_TAG#api"),
        ("staging/celery", "ghcr.io/acme/celery:f3d0498", "API_TAG#celery"),
        ("staging/admin", "quay.io/x/admin:682c882", "ADMIN_TAG"),
    ]


def test_every_document_of_a_file_is_read_with_pointers_of_its_own() -> None:
    assert [pointer for *_, pointer in read("tag: a\n---\n---\ntag: b", tag="tag")] == ["tag", "(3)tag"]


def test_a_captured_name_that_is_none_makes_the_file_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"at tag: .* is not a service"):
        read("tag: v1", path="production/a b", tag="tag")
