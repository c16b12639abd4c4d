"""Path patterns match whole paths, capture words, and prune the tree without losing a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.formats.declarations.path_patterns import PathPattern


@pytest.mark.parametrize(
    ("pattern", "path", "captures"),
    [
        (
            "clusters/{environment}/{service}/kustomization.yaml",
            "clusters/prod/api/kustomization.yaml",
            {"environment": "prod", "service": "api"},
        ),
        ("values-{environment}.yaml", "values-prod-eu.yaml", {"environment": "prod-eu"}),
        ("{service}-{environment}.yaml", "my-api-prod.yaml", {"service": "my-api", "environment": "prod"}),
        ("{environment}/{service}/{environment}.yaml", "prod/api/prod.yaml", {"environment": "prod", "service": "api"}),
        ("{environment}/{service}/{environment}.yaml", "prod/api/dev.yaml", None),
        ("env/{environment:prod|dev*}/x", "env/dev-2/x", {"environment": "dev-2"}),
        ("env/{environment:prod|dev*}/x", "env/production/x", None),
        ("env/{environment:p?}/x", "env/p1/x", {"environment": "p1"}),
        ("a/**/b.yaml", "a/b.yaml", {}),
        ("a/**/b.yaml", "a/x/y/b.yaml", {}),
        ("a/**", "a/x/y", {}),
        ("a/**", "a", None),
        ("**/x.yaml", "x.yaml", {}),
        ("apps/*/v?.yaml", "apps/shop/v1.yaml", {}),
        ("apps/*/v?.yaml", "apps/shop/cart/v1.yaml", None),
        ("a.yaml", "axyaml", None),
        ("a[1].yaml", "a[1].yaml", {}),
        ("a.yaml", "a.yaml\n", None),
        ("{service}.yaml", ".yaml", None),
    ],
)
def test_a_pattern_matches_the_whole_path_or_nothing(pattern: str, path: str, captures: dict[str, str] | None) -> None:
    assert PathPattern(pattern).match(path) == captures


@pytest.mark.parametrize(
    "text", ["", "/a", "a//b", "a/../b", "./a", "a**b", "a/{Service}", "a/{service", "a/{}", "a/}"]
)
def test_what_is_no_pattern_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path pattern") as caught:
        PathPattern(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "directory", "answer"),
    [
        ("charts/tags/{environment}/{service}", "", True),
        ("charts/tags/{environment}/{service}", "charts", True),
        ("charts/tags/{environment}/{service}", "docs", False),
        ("charts/tags/{environment}/{service}", "charts/other", False),
        ("charts/tags/{environment}/{service}", "charts/tags/prod", True),
        ("charts/tags/{environment}/{service}", "charts/tags/prod/api", False),
        ("apps/**/x.yaml", "apps/a/b/c", True),
        ("a.yaml", "a.yaml/b", False),
        ("apps/**", "apps", True),
        ("apps/**", "lib", False),
        ("**/x.yaml", "any/where", True),
    ],
)
def test_directories_that_cannot_hold_a_match_are_pruned(pattern: str, directory: str, answer: bool) -> None:
    assert PathPattern(pattern).may_contain(directory) is answer


_SEGMENTS = st.sampled_from(["a", "b", "ab", "*", "**", "?", "{x}", "{y:a|b}"])


@given(
    st.lists(_SEGMENTS, min_size=1, max_size=5, unique_by=lambda part: part if "{" in part else object()),
    st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=6),
)
def test_no_directory_above_a_match_is_pruned(segments: list[str], names: list[str]) -> None:
    pattern, path = PathPattern("/".join(segments)), "/".join(names)
    if pattern.match(path) is not None:
        assert all(pattern.may_contain("/".join(names[:depth])) for depth in range(len(names)))
