"""Scalars are text as written, and hostile input ends in Unreadable within its budgets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.formats.declarations import yaml_text
from bridge.formats.declarations.declaration import Unreadable
from bridge.formats.declarations.yaml_text import DEEPEST, LARGEST_FILE, read_documents


def read_one(text: str) -> object:
    (document,) = read_documents(text.encode())
    return document


@pytest.mark.parametrize(
    "written",
    [
        "1.10",
        "0123e45",
        "2024-01-01",
        "1e3",
        "yes",
        "off",
        "0x1F",
        "1_000",
        "=",
        "12:30:45",
        ".inf",
        "<<",
        "true",
        "0o17",
    ],
)
def test_an_unquoted_scalar_stays_what_was_written(written: str) -> None:
    assert read_one(f"tag: {written}") == {"tag": written}


@pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL", "!!null ''", "!!null x"])
def test_an_unquoted_null_is_none(written: str) -> None:
    assert read_one(f"tag: {written}") == {"tag": None}


@pytest.mark.parametrize(("written", "text"), [("'null'", "null"), ('"~"', "~"), ("''", ""), ("!!str null", "null")])
def test_a_quoted_null_is_text(written: str, text: str) -> None:
    assert read_one(f"tag: {written}") == {"tag": text}


@pytest.mark.parametrize("written", ["!Sub x", "!vault x", "!!python/name:os.system x", "!<tag:acme,2024:y> x"])
def test_a_tagged_scalar_is_its_plain_value(written: str) -> None:
    assert read_one(f"tag: {written}") == {"tag": "x"}


def test_the_last_of_duplicate_keys_wins() -> None:
    assert read_one("tag: a\ntag: b") == {"tag": "b"}


def test_merge_keys_give_way_to_what_is_written_and_to_earlier_ones() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 0\nd:\n  <<: *b\ne:\n  <<: text\n  k: v\n"
    document = read_one(text)
    assert isinstance(document, dict)
    assert document["c"] == {"x": "0", "y": "1", "z": "2"}
    assert document["d"] == {"y": "2", "z": "2"}
    assert document["e"] == {"k": "v"}


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert read_one('"<<": {a: b}') == {"<<": {"a": "b"}}


def test_aliases_stand_for_scalars_sequences_and_keys() -> None:
    assert read_one("&k a: &s [1]\nb: *s\n*k : 2\n") == {"a": "2", "b": ["1"]}


def test_a_null_key_is_its_text_and_a_sequence_key_is_left_out() -> None:
    assert read_one("null: 1\n? [a]\n: 2\n") == {"null": "1"}


def test_json_with_tabs_is_read() -> None:
    assert read_one('{\n\t"image": {\n\t\t"tag": 1.10\n\t}\n}') == {"image": {"tag": "1.10"}}


def test_documents_are_read_one_by_one_and_anchors_end_with_theirs() -> None:
    assert read_documents(b"a: &x 1\n---\n---\nb: 2\n") == [{"a": "1"}, None, {"b": "2"}]
    with pytest.raises(Unreadable, match="line 3: an alias to an anchor"):
        read_documents(b"a: &x 1\n---\nb: *x\n")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only a comment\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_documents(data: bytes) -> None:
    assert read_documents(data) == []


def test_a_byte_order_mark_of_utf8_is_dropped() -> None:
    assert read_documents(b"\xef\xbb\xbfa: 1") == [{"a": "1"}]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfea\x00", "line 1: the file is UTF-16"),
        (b"a: 1\nb: \x00", "line 2: a NUL byte"),
        (b"a: 1\nb: \xe9\n", "line 2: not UTF-8"),
        (b"a: \x07", "control characters are not allowed"),
        (b"<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> main\n", "line 2"),
        (b"a: [1\n", "line 2"),
        (b"a: *missing\n", "line 1: an alias to an anchor"),
        (b"a: &a [*a]\n", "line 1: an alias to an anchor"),
        (b"a: &a 1\nb: &a {c: *a}\n", "line 2: an alias to an anchor"),
        (b"{{- if x }}\na: 1\n{{- end }}\n", "line 1"),
        (b"a: " + b"[" * (DEEPEST + 1), f"line 1: nested deeper than {DEEPEST} levels"),
        (b"? " + b"k" * 1025 + b"\n: 1\n", "line 1: a key of more than 1024 characters"),
        (b"#" * (LARGEST_FILE + 1), f"the file has {LARGEST_FILE + 1} bytes"),
    ],
)
def test_what_is_no_yaml_text_says_where_and_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_documents(data)
    assert reason in str(caught.value)


def test_an_alias_bomb_is_refused_before_it_expands() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Unreadable, match="aliases counted as what they stand for"):
        read_documents("\n".join(lines).encode())


def test_a_chain_of_merge_keys_is_counted_like_aliases() -> None:
    keys = ", ".join(f"k{n}: v" for n in range(1000))
    lines = [f"a: &a {{{keys}}}"] + [f"b{n}: {{<<: [*a, *a]}}" for n in range(100)]
    with pytest.raises(Unreadable, match="aliases counted"):
        read_documents("\n".join(lines).encode())


_FLAT_VALUES = st.sampled_from(
    (
        *(
            "v1",
            "1.10",
            "null",
            "Null",
            "nullable",
            "~",
            "",
            "'1e3'",
            '"f3d0498"',
            "\"a'",
            "a b",
            "a:",
            "a: b",
            "#x",
            "- a",
            "v # w",
        ),
        *("true", "a/b.c-d", "&a x", "*a", "!x y", "'null'", "'~'", "null-1", "null.x", "NULL/", "_", "-1", ".5", "é"),
    )
)
_FLAT_KEYS = st.sampled_from(["image_tag", "a", "null", "<<", "'a'", "a.b", "1", "A-b", "? a", ""])
_FLAT_LINES = st.tuples(_FLAT_KEYS, st.sampled_from([": ", ":  ", ":", " : ", ":\t"]), _FLAT_VALUES).map("".join)


@given(st.lists(_FLAT_LINES, max_size=4), st.sampled_from(["", "\n", "\n\n", "\r\n", " "]))
def test_the_short_way_for_flat_files_reads_what_the_parser_reads(lines: list[str], ending: str) -> None:
    text = "\n".join(lines) + ending

    def read(text: str) -> object:
        try:
            return read_documents(text.encode())
        except Unreadable:
            return "unreadable"

    assert read(text) == read(
        text + ("" if text.endswith("\n") or not text else "\n") + "# a comment takes the long way"
    )


def test_a_flat_file_needs_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "_TreeReader", None)
    data = b"image_tag: v1694\npromote: true\nquoted: 'null'\nreplicas: 0\n"
    assert read_documents(data) == [{"image_tag": "v1694", "promote": "true", "quoted": "null", "replicas": "0"}]


def test_a_reason_is_short() -> None:
    assert len(str(Unreadable("x" * 1000))) == 300
