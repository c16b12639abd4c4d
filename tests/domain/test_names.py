"""Names and image references as people write them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.names import ImageRef, Model, bundle, make_image, parse_image, parse_name

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        ("nginx:1.25", "nginx", "1.25", None),
        ("ghcr.io/alphagov/publishing-api:v1694", "ghcr.io/alphagov/publishing-api", "v1694", None),
        ("localhost:5000/shop:dev", "localhost:5000/shop", "dev", None),
        ("registry.example.com:5000/team/shop:1", "registry.example.com:5000/team/shop", "1", None),
        (f"quay.io/prometheus/node-exporter@sha256:{HEX}", "quay.io/prometheus/node-exporter", None, f"sha256:{HEX}"),
        (f"gcr.io/p/s:v1@sha256:{HEX}", "gcr.io/p/s", "v1", f"sha256:{HEX}"),
        (f"localhost:5000/shop@sha256:{HEX}", "localhost:5000/shop", None, f"sha256:{HEX}"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:0123e45", None, "0123e45", None),
        ("us-docker.pkg.dev/my-project/repo/shop:2024-01-01", "us-docker.pkg.dev/my-project/repo/shop", None, None),
        (":v7", None, "v7", None),
        ("a/b__c/d---e:1.10", "a/b__c/d---e", "1.10", None),
    ],
)
def test_a_reference_is_taken_apart(text: str, repository: str | None, tag: str | None, digest: str | None) -> None:
    image = parse_image(text)
    assert str(image) == text
    if repository is not None or text.startswith(":"):
        assert image.repository == repository
    assert tag is None or image.tag == tag
    assert image.digest == digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nginx", "names no version"),
        ("localhost:5000/shop", "names no version"),
        ("", "names no version"),
        ("shop:", "is not an image tag"),
        ("shop:-v1", "is not an image tag"),
        ("shop:" + "v" * 129, "is not an image tag"),
        ("shop:v1 ", "is not an image tag"),
        ("shop:v1\n", "is not an image tag"),
        ("ghcr.io/Acme/Shop:v1", "is not an image repository"),
        ("/shop:v1", "is not an image repository"),
        ("shop/:v1", "is not an image repository"),
        ("https://ghcr.io/acme/shop:v1", "is not an image repository"),
        ("shop@sha256:abc", "is not a digest"),
        ("shop@", "is not a digest"),
        (f"shop@sha256:{HEX}@sha256:{HEX}", "is not a digest"),
        (f"shop@sha256:{HEX}\n", "is not a digest"),
        ("sh\u043ep:v1", "is not an image repository"),
        ("shop:v\u0661", "is not an image tag"),
        ("a" * 513 + ":v1", "too long"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_part_at_fault(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_image(text)


def test_a_refusal_shows_no_more_than_the_beginning_of_a_long_text() -> None:
    with pytest.raises(ValueError, match="is not an image repository") as caught:
        parse_image("A/" * 200 + ":v1")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("bitnami/redis", "docker.io/bitnami/redis"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx"),
        ("registry-1.docker.io/bitnami/redis", "docker.io/bitnami/redis"),
        ("localhost/shop", "localhost/shop"),
        ("registry:5000/shop", "registry:5000/shop"),
        ("ghcr.io/acme/shop", "ghcr.io/acme/shop"),
    ],
)
def test_docker_hubs_defaults_are_spelt_out_for_comparing(written: str, canonical: str) -> None:
    assert ImageRef(written, "v1").canonical_repository == canonical
    assert ImageRef(None, "v1").canonical_repository is None


def test_a_reference_without_tag_and_digest_is_none() -> None:
    with pytest.raises(ValueError, match="names no version"):
        make_image("shop", None, None)


def test_a_bundle_has_one_order_and_each_image_once() -> None:
    one, two = ImageRef("a", "v1"), ImageRef(None, "v1")
    assert bundle([one, two, one]) == bundle([two, one]) == (two, one)


def test_each_model_has_the_other() -> None:
    assert Model.GITOPS.other is Model.API
    assert Model.API.other is Model.GITOPS


@pytest.mark.parametrize("text", ["shop", "team/shop", "a", "x" * 253, "\u00fcber-shop", "shop.v2_x"])
def test_a_name_is_kept_as_it_is_written(text: str) -> None:
    assert parse_name(text, "a service") == text


@pytest.mark.parametrize("text", ["", "/shop", "shop/", "a b", "a\tb", "shop\n", "a\x00b", "x" * 254, "/", "\u00a0"])
def test_a_name_with_spaces_control_characters_or_a_slash_at_an_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a service: expected"):
        parse_name(text, "a service")


@given(st.text(max_size=600))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        image = parse_image(text)
    except ValueError:
        return
    assert parse_image(str(image)) == image


HOSTILE = [
    "a" * 500 + "!:v1",
    "a." * 250 + "!:v1",
    "a-" * 250 + ":v1",
    "a/" * 255 + ":v1",
    "a" * 250 + "/" + "a_" * 120 + "!:v1",
    "a:1" * 160 + "/!:v",
    "a@" + "a." * 250 + ":",
    "a@" + "a+a" * 160 + ":x",
    "._-/" * 120 + ":v1",
    "a" + "-" * 500 + "!:v1",
]


READ_ALL = """
import sys
from bridge.domain.names import parse_image
for text in sys.argv[1:]:
    try:
        parse_image(text)
    except ValueError:
        pass
"""


def test_no_text_makes_the_reader_think_for_long() -> None:
    # Milliseconds are enough for a linear reader; an exponential one never ends, and can only be stopped from outside.
    subprocess.run([sys.executable, "-c", READ_ALL, *HOSTILE], check=True, timeout=30)
