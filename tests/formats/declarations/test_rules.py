"""A set of rules: which paths it reads, what it keeps, and when it counts as another set."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.rules import RuleSet, RuleSettings


def rule_set(*rules: Mapping[str, object]) -> RuleSet:
    return RuleSet([RuleSettings.model_validate(rule) for rule in rules])


KUSTOMIZE = {"files": "{environment}/kustomization.yaml", "format": "kustomize"}
IMAGES = (
    b"images: [{name: ghcr.io/acme/api, newTag: v1}, {name: ghcr.io/acme/web, newTag: v2}, {name: redis, newTag: '7'}]"
)


def targets(rules: RuleSet, path: str = "prod/kustomization.yaml", data: bytes = IMAGES) -> list[str]:
    return [str(item.target) for item in rules.read(path, data)]


def test_only_and_except_choose_services_by_glob() -> None:
    assert targets(rule_set({**KUSTOMIZE, "only": ["a*", "w*"]})) == ["prod/api", "prod/web"]
    assert targets(rule_set({**KUSTOMIZE, "except": ["redis"], "only": ["*"]})) == ["prod/api", "prod/web"]


def test_images_keeps_repositories_by_glob() -> None:
    assert targets(rule_set({**KUSTOMIZE, "images": ["ghcr.io/acme/*"]})) == ["prod/api", "prod/web"]


def test_images_leaves_out_what_has_no_known_repository() -> None:
    rules = rule_set({"files": "{environment}/values.yaml", "format": "helm-values", "images": ["*"]})
    assert targets(rules, "prod/values.yaml", b"web: {image: {tag: v1}}") == []


def test_ignored_files_are_not_read() -> None:
    rules = rule_set({**KUSTOMIZE, "ignore": ["lab/**", "base/*"]})
    assert [rules.matches(f"{folder}/kustomization.yaml") for folder in ("prod", "lab", "base")] == [True, False, False]


def test_the_first_of_several_patterns_that_matches_gives_the_names() -> None:
    rules = rule_set({**KUSTOMIZE, "files": ["live/{environment}.yaml", "{environment}/{other}.yaml"]})
    assert targets(rules, "live/prod.yaml")[0] == "prod/api"
    assert targets(rules, "dev/x.yaml")[0] == "dev/api"


def test_a_file_read_by_two_rules_declares_by_each() -> None:
    rules = rule_set(KUSTOMIZE, {**KUSTOMIZE, "environment": "copy"})
    assert targets(rules, data=b"images: [{name: api, newTag: v1}]") == ["prod/api", "copy/api"]


def test_a_file_that_no_rule_matches_declares_nothing() -> None:
    assert targets(rule_set(KUSTOMIZE), "README.md", b"\x00") == []


def test_names_come_from_templates_paths_and_renames() -> None:
    rules = rule_set(
        {
            "files": "{region}/{stage}/kustomization.yaml",
            "format": "kustomize",
            "environment": {"from": "text", "text": "{stage}-{region}", "rename": {"prod-eu": "production"}},
            "service": {"from": "path", "segment": -2},
        }
    )
    assert set(targets(rules, "eu/prod/kustomization.yaml")) == {"production/prod"}
    assert set(targets(rules, "us/prod/kustomization.yaml")) == {"prod-us/prod"}


def test_a_segment_that_the_path_does_not_have_names_nothing() -> None:
    rule = {"files": "**/kustomization.yaml", "format": "kustomize", "environment": {"from": "path", "segment": 5}}
    assert targets(rule_set(rule)) == []


def test_a_repository_is_filled_in_by_the_first_glob_that_matches_the_service() -> None:
    rules = rule_set(
        {
            "files": "{environment}/{service}.yaml",
            "format": "helm-values",
            "repository": {"mediawiki-*": "ghcr.io/acme/mediawiki", "api": "ghcr.io/{environment}/{service}"},
        }
    )
    data = b"image: {tag: v1}"
    read = [str(rules.read(f"prod/{name}.yaml", data)[0].image) for name in ("mediawiki-139", "api", "ui")]
    assert read == ["ghcr.io/acme/mediawiki:v1", "ghcr.io/prod/api:v1", ":v1"]


def test_a_set_prunes_directories_that_no_rule_reaches() -> None:
    rules = rule_set(KUSTOMIZE, {**KUSTOMIZE, "files": "clusters/{environment}/**/kustomization.yaml"})
    assert [rules.may_contain(name) for name in ("", "clusters/prod/a/b", "docs", "docs/deep")] == [
        True,
        True,
        True,
        False,
    ]


def test_the_digest_changes_with_any_rule_and_with_nothing_else() -> None:
    assert rule_set(KUSTOMIZE).digest == rule_set(dict(KUSTOMIZE)).digest
    others = [rule_set(), rule_set({**KUSTOMIZE, "only": ["a"]}), rule_set(KUSTOMIZE, KUSTOMIZE)]
    assert len({rule_set(KUSTOMIZE).digest, *(rules.digest for rules in others)}) == 4


def test_a_file_with_more_images_than_any_real_one_is_unreadable() -> None:
    data = b"images:\n" + b"".join(b"- {name: a%d, newTag: v1}\n" % number for number in range(10_001))
    with pytest.raises(Unreadable, match="more than 10000 images"):
        rule_set(KUSTOMIZE).read("prod/kustomization.yaml", data)
