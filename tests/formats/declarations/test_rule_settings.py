"""What is wrong with a rule is said when the configuration is read, by the name of the field."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from bridge.formats.declarations.catalog import FORMATS
from bridge.formats.declarations.rules import RuleSettings

DESIGN_EXAMPLE = """
- files: clusters/{environment}/{service}/kustomization.yaml
  format: kustomize
- files: charts/app-config/image-tags/{environment}/{service}
  format: keys
  tag: image_tag
  repository: "ghcr.io/acme/{service}"
- files: envs/{environment}/values.yaml
  format: helm-values
- files: apps/**/*.yaml
  format: manifests
  environment: {from: path, segment: 1}
"""


def test_the_example_of_the_design_is_valid() -> None:
    assert len([RuleSettings.model_validate(rule) for rule in yaml.safe_load(DESIGN_EXAMPLE)]) == 4


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (
            {"format": "toml"},
            "'toml' is no format: expected one of argocd, argocd-source, auto, helm-release, helm-values",
        ),
        ({"files": "a//b"}, "is not a path pattern"),
        ({"files": ()}, "no path pattern: expected at least one"),
        ({"ignore": ["a**b"]}, "must be a whole segment"),
        ({"files": "{service}.yaml"}, "`environment` can't be had: '{service}.yaml' does not capture {environment}"),
        ({"files": ["{environment}/a", "b"]}, "`environment` can't be had: 'b' does not capture {environment}"),
        ({"environment": "{stage}"}, "`environment` can't be had"),
        ({"environment": "{stage"}, "is not a template"),
        ({"environment": {"from": "namespace"}}, "`environment`: files of the format kustomize have no namespace"),
        ({"service": {"from": "label", "label": "x"}}, "`service`: files of the format kustomize have no label"),
        ({"service": {"from": "label"}}, "`label` and `from: label` belong together"),
        ({"service": {"segment": 1}}, "`segment` and `from: path` or `from: key` belong together"),
        ({"service": {"from": "text"}}, "`text` and `from: text` belong together"),
        ({"service": {"from": "text", "text": "{cluster}"}}, "`service` can't be had"),
        ({"repository": "ghcr.io/{team}/{service}"}, "`repository` can't be had"),
        ({"repository": {"api": "ghcr.io/{team}/{service}"}}, "`repository` can't be had"),
        ({"tag": "image.tag"}, "`tag`: no option of the format kustomize"),
        ({"format": "keys"}, "the format keys needs exactly one of"),
        ({"format": "keys", "tag": "a", "image": "b"}, "the format keys needs exactly one of"),
        ({"format": "keys", "tag": "a..b"}, "is not a dotted path"),
        ({"format": "keys", "tag": "a"}, "`service` can't be had"),
        (
            {"format": "keys", "tags": {"a": "A"}, "repositories": {"b": "B"}},
            "`repositories` names services that `tags` does not: b",
        ),
        ({"format": "regex"}, "the format regex needs `pattern`"),
        ({"format": "regex", "pattern": "a(?=b)(?P<tag>c)"}, "is no expression of RE2"),
        ({"format": "regex", "pattern": "(?P<tag>.)(?P<name>.)"}, "the groups name mean nothing"),
        ({"format": "regex", "pattern": "(?P<service>.)"}, "no group that is a version"),
        ({"format": "regex", "pattern": "(?P<tag>.)"}, "`service` can't be had"),
        ({"format": "keys", "image": "a", "service": {"from": "key", "segment": 0}}, "of the format keys have no key"),
        ({"service": {"from": "suffix", "suffixes": {"-dev": "dev"}}}, "the suffix names the environment"),
        ({"environment": {"from": "suffix"}}, "`suffixes` and `from: suffix` belong together"),
        (
            {"environment": {"from": "branch", "pattern": "env/{environment}"}},
            "does not capture {name} and nothing else",
        ),
        ({"files": "base.yaml", "inherited_by": "{service}.yaml"}, "'base.yaml' and '{service}.yaml' do not capture"),
        ({"inherited_by": "a**"}, "is not a path pattern"),
        ({"environment": "pre prod"}, "`environment`: 'pre prod' is not a name"),
        ({"service": {"from": "text", "text": "shop/"}}, "`service`: 'shop/' is not a name"),
        ({"environment": {"rename": {"prd": "pro duction"}}}, "`environment`: 'pro duction' is not a name"),
        (
            {"environment": {"from": "suffix", "suffixes": {"-dev": "de v"}, "otherwise": "prod"}},
            "`environment`: 'de v' is not a name",
        ),
        (
            {"environment": {"from": "suffix", "suffixes": {"-dev": "dev"}, "otherwise": ""}},
            "`environment`: '' is not a name",
        ),
        (
            {"environment": {"from": "path", "segment": 2}},
            "`environment` can't be had: '{environment}/x.yaml' has no segment 2: expected -2 to 1",
        ),
        ({"service": {"from": "path", "segment": -3}}, "'{environment}/x.yaml' has no segment -3"),
        ({"unknown": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_reason(rule: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RuleSettings.model_validate({"files": "{environment}/x.yaml", "format": "kustomize", **rule})
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "rule",
    [
        {"environment": "production", "files": "x.yaml"},
        {"environment": "{stage}-{region}", "files": "{stage}/{region}/x.yaml"},
        {"environment": {"from": "path", "segment": -2}, "files": "**/x.yaml"},
        {"environment": {"from": "path", "segment": 7}, "files": ["a/**/x.yaml", "a/b/c/d/e/f/g/h"]},
        {"environment": {"rename": {"prd": "production"}}},
        {"service": {"from": "text", "text": "{team}", "strip_prefix": "x-"}, "files": "{environment}/{team}.yaml"},
        {"format": "keys", "tags": {"a": "A"}},
        {"format": "keys", "digest": "d", "service": "api"},
        {"format": "manifests", "environment": {"from": "label", "label": "env"}, "files": "x.yaml"},
        {"except": ["redis*"], "only": ["*"], "images": ["ghcr.io/acme/*"], "ignore": ["lab/**"], "templated": True},
        {"repository": {"api*": "ghcr.io/acme/{service}", "*": "ghcr.io/{environment}/{service}"}},
    ],
)
def test_every_documented_way_to_name_targets_is_valid(rule: dict[str, object]) -> None:
    RuleSettings.model_validate({"files": "{environment}/x.yaml", "format": "kustomize", **rule})


def test_the_schema_names_the_formats_and_describes_every_field() -> None:
    schema = RuleSettings.model_json_schema(by_alias=True)
    assert schema["properties"]["format"]["enum"] == sorted(FORMATS)
    assert all("description" in field for field in schema["properties"].values())
