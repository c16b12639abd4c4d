"""From an object of a cluster to a service and an environment."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bridge.domain.names import Target
from bridge.formats.mapping import MappingRule, Subject, TargetMap


def subject(name: str = "shop", namespace: str = "production", cluster: str = "eu", **more: Any) -> Subject:
    return Subject("Deployment", name, namespace, cluster, **more)


def mapped(rules: list[dict[str, Any]], which: Subject) -> str | None:
    found = TargetMap([MappingRule.model_validate(rule) for rule in rules]).target_of(which)
    return None if found is None else str(found)


def test_without_rules_a_service_is_its_name_label_or_its_name_and_an_environment_its_namespace() -> None:
    assert TargetMap().target_of(subject()) == Target("shop", "production")
    labelled = subject("release-1-web", labels={"app.kubernetes.io/name": "shop"})
    assert TargetMap().target_of(labelled) == Target("shop", "production")


@pytest.mark.parametrize(
    ("rule", "which", "target"),
    [
        ({"name": "{service}-{environment:dev|prod}"}, subject("shop-prod"), "prod/shop"),
        ({"name": "{service}-{environment:dev|prod}"}, subject("shop-canary"), None),
        ({"namespace": "{team}-{environment}", "service": "{team}.shop"}, subject("x", "red-prod"), "prod/red.shop"),
        ({"cluster": "{region}", "environment": "{region}-production"}, subject(), "eu-production/shop"),
        ({"environment": {"from": "text", "text": "live"}}, subject(), "live/shop"),
        ({"environment": {"from": "cluster", "rename": {"eu": "europe"}}}, subject(), "europe/shop"),
        (
            {"service": {"from": "name", "strip_prefix": "acme-", "strip_suffix": "-app"}},
            subject("acme-x-app"),
            "production/x",
        ),
        ({"service": {"from": "label", "label": "team"}}, subject(labels={"team": "red"}), "production/red"),
        ({"service": {"from": "label", "label": "team"}}, subject(), None),
        ({"environment": {"from": "annotation", "annotation": "env"}}, subject(annotations={"env": "qa"}), "qa/shop"),
        ({"labels": {"track": "stable"}}, subject(labels={"track": "stable"}), "production/shop"),
        ({"labels": {"track": "stable"}}, subject(labels={"track": "canary"}), None),
        ({"labels": {"track": "*"}}, subject(), None),
        ({"ignore": True}, subject(), None),
        ({"service": "with space"}, subject(), None),
    ],
    ids=str,
)
def test_a_rule_makes_names_of_what_it_captures(rule: dict[str, Any], which: Subject, target: str | None) -> None:
    assert mapped([rule], which) == target


def test_the_first_rule_that_matches_counts() -> None:
    rules = [{"namespace": "kube-*", "ignore": True}, {"name": "shop*", "service": "shop"}, {}]
    assert mapped(rules, subject("shop-worker")) == "production/shop"
    assert mapped(rules, subject("cart")) == "production/cart"
    assert mapped(rules, subject("dns", "kube-system")) is None


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"service": "{word}"}, "no pattern of this rule captures {word}"),
        ({"name": "{x}", "namespace": "{x}"}, "captures {x} a second time"),
        ({"name": "a/b"}, "hold no slash"),
        ({"environment": {"from": "label"}}, "`label` and `from: label` belong together"),
        ({"environment": "{unclosed"}, "not a template"),
    ],
    ids=str,
)
def test_a_rule_that_can_never_work_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("{", r"\{").replace("}", r"\}")):
        MappingRule.model_validate(rule)
