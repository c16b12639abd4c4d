"""Whatever the bytes are, every format answers with declarations or Unreadable, and soon."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.formats.declarations.declaration import Declaration, Unreadable
from bridge.formats.declarations.rules import RuleSet, RuleSettings

_NAMED = {"environment": "prod", "service": "api"}
_RULES: dict[str, dict[str, object]] = {
    "kustomize": {"files": "x", "format": "kustomize", "environment": "prod"},
    "helm-values": {"files": "x", "format": "helm-values", "environment": "prod"},
    "manifests": {"files": "x", "format": "manifests", "environment": {"from": "namespace"}},
    "helm-release": {"files": "x", "format": "helm-release", "environment": "prod", "charts": True},
    "argocd": {"files": "x", "format": "argocd", "environment": {"from": "namespace"}, "charts": True},
    "argocd-source": {"files": "x", "format": "argocd-source", "environment": "prod", "charts": True},
    "setters": {"files": "x", "format": "setters", "environment": "prod"},
    "regex": {"files": "x", "format": "regex", "pattern": r"image: *(?P<image>(\S+)+)", **_NAMED},
    "auto": {"files": "x", "format": "auto", "environment": "prod", "service": {"from": "key", "segment": -1}},
    "keys by tag": {"files": "x", "format": "keys", "tag": "image.tag", "digest": "image.digest", **_NAMED},
    "keys by image": {"files": "x", "format": "keys", "image": "images.0.image", **_NAMED},
    "keys by tags": {"files": "x", "format": "keys", "tags": {"a": "image", "b": "image.tag"}, "environment": "prod"},
}

_WORDS = st.sampled_from(
    [
        "image",
        "images",
        "tag",
        "newTag",
        "newName",
        "digest",
        "repository",
        "name",
        "metadata",
        "namespace",
        "spec",
        "template",
        "containers",
        "imageTag",
        "webImage",
        "items",
        "kind",
        "List",
        "HelmRelease",
        "Application",
        "ApplicationSet",
        "Kustomization",
        "apiVersion",
        "argoproj.io/v1",
        "values",
        "valuesObject",
        "parameters",
        "value",
        "image.tag",
        "source",
        "sources",
        "helm",
        "kustomize",
        "generators",
        "list",
        "elements",
        "patches",
        "patch",
        "target",
        "[{op: add, path: /spec/containers/0/image, value: 'a:b'}]",
        "image: {tag: v1}",
        "replacements",
        "targets",
        "fieldPaths",
        "sourceValue",
        "configMapGenerator",
        "literals",
        "A=v1",
        "v1",
        "1.10",
        "acme/api:v1",
        "~",
        "",
        "<<",
        "{{ .x }}",
        "sha256:" + "a" * 64,
    ]
)
_TREES: st.SearchStrategy[object] = st.recursive(
    _WORDS | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=5),
    max_leaves=30,
)
_PIECES = (
    *(
        "image: ",
        "- ",
        "\n",
        "  ",
        "tag: ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "<<: ",
        "{{ if x }}",
        "{{ end }}",
        "{{",
        "}}",
    ),
    *(
        '"',
        "'",
        "|",
        ">",
        "!x ",
        "? ",
        ": ",
        ",",
        "#",
        "---\n",
        "v1",
        "\t",
        "\u2028",
        "\ue000",
        "\r",
        "%YAML 1.1\n",
        ' # {"$imagepolicy": "ns:shop:tag"}',
        ' # {"$imagepolicy": "ns:shop"}',
        "A=v1\n",
        "kind: HelmRelease\nspec:\n  values:\n    ",
        "kind: Application\nspec: {source: {helm: {values: ",
        "\ufeff",
    ),
)
_SNIPPETS = st.lists(st.sampled_from(_PIECES), max_size=40).map("".join)
_RULE_SETS = [
    RuleSet([RuleSettings.model_validate({**rule, "templated": templated})])
    for rule in _RULES.values()
    for templated in (False, True)
]


def _read_or_refuse(rules: RuleSet, data: bytes) -> tuple[Declaration, ...]:
    """Any other exception than Unreadable fails the test that calls this."""
    try:
        return rules.read("x", data)
    except Unreadable as error:
        return _check_reason(str(error))


def _check_reason(reason: str) -> tuple[()]:
    assert 0 < len(reason) <= 300
    return ()


def _read_all(data: bytes) -> None:
    for rules in _RULE_SETS:
        found = _read_or_refuse(rules, data)
        assert all(isinstance(item, Declaration) for item in found)
        assert len({item.pointer for item in found}) == len(found)


@given(st.binary(max_size=300))
@settings(deadline=timedelta(seconds=2))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    _read_all(data)


@given(_SNIPPETS)
@settings(deadline=timedelta(seconds=2))
def test_any_mixture_of_yaml_and_templates_is_read_or_refused(text: str) -> None:
    _read_all(text.encode())


@given(_TREES)
@settings(deadline=timedelta(seconds=2))
def test_any_document_of_the_formats_own_words_is_read_or_refused(tree: object) -> None:
    _read_all(_as_yaml(tree).encode())


def _as_yaml(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{_as_yaml(key)}: {_as_yaml(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(_as_yaml(item) for item in tree) + "]"
    return "null" if tree is None else f'"{tree}"'


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "{",
        "- ",
        "? ",
        ": ",
        "a: b, ",
        "{{a}}",
        "{{",
        "{{if}}",
        "{{end}} ",
        '"',
        "!",
        "&a ",
        "#\n",
        "---\n",
        "a\n",
        " ",
        "\ue000",
        "- x\n",
    ],
)
def test_a_quarter_megabyte_of_one_thing_is_met_soon(unit: str) -> None:
    data = (unit * 250_000).encode()[:250_000].decode(errors="ignore").encode()
    for rules in _RULE_SETS[2:4]:  # helm-values, which walks everything, untemplated and templated
        assert _read_or_refuse(rules, data) == ()


_BIG = "x" * 4_000_000
_COSTLY = {
    "aliases of one text as images": ("helm-values", f'a: &a "{_BIG}"\nb:\n' + "- {image: *a}\n" * 60_000),
    "aliases of one text as patches": ("kustomize", f'a: &a "{_BIG}"\npatches:\n' + "- *a\n" * 100_000),
    "aliases of one text as values": (
        "argocd",
        f'kind: Application\na: &a "{_BIG}"\nspec:\n  sources:\n' + "  - {helm: {values: *a}}\n" * 30_000,
    ),
    "markers everywhere": ("setters", 'a: b # {"$imagepolicy": "n:s:tag"}\n' * 120_000),
    "images below a long key": ("helm-values", "k" * 1000 + ":\n" + "- {image: a:b}\n" * 80_000),
    "nothing but line ends": ("keys by tags", "\n" * 4_900_000),
    "nothing but comments": ("auto", "# c\n" * 1_200_000),
    "an assignment and spaces": ("keys by tags", "A=x" + " " * 200_000 + "y"),
    "a long parameter": ("argocd-source", 'helm: {parameters: [{name: "' + "a" * 4_000_000 + '\\\\", value: v}]}'),
    "words for an expression": ("regex", "image: " + "a" * 4_900_000 + "\n"),
    "a line of matches": ("regex", "image: a " * 500_000),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", _COSTLY)
def test_files_made_to_cost_much_cost_less_than_two_seconds_of_work(name: str) -> None:
    """A second, doubled for slow machines; by the process's own time, so that a busy machine changes nothing."""
    rule, text = _COSTLY[name]
    data = text.encode()
    rules = RuleSet([RuleSettings.model_validate(_RULES[rule])])
    started = time.process_time()
    _read_or_refuse(rules, data)
    assert time.process_time() - started < 2
