"""Text of a configuration into values that know their lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.formats.located_yaml import Fault, Unparsable, read_document


@pytest.mark.parametrize(
    "written", ["1.10", "on", "no", "12:30", "1e3", "0123", "0o17", "2024-01-01", "true", ".inf", "=", "1_000", "0x1F"]
)
def test_a_scalar_stays_the_text_that_was_written(written: str) -> None:
    assert read_document(f"key: {written}").value == {"key": written}


@pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL"])
def test_only_a_plain_null_is_none(written: str) -> None:
    assert read_document(f"key: {written}\nquoted: 'null'").value == {"key": None, "quoted": "null"}


def test_every_value_knows_its_line() -> None:
    document = read_document("a:\n  - x\n  - b: 1\n    c: 2\n")
    assert document.locate(("a", 1, "c")) == (("a", 1, "c"), 4)
    assert document.locate(("a", 0)) == (("a", 0), 2)


def test_steps_that_are_not_written_are_passed_over() -> None:
    document = read_document("a:\n  b: 1\n")
    assert document.locate(("a", "function-before", "b")) == (("a", "b"), 2)
    assert document.locate(("missing",)) == ((), 1)


def test_every_duplicate_key_is_named_with_both_lines() -> None:
    with pytest.raises(Unparsable) as caught:
        read_document("a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert [(fault.line, fault.message) for fault in caught.value.faults] == [
        (2, "the key `c` stands twice: first on line 2"),
        (3, "the key `a` stands twice: first on line 1"),
    ]


def test_a_merge_fills_only_what_is_not_there() -> None:
    value = read_document("base: &base {x: 1, y: 2}\nmine:\n  <<: *base\n  y: 3\n").value
    assert value == {"base": {"x": "1", "y": "2"}, "mine": {"x": "1", "y": "3"}}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: [1, 2\n", 3, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: !Sub x", 1, "the tag !Sub means nothing here"),
        ("a: &loop [*loop]", 1, "refers to no finished &anchor"),
        ("\n? [a]\n: b", 2, "a key must be text"),
        ("a: &x [1]\n? *x\n: b", 2, "a key must be text"),
        ("a\x00b", 1, "not YAML"),
        ("[" * 100_000, 1, "nested deeper than 64 levels"),
    ],
)
def test_what_can_t_be_used_is_said_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(Unparsable) as caught:
        read_document(text)
    assert caught.value.faults[-1].line == line
    assert said in caught.value.faults[-1].message


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(Unparsable, match="once aliases are followed"):
        read_document("\n".join(rows))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200) | st.text("[]{}&*!-:? \n#'\"|>%@a1~<", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    faults = [Fault(1, "")]
    try:
        read_document(text)
    except Unparsable as error:
        faults = error.faults
    assert faults
    assert all(fault.line >= 1 for fault in faults)
