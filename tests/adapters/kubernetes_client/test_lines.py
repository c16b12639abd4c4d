"""A watch is cut into lines whatever the network made of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kubernetes_client.lines import LineSplitter
from bridge.errors import Unavailable


@given(st.lists(st.text(min_size=1).map(str.encode).filter(lambda line: b"\n" not in line and line.strip())), st.data())
def test_any_chunking_gives_the_same_lines(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    splitter, found, at = LineSplitter(), list[bytes](), 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        found += splitter.feed(stream[at : at + size])
        at += size
    assert found == lines
    assert splitter.is_clean


def test_half_a_line_is_no_line_and_is_noticed() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b'{"a":1}\n\n{"b"') == [b'{"a":1}']
    assert not splitter.is_clean


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    splitter = LineSplitter(longest=10)
    with pytest.raises(Unavailable, match="longer than 10 bytes"):
        splitter.feed(b"x" * 11)
