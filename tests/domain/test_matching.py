"""Whether what runs is what was intended."""

from __future__ import annotations

import pytest

from bridge.domain.matching import (
    Match,
    is_step_towards,
    match_artifacts,
    match_image,
    pin,
    same_artifacts,
    shares_tag,
)
from bridge.domain.names import ImageRef, bundle, parse_image

D1, D2 = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def images(*texts: str) -> tuple[ImageRef, ...]:
    return bundle(parse_image(text) for text in texts)


@pytest.mark.parametrize(
    ("intended", "observed", "expected"),
    [
        (f"a/shop:v1@{D1}", f"a/shop:v1@{D1}", Match.DIGEST),
        (f"a/shop:v1@{D1}", f"mirror.example/shop:other@{D1}", Match.DIGEST),
        (f"a/shop:v1@{D1}", f"a/shop:v1@{D2}", Match.NONE),
        ("a/shop:v1", f"a/shop:v1@{D2}", Match.TAG),
        (f"a/shop:v1@{D1}", "a/shop:v1", Match.TAG),
        (f"a/shop@{D1}", "a/shop:v1", Match.NONE),
        ("a/shop:v1", "a/shop:v2", Match.NONE),
        ("a/shop:v1", "a/cart:v1", Match.NONE),
        (":v1", "a/shop:v1", Match.TAG),
        ("a/shop:v1", ":v1", Match.TAG),
        ("nginx:1", "docker.io/library/nginx:1", Match.TAG),
        ("bitnami/redis:7", "index.docker.io/bitnami/redis:7", Match.TAG),
        ("nginx:1", "quay.io/library/nginx:1", Match.NONE),
        ("shop:1.10", "shop:1.1", Match.NONE),
    ],
)
def test_two_references_are_compared_by_digest_and_by_tag_where_one_is_missing(
    intended: str, observed: str, expected: Match
) -> None:
    assert match_image(parse_image(intended), parse_image(observed)) is expected


def test_what_runs_besides_a_bundle_does_not_count_against_it() -> None:
    observed = images("a/shop:v2", "istio/proxyv2:1.20")
    assert match_artifacts(images("a/shop:v2"), observed) is Match.TAG


def test_one_image_known_by_its_tag_only_lowers_the_confidence_of_the_bundle() -> None:
    intended = images(f"a/web:v1@{D1}", "a/worker:v1")
    observed = images(f"a/web:v1@{D1}", f"a/worker:v1@{D2}")
    assert match_artifacts(intended, observed) is Match.TAG


def test_a_part_of_a_bundle_is_partial_and_none_of_it_is_none() -> None:
    intended = images("a/web:v2", "a/worker:v2")
    assert match_artifacts(intended, images("a/web:v2", "a/worker:v1")) is Match.PARTIAL
    assert match_artifacts(intended, images("a/web:v1", "a/worker:v1")) is Match.NONE
    assert not Match.PARTIAL.is_full


def test_an_empty_wish_is_not_satisfied_by_anything() -> None:
    assert match_artifacts((), images("a/web:v1")) is Match.NONE
    assert match_artifacts((), ()) is Match.NONE


def test_a_sidecar_that_came_is_another_set_of_artifacts() -> None:
    assert same_artifacts(images("a/web:v1"), images(f"a/web:v1@{D1}"))
    assert not same_artifacts(images("a/web:v1"), images("a/web:v1", "istio/proxyv2:1.20"))


def test_a_step_changes_only_what_is_intended() -> None:
    intended, before = images("a/web:v2", "a/worker:v2"), images("a/web:v1", "a/worker:v1")
    assert is_step_towards(intended, images("a/web:v2", "a/worker:v1"), before)
    assert not is_step_towards(intended, images("a/web:v2", "a/worker:v9"), before)
    assert not is_step_towards(intended, before, before)


def test_pinning_adds_the_digests_that_ran_and_leaves_sidecars_out() -> None:
    intended = images("a/web:v2", ":v7")
    observed = images(f"a/web:v2@{D1}", f"a/worker:v7@{D2}", "istio/proxyv2:1.20")
    assert pin(intended, observed) == images(f"a/web:v2@{D1}", f"a/worker:v7@{D2}")


def test_pinning_against_nothing_leaves_what_was_written() -> None:
    assert pin(images("a/web:v2"), ()) == images("a/web:v2")


def test_sets_that_differ_by_digest_only_share_their_tags() -> None:
    assert shares_tag(images(f"a/web:v1@{D1}"), images(f"a/web:v1@{D2}"))
    assert not shares_tag(images("a/web:v1"), images("a/web:v2"))
    assert not shares_tag((), ())


def test_two_digests_without_tags_share_no_tag() -> None:
    assert not shares_tag(images(f"a/web@{D1}"), images(f"a/web@{D2}"))
