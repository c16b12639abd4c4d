"""What a token may do, as it is written."""

from __future__ import annotations

import pytest

from bridge.formats.scopes import Scope, ScopeVerb, parse_scope


def test_a_verb_alone_covers_every_target() -> None:
    assert parse_scope("intents:write") == Scope(ScopeVerb.INTENTS_WRITE)
    assert parse_scope("intents:write").allows("intents:write", "production", "shop")


def test_globs_limit_a_verb_to_their_targets() -> None:
    scope = parse_scope("intents:write prod-*/shop-?")
    assert scope.allows("intents:write", "prod-eu", "shop-1")
    assert not scope.allows("intents:write", "staging", "shop-1")
    assert not scope.allows("intents:write", "prod-eu", "cart")
    assert not scope.allows("observations:write", "prod-eu", "shop-1")


def test_a_limited_scope_does_not_cover_every_target() -> None:
    assert parse_scope("intents:write */*").allows("intents:write")
    assert not parse_scope("intents:write production/*").allows("intents:write")
    assert not parse_scope("intents:write */shop").allows("intents:write", "production")


def test_the_first_slash_parts_environment_from_service() -> None:
    assert parse_scope("intents:write prod/team/shop").allows("intents:write", "prod", "team/shop")
    assert parse_scope("intents:write eu?prod/*").allows("intents:write", "eu/prod", "shop")


@pytest.mark.parametrize("text", ["read", "intents:write production/*", "observations:write */shop"])
def test_a_scope_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_scope(text)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a scope"),
        ("write", "is not a scope: expected one of intents:write, observations:write, read"),
        ("Read", "is not a scope"),
        ("intents:write production", "is not environment-glob/service-glob"),
        ("intents:write /shop", "is not environment-glob/service-glob"),
        ("intents:write production/", "is not environment-glob/service-glob"),
        ("intents:write a/b c/d", "is not environment-glob/service-glob"),
        ("read production/*", "covers the whole log"),
    ],
)
def test_what_is_no_scope_is_refused_with_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_scope(text)
