"""Answers are kept as long as they are true, in little memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.api.prepared import KeptAnswers, Prepared, Scope, Shape

SHAPE = Shape("desired", lambda _intents: b"", "a test")


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_equal_bodies_have_equal_tags_and_others_have_others(bodies: list[bytes]) -> None:
    tags = {Prepared.of(version, body).etag for version, body in enumerate(bodies)}
    assert len(tags) == len(set(bodies))


def test_an_answer_is_given_for_its_version_and_scope_only() -> None:
    kept, scope = KeptAnswers(), Scope("production", None)
    kept.keep(SHAPE, scope, Prepared.of(1, b"one"))
    assert kept.get(SHAPE, scope, 1) == Prepared.of(1, b"one")
    assert kept.get(SHAPE, scope, 2) is None
    assert kept.get(SHAPE, Scope("production", frozenset({"shop"})), 1) is None


def test_the_oldest_goes_where_there_is_no_room() -> None:
    kept = KeptAnswers(most_bytes=10)
    scopes = [Scope(name, None) for name in "abcd"]
    for scope in scopes:
        kept.keep(SHAPE, scope, Prepared.of(1, b"1234"))
        kept.keep(SHAPE, scope, Prepared.of(1, b"1234"))
    assert [kept.get(SHAPE, scope, 1) is not None for scope in scopes] == [False, False, True, True]
    kept.keep(SHAPE, scopes[0], Prepared.of(1, b"12345678901"))
    assert [kept.get(SHAPE, scope, 1) for scope in scopes] == [None] * 4
