"""Where the names of services and environments come from."""

from __future__ import annotations

import pytest

from bridge.formats.declarations.rules import RuleSet, RuleSettings
from tests.formats.declarations.conftest import Read

VALUES = "shop: {image: {tag: v1}}"


@pytest.mark.parametrize(
    ("naming", "environment"),
    [
        ("live", "live"),
        ({"from": "path", "segment": -1, "strip_prefix": "values-", "strip_suffix": ".yaml"}, "qa"),
        ({"from": "branch"}, "env/stage"),
        ({"from": "branch", "pattern": "env/{name}"}, "stage"),
        ({"from": "branch", "pattern": "env/{name}", "rename": {"stage": "staging"}}, "staging"),
        ({"from": "key", "segment": 0}, "shop"),
        ({"from": "text", "text": "{environment}-eu"}, "prod-eu"),
    ],
)
def test_an_environment_comes_from_where_the_rule_says(naming: object, environment: str, read: Read) -> None:
    found = read("helm-values", VALUES, "prod/values-qa.yaml", environment=naming)
    assert found == [(f"{environment}/shop", ":v1", "shop.image.tag")]


def test_a_branch_that_the_pattern_does_not_match_declares_nothing(read: Read) -> None:
    assert read("helm-values", VALUES, environment={"from": "branch", "pattern": "release/{name}"}) == []


@pytest.mark.parametrize(
    ("directory", "target"),
    [
        ("shop-dev", "development/shop"),
        ("shop-pre-dev", "preview/shop"),
        ("shop", "production/shop"),
        ("dev", "production/dev"),
        ("old-dev", "development/legacy"),
    ],
)
def test_the_end_of_a_services_name_says_the_environment(directory: str, target: str, read: Read) -> None:
    naming = {
        "from": "suffix",
        "suffixes": {"-dev": "dev", "-pre-dev": "preview"},
        "otherwise": "production",
        "rename": {"dev": "development"},
    }
    found = read(
        "keys",
        "tag: v1",
        f"{directory}/tag.yaml",
        files="{service}/tag.yaml",
        tag="tag",
        environment=naming,
        service={"rename": {"old": "legacy"}},
    )
    assert [name for name, *_ in found] == [target]


def test_services_without_any_suffix_are_left_out_unless_said_otherwise(read: Read) -> None:
    naming = {"from": "suffix", "suffixes": {"-dev": "dev"}}
    assert read("helm-values", "shop: {image: {tag: v1}}\nblog-dev: {image: {tag: v2}}", environment=naming) == [
        ("dev/blog", ":v2", "blog-dev.image.tag")
    ]


def test_without_a_branch_nothing_is_named_after_it() -> None:
    rule = RuleSettings.model_validate({"files": "x", "format": "helm-values", "environment": {"from": "branch"}})
    assert RuleSet([rule]).read("x", VALUES.encode()) == ()
