"""Which names are environments, by words and by what stands beside them."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.proposals.environment_places import find_places
from bridge.formats.declarations.proposals.environment_words import names_environment, split_affix


@pytest.mark.parametrize("name", ["prod", "Production", "staging2", "prod-eu-west-1", "eu.prod", "blue", "dev", "qa-a"])
def test_names_of_environments(name: str) -> None:
    assert names_environment(name)


@pytest.mark.parametrize(
    "name",
    ["shop", "prod-deflector", "devops", "a-dev", "test-runner", ".test", "eu-west-1", "local-path-provisioner", ""],
)
def test_names_of_other_things(name: str) -> None:
    assert not names_environment(name)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("shop-dev", ("shop-", "dev", "")),
        ("web.shop_staging2", ("web.shop_", "staging2", "")),
        ("preview-shop", ("", "preview", "-shop")),
        ("shop", None),
        ("local-path", None),
        ("shop-local-path", None),
        ("-dev", None),
    ],
)
def test_words_at_the_ends_of_names(name: str, parts: tuple[str, str, str] | None) -> None:
    assert split_affix(name) == parts


@pytest.mark.parametrize(
    ("paths", "environments"),
    [
        (["a/prod/x.yaml", "a/red/x.yaml"], ["prod", "red"]),
        (["a/prod/x.yaml", "a/red/y.yaml"], ["prod", None]),
        (["a/prod/x.yaml", "a/base/x.yaml"], ["prod", None]),
        (["dev/x.yaml", *(f"service{n}/x.yaml" for n in range(9))], ["dev", *[None] * 9]),
        (["overlays/acme/x.yaml", "overlays/base/x.yaml"], ["acme", None]),
        (["shop.prod.yaml", ".env.production", "values-dev.yaml"], ["prod", "production", "dev"]),
        (["prod.yaml", "shop.yaml"], ["prod", None]),
        (["shop-dev/x.yaml", "shop/x.yaml"], ["dev", None]),
        (["shop-dev/x.yaml", "cart-dev/x.yaml"], ["dev", "dev"]),
        (["shop-dev/x.yaml", "cart/x.yaml"], [None, None]),
        (["shop-dev/x.yaml", "cart-dev/x.yaml", "dev-ops-bot/x.yaml"], ["dev", "dev", None]),
    ],
)  # fmt: skip
def test_the_environment_of_each_path(paths: list[str], environments: list[str | None]) -> None:
    places = find_places(paths, [])
    assert [places[path].environment if path in places else None for path in paths] == environments


def test_the_outer_of_two_levels_is_the_environment_where_services_recur() -> None:
    values = [
        "t/acme/shop/values.yaml",
        "t/acme/cart/values.yaml",
        "t/globex/shop/values.yaml",
        "t/globex/blog/values.yaml",
    ]
    beside = "t/acme/shop/job.yaml"
    places = find_places([*values, beside], values)
    assert {path: place.environment for path, place in places.items()} == {
        path: path.split("/")[1] for path in [*values, beside]
    }
    unlike = ["a/x/values.yaml", "b/y/values.yaml", "c/z/values.yaml"]
    assert find_places(unlike, unlike) == {}
